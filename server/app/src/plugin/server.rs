//! What is installed on a server: the commands that ask it, and how their answers are told.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hd1_api::{
    InstallOutcome, InstalledPlugin, Plugin, PluginHealth, PluginJob, PluginJobList, PluginJobState, PluginList,
    PluginLog, PluginLogLine, PluginStats, SessionPlugin, SessionPluginList,
};
use hd1_core::SessionId;
use hd1_manifest::PluginId;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::args::{Named, Server};
use super::package;
use super::print;
use super::remote::{Body, Remote};

/// Entries that a list is asked for at a time.
const PAGE: u64 = 200;
/// How long a log that is followed waits before it asks for more.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);

pub(super) fn install(path: &Path, key: Option<&Path>, server: &Server) -> Result<()> {
    let remote = Remote::of(server)?;
    let bytes = package::load(path, key)?;
    let installed: InstalledPlugin = remote.ask("POST", "/api/plugins", Body::Octets(&bytes))?;
    if server.json {
        return print::json(&installed);
    }
    let InstalledPlugin { plugin, outcome } = installed;
    let what = match outcome {
        InstallOutcome::Installed => "installed",
        InstallOutcome::Replaced => "replaced what was there",
        InstallOutcome::Unchanged => "was there already",
    };
    let in_sessions = format!("in {} sessions", plugin.session_count);
    print::say(&format!("{} {} ({}) {what}, {in_sessions}", plugin.id, plugin.version, plugin.trust))
}

pub(super) fn list(server: &Server) -> Result<()> {
    let remote = Remote::of(server)?;
    let mut plugins = Vec::new();
    loop {
        let path = format!("/api/plugins?limit={PAGE}&offset={}", plugins.len());
        let page: PluginList = remote.ask("GET", &path, Body::None)?;
        plugins.extend(page.plugins);
        if !page.pagination.has_more {
            break;
        }
    }
    if server.json {
        return print::json(&json!({ "plugins": plugins }));
    }
    let rows: Vec<_> = plugins
        .into_iter()
        .map(|plugin| {
            let state = standing(&plugin).to_owned();
            [plugin.id, plugin.version, state, plugin.trust, plugin.session_count.to_string(), plugin.name]
        })
        .collect();
    print::table(["ID", "VERSION", "STATE", "TRUST", "SESSIONS", "NAME"], &rows)
}

fn standing(plugin: &Plugin) -> &'static str {
    match (&plugin.revoked, plugin.enabled) {
        (Some(_), _) => "revoked",
        (None, true) => "enabled",
        (None, false) => "disabled",
    }
}

pub(super) fn list_of(session: SessionId, server: &Server) -> Result<()> {
    let list = Remote::of(server)?.call("GET", &format!("/api/sessions/{session}/plugins"), Body::None)?;
    if server.json {
        return print::json(&list);
    }
    let list: SessionPluginList = serde_json::from_value(list).context("the list is in another form")?;
    let row = |plugin: &SessionPlugin| {
        let state = match (&plugin.health, plugin.active) {
            (Some(health), _) => health.state.as_str(),
            (None, true) => "not loaded",
            (None, false) => "off",
        };
        let config = Value::Object(plugin.effective_config.clone()).to_string();
        [plugin.position.to_string(), plugin.plugin.clone(), plugin.version.clone(), state.to_owned(), config]
    };
    let rows: Vec<_> = list.plugins.iter().map(row).collect();
    print::table(["#", "ID", "VERSION", "STATE", "CONFIG"], &rows)
}

