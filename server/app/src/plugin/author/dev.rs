//! `hd1 plugin dev`: what is saved runs in the worlds a moment later.
//!
//! Files are asked when they were changed, five times a second: that works on every file system, and whoever watches a
//! few files needs no more.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result};
use hd1_api::{InstallOutcome, InstalledPlugin, SessionList, SessionPluginList, SessionStatus};
use hd1_core::SessionId;
use hd1_manifest::Manifest;
use serde_json::json;

use super::build::{Say, build};
use super::project::Project;
use crate::plugin::args::Server;
use crate::plugin::remote::{Body, Remote};
use crate::plugin::{package, print};

/// Between two looks at the files.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// An editor that saves several files, or one in two steps, is waited for.
const QUIET: Duration = Duration::from_millis(150);
/// What is watched: folders with all that is in them, and files.
const WATCHED: [&str; 4] = ["src", "Cargo.toml", ".cargo", Manifest::PATH];
/// Sessions that are asked for at a time.
const PAGE: usize = 200;

/// The command. Returns where the first round fails for another reason than the plugin itself.
pub(super) fn follow(folder: &Path, sessions: &[SessionId], server: &Server) -> Result<()> {
    let remote = Remote::of(server)?;
    let folder = Project::open(folder)?.folder;
    // A server that is not there, or a token that is none, is no matter of what is saved next.
    let _: SessionList = remote.ask("GET", "/api/sessions?limit=1", Body::None)?;
    let mut word = "began";
    loop {
        let seen = states(&folder);
        match round(&folder, sessions, &remote) {
            Ok(told) => print::say(&format!("{word} → {told}"))?,
            // What cargo or the server said; the version that runs stays.
            Err(error) => eprintln!("{word} → not taken, what runs stays: {error:#}"),
        }
        word = "saved";
        wait_for_change(&folder, &seen);
    }
}

/// Builds, packs, installs, attaches; says where it is and how long each step took.
fn round(folder: &Path, sessions: &[SessionId], remote: &Remote) -> Result<String> {
    let begun = Instant::now();
    let project = Project::open(folder)?;
    build(&project, Say::Faults)?;
    let built = begun.elapsed();
    let package = package::load(folder, None)?;
    let InstalledPlugin { plugin, outcome } = remote.ask("POST", "/api/plugins", Body::Octets(&package))?;
    let wanted = if sessions.is_empty() { running(remote)? } else { sessions.to_vec() };
    for session in &wanted {
        attach(remote, *session, &plugin.id)?;
    }
    let all = begun.elapsed();
    let same = if outcome == InstallOutcome::Unchanged { ", the same as before" } else { "" };
    let worlds = match wanted.len() {
        1 => "1 world".to_owned(),
        count => format!("{count} worlds"),
    };
    let [all, built, rest] = [all, built, all.saturating_sub(built)].map(|time| time.as_secs_f64());
    Ok(format!("{} in {worlds}{same}: {all:.1} s (build {built:.1}, install {rest:.1})", plugin.id))
}

fn running(remote: &Remote) -> Result<Vec<SessionId>> {
    let mut sessions = Vec::new();
    loop {
        let path = format!("/api/sessions?limit={PAGE}&offset={}", sessions.len());
        let page: SessionList = remote.ask("GET", &path, Body::None)?;
        let more = page.pagination.has_more && !page.sessions.is_empty();
        sessions.extend(page.sessions);
        if !more {
            break;
        }
    }
    let running = sessions.into_iter().filter(|session| session.status == SessionStatus::Running);
    Ok(running.map(|session| session.id).collect())
}

/// Attaches it where it is not.
fn attach(remote: &Remote, session: SessionId, id: &str) -> Result<()> {
    let path = format!("/api/sessions/{session}/plugins");
    let list: SessionPluginList = remote.ask("GET", &path, Body::None)?;
    if list.plugins.iter().any(|plugin| plugin.plugin == id) {
        return Ok(());
    }
    let attached = remote.call("POST", &path, Body::Json(json!({ "plugin": id })));
    attached.map(drop).with_context(|| format!("cannot attach it to {session}"))
}

/// When each file was changed, and how long it is.
type States = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

fn wait_for_change(folder: &Path, seen: &States) {
    let mut last = states(folder);
    while last == *seen {
        thread::sleep(LOOK_INTERVAL);
        last = states(folder);
    }
    loop {
        thread::sleep(QUIET);
        let now = states(folder);
        if now == last {
            return;
        }
        last = now;
    }
}

fn states(folder: &Path) -> States {
    let mut states = States::new();
    for name in WATCHED {
        add(&mut states, folder.join(name));
    }
    states
}

/// What cannot be read is not there: an editor may be about to put it there.
fn add(states: &mut States, path: PathBuf) {
    let Ok(about) = fs::metadata(&path) else { return };
    if !about.is_dir() {
        states.insert(path, (about.modified().ok(), about.len()));
        return;
    }
    for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
        add(states, entry.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_made_or_taken_away_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        fs::create_dir_all(folder.path().join("src/deep")).unwrap();
        write("src/lib.rs", "a");
        write("notes.txt", "a");
        let before = states(folder.path());
        assert_eq!(before.len(), 1);
        write("notes.txt", "ab");
        assert_eq!(states(folder.path()), before, "it is no part of the plugin");
        write("src/lib.rs", "ab");
        let changed = states(folder.path());
        assert_ne!(changed, before);
        write("src/deep/new.rs", "a");
        assert_eq!(states(folder.path()).len(), 2);
        fs::remove_file(folder.path().join("src/deep/new.rs")).unwrap();
        assert_eq!(states(folder.path()), changed);
    }
}