pub(super) fn jobs(id: &PluginId, failed: bool, server: &Server) -> Result<()> {
    let query = if failed { format!("?limit={PAGE}&state=failed") } else { format!("?limit={PAGE}") };
    let list: PluginJobList = Remote::of(server)?.ask("GET", &format!("{}/jobs{query}", path(id)), Body::None)?;
    if server.json {
        return print::json(&list);
    }
    let row = |job: PluginJob| {
        let state = match job.state {
            PluginJobState::Waiting => "waiting",
            PluginJobState::Running => "running",
            PluginJobState::Failed => "failed",
        };
        let kind = match (job.is_action, job.scheduled) {
            (true, _) => "action",
            (false, true) => "schedule",
            (false, false) => "job",
        };
        let texts = [kind, &job.name, state, &job.due_at.to_string(), &job.attempts.to_string()].map(str::to_owned);
        let [kind, name, state, due, attempts] = texts;
        [job.id.to_string(), kind, name, state, due, attempts, job.error.unwrap_or_default().replace('\n', " ")]
    };
    let rows: Vec<_> = list.jobs.into_iter().map(row).collect();
    print::table(["JOB", "KIND", "NAME", "STATE", "DUE", "FAILED", "WHY"], &rows)
}

pub(super) fn retry(id: &PluginId, job: Uuid, server: &Server) -> Result<()> {
    Remote::of(server)?.call("POST", &format!("{}/jobs/{job}/retry", path(id)), Body::None)?;
    print::say("it is tried again now")
}

pub(super) fn show(named: &Named) -> Result<()> {
    let plugin: Plugin = Remote::of(&named.server)?.ask("GET", &path(&named.id), Body::None)?;
    tell(&plugin, &named.server)
}

pub(super) fn step(named: &Named, step: &str) -> Result<()> {
    let path = format!("{}/{step}", path(&named.id));
    let plugin: Plugin = Remote::of(&named.server)?.ask("POST", &path, Body::None)?;
    tell(&plugin, &named.server)
}

fn tell(plugin: &Plugin, server: &Server) -> Result<()> {
    if server.json {
        return print::json(plugin);
    }
    let needs = plugin.dependencies.iter().map(|(id, wanted)| {
        format!("{id} {}{}", wanted.version, if wanted.optional { " (may be absent)" } else { "" })
    });
    let service = plugin.service.as_ref().map(|service| service.state.as_str()).unwrap_or_default().to_owned();
    let rights = plugin.rights.iter().map(|right| {
        let state = if right.holds { "" } else { " (not granted)" };
        format!("{}{state}", right.right)
    });
    let routes = plugin.routes.iter().map(|route| format!("{} {}", route.method, route.path));
    let refuses = plugin.conflicts.iter().map(|(id, versions)| format!("{id} {versions}"));
    let signer = match (&plugin.signer, &plugin.owner) {
        (None, _) => "nobody".to_owned(),
        (Some(key), None) => format!("{key}, which the server does not know"),
        (Some(key), Some(owner)) => format!("{key} of {owner}"),
    };
    print::pairs(&[
        ("id", plugin.id.clone()),
        ("name", plugin.name.clone()),
        ("about", plugin.description.replace('\n', " ")),
        ("version", plugin.version.clone()),
        ("before", plugin.previous_version.clone().unwrap_or_default()),
        ("state", standing(plugin).to_owned()),
        ("revoked", plugin.revoked.clone().unwrap_or_default()),
        ("trust", plugin.trust.clone()),
        ("signed by", signer),
        ("package", format!("{}, {} bytes", plugin.package, plugin.package_bytes)),
        ("license", plugin.license.clone()),
        ("authors", plugin.authors.join(", ")),
        ("systems", plugin.systems.join(", ")),
        ("components", plugin.components.join(", ")),
        ("service", service),
        ("rights", rights.collect::<Vec<_>>().join(", ")),
        ("routes", routes.collect::<Vec<_>>().join(", ")),
        ("needs", needs.collect::<Vec<_>>().join(", ")),
        ("not beside", refuses.collect::<Vec<_>>().join(", ")),
        ("config", Value::Object(plugin.config.clone()).to_string()),
        ("sessions", plugin.session_count.to_string()),
        ("installed", plugin.installed_at.to_string()),
        ("changed", plugin.updated_at.to_string()),
    ])
}

pub(super) fn uninstall(named: &Named) -> Result<()> {
    Remote::of(&named.server)?.call("DELETE", &path(&named.id), Body::None)?;
    done(&named.server, &format!("{} is uninstalled", named.id))
}

pub(super) fn attach(
    id: &PluginId,
    session: SessionId,
    position: Option<u32>,
    values: &[String],
    server: &Server,
) -> Result<()> {
    let mut wish = json!({ "plugin": id });
    if !values.is_empty() {
        wish["config"] = Value::Object(fields(values)?);
    }
    if let Some(position) = position {
        wish["position"] = json!(position);
    }
    let path = format!("/api/sessions/{session}/plugins");
    let attached: SessionPlugin = Remote::of(server)?.ask("POST", &path, Body::Json(wish))?;
    if server.json {
        return print::json(&attached);
    }
    let off = if attached.active { "" } else { "; it does not run, since it is disabled or revoked" };
    print::say(&format!("{} {} is attached at {}{off}", attached.plugin, attached.version, attached.position))
}

pub(super) fn detach(id: &PluginId, session: SessionId, server: &Server) -> Result<()> {
    Remote::of(server)?.call("DELETE", &format!("/api/sessions/{session}/plugins/{id}"), Body::None)?;
    done(server, &format!("{id} is detached"))
}

pub(super) fn grant(id: &PluginId, rights: &[String], none: bool, server: &Server) -> Result<()> {
    let remote = Remote::of(server)?;
    let plugin: Plugin = match (rights.is_empty(), none) {
        (true, false) => remote.ask("GET", &path(id), Body::None)?,
        _ => remote.ask("PATCH", &path(id), Body::Json(json!({ "rights": rights })))?,
    };
    if server.json {
        return print::json(&json!({ "rights": plugin.rights }));
    }
    let rows: Vec<_> = plugin
        .rights
        .into_iter()
        .map(|right| {
            let state = match (right.granted, right.holds) {
                (false, _) => "not granted",
                (true, true) => "granted",
                (true, false) => "granted, but its trust is too low",
            };
            [right.right, state.to_owned(), right.why]
        })
        .collect();
    print::table(["RIGHT", "STATE", "WHAT FOR"], &rows)
}

pub(super) fn config(id: &PluginId, session: Option<SessionId>, values: &[String], server: &Server) -> Result<()> {
    let remote = Remote::of(server)?;
    let (path, held) = match session {
        Some(session) => (format!("/api/sessions/{session}/plugins/{id}"), "effective_config"),
        None => (path(id), "config"),
    };
    // A patch without a change answers what there is in a session, too; whoever only reads must not need the right.
    let answer = match (values, session) {
        ([], None) => remote.call("GET", &path, Body::None)?,
        ([], Some(session)) => {
            let path = format!("/api/sessions/{session}/plugins");
            let list: SessionPluginList = remote.ask("GET", &path, Body::None)?;
            let own = list.plugins.into_iter().find(|plugin| plugin.plugin == id.to_string());
            json!(own.with_context(|| format!("the session does not have {id}: attach it first"))?)
        }
        (values, _) => remote.call("PATCH", &path, Body::Json(json!({ "config": fields(values)? })))?,
    };
    if server.json {
        return print::json(&answer);
    }
    let mut shown = Map::new();
    // The defaults stand in the schema: of a plugin without any value set they are what holds.
    if let Some(properties) = answer.pointer("/config_schema/properties").and_then(Value::as_object) {
        shown.extend(properties.iter().map(|(name, schema)| (name.clone(), schema["default"].clone())));
    }
    shown.extend(answer[held].as_object().cloned().unwrap_or_default());
    let pairs: Vec<_> = shown.iter().map(|(name, value)| (name.as_str(), value.to_string())).collect();
    print::pairs(&pairs)
}

pub(super) fn logs(id: &PluginId, lines: u32, follow: bool, server: &Server) -> Result<()> {
    let remote = Remote::of(server)?;
    let (mut after, mut limit) = (0, lines);
    loop {
        let path = format!("{}/logs?after={after}&limit={limit}", path(id));
        let log: PluginLog = remote.ask("GET", &path, Body::None)?;
        for line in &log.lines {
            if server.json { print::json(line)? } else { print::say(&told(line))? }
        }
        if !follow {
            return Ok(());
        }
        // Everything that came meanwhile, however few lines were wanted at first.
        (after, limit) = (log.pagination.next_cursor, 1_000);
        std::thread::sleep(FOLLOW_INTERVAL);
    }
}

fn told(line: &PluginLogLine) -> String {
    let PluginLogLine { at, level, session_id, system, text, .. } = line;
    let level = json!(level);
    let session = session_id.map(|id| format!(" {id}")).unwrap_or_default();
    let system = if system.is_empty() { String::new() } else { format!(" {system}") };
    format!("{at} {:5}{session}{system}: {text}", level.as_str().unwrap_or_default())
}

pub(super) fn stats(named: &Named) -> Result<()> {
    let path = format!("{}/stats", path(&named.id));
    let stats: PluginStats = Remote::of(&named.server)?.ask("GET", &path, Body::None)?;
    if named.server.json {
        return print::json(&stats);
    }
    let rows: Vec<_> = stats
        .systems
        .into_iter()
        .map(|system| {
            let (p50, p99) = (format!("{:.1}", system.run_us_p50), format!("{:.1}", system.run_us_p99));
            let faults = system.faults.iter().map(|(kind, count)| format!("{count} {kind}"));
            let faults = faults.collect::<Vec<_>>().join(", ");
            let fuel = system.fuel.checked_div(system.runs).unwrap_or_default().to_string();
            let refused = (system.refused_rows + system.refused_commands).to_string();
            [system.system, system.runs.to_string(), p50, p99, fuel, refused, faults]
        })
        .collect();
    print::table(["SYSTEM", "RUNS", "P50 US", "P99 US", "FUEL/RUN", "REFUSED", "FAULTS"], &rows)
}

pub(super) fn health(named: &Named) -> Result<()> {
    let remote = Remote::of(&named.server)?;
    let mut sessions = Vec::new();
    loop {
        let path = format!("{}/health?limit={PAGE}&offset={}", path(&named.id), sessions.len());
        let page: PluginHealth = remote.ask("GET", &path, Body::None)?;
        let more = page.pagination.has_more && !page.sessions.is_empty();
        sessions.extend(page.sessions);
        if !more {
            break;
        }
    }
    if named.server.json {
        return print::json(&json!({ "sessions": sessions }));
    }
    let rows: Vec<_> = sessions
        .into_iter()
        .map(|session| {
            let id = session.session_id.to_string();
            match session.health {
                None => [id, "not running".to_owned(), String::new(), String::new(), String::new()],
                Some(health) => [
                    id,
                    health.state.as_str().to_owned(),
                    health.version,
                    health.faults.to_string(),
                    health.reason.unwrap_or_default(),
                ],
            }
        })
        .collect();
    print::table(["SESSION", "STATE", "VERSION", "FAULTS", "REASON"], &rows)
}

pub(super) fn path(id: &PluginId) -> String {
    format!("/api/plugins/{id}")
}

pub(super) fn done(server: &Server, what: &str) -> Result<()> {
    if server.json { print::json(&json!({ "done": what })) } else { print::say(what) }
}

/// `field=value` of each, the value as JSON, or as a text where it is none.
fn fields(values: &[String]) -> Result<Map<String, Value>> {
    let mut fields = Map::new();
    for text in values {
        let (name, value) = text.split_once('=').with_context(|| format!("{text:?}: write FIELD=VALUE"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        ensure!(fields.insert(name.trim().to_owned(), value).is_none(), "{name} is given twice");
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_json_or_text() {
        let values = ["a=1.5", "b=true", "c=fast", "d=[1, 2, 3]", "e=null", "f=a=b"].map(str::to_owned);
        let expected = json!({ "a": 1.5, "b": true, "c": "fast", "d": [1, 2, 3], "e": null, "f": "a=b" });
        assert_eq!(Value::Object(fields(&values).unwrap()), expected);
        for wrong in [&["a"][..], &["a=1", "a=2"]] {
            let wrong: Vec<_> = wrong.iter().map(|text| (*text).to_owned()).collect();
            assert!(fields(&wrong).is_err(), "{wrong:?}");
        }
    }
}
