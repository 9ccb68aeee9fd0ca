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
use super::project::{Builder, CARGO_TOML, MAKEFILE, Project};
use crate::plugin::args::Server;
use crate::plugin::remote::{Body, Remote};
use crate::plugin::{package, print};

/// Between two looks at the files.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// An editor that saves several files, or one in two steps, is waited for.
const QUIET: Duration = Duration::from_millis(150);
/// What is watched: folders with all that is in them, and files.
const WATCHED: [&str; 5] = ["src", CARGO_TOML, ".cargo", MAKEFILE, Manifest::PATH];
/// Sessions that are asked for at a time.
const PAGE: usize = 200;

/// The command. Returns where the first round fails for another reason than the plugin itself.
pub(super) fn follow(folder: &Path, sessions: &[SessionId], server: &Server) -> Result<()> {
    let remote = Remote::of(server)?;
    let project = Project::open(folder)?;
    let watched = watched(&project)?;
    let folder = project.folder;
    // A server that is not there, or a token that is none, is no matter of what is saved next.
    let _: SessionList = remote.ask("GET", "/api/sessions?limit=1", Body::None)?;
    let mut word = "began";
    loop {
        let seen = states(&watched);
        match round(&folder, sessions, &remote) {
            Ok(told) => print::say(&format!("{word} → {told}"))?,
            // What the compiler or the server said; the version that runs stays.
            Err(error) => eprintln!("{word} → not taken, what runs stays: {error:#}"),
        }
        word = "saved";
        wait_for_change(&watched, &seen);
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
    if project.is_service() {
        return Ok(format!("{}: {:.1} s (build {:.1})", plugin.id, begun.elapsed().as_secs_f64(), built.as_secs_f64()));
    }
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

fn watched(project: &Project) -> Result<Vec<PathBuf>> {
    let mut paths: Vec<_> = WATCHED.iter().map(|name| project.folder.join(name)).collect();
    // What others write is all that there is to see; what is built here would be seen twice.
    if project.builder() == Builder::Author {
        paths.push(project.module()?);
    }
    Ok(paths)
}

fn wait_for_change(watched: &[PathBuf], seen: &States) {
    let mut last = states(watched);
    while last == *seen {
        thread::sleep(LOOK_INTERVAL);
        last = states(watched);
    }
    loop {
        thread::sleep(QUIET);
        let now = states(watched);
        if now == last {
            return;
        }
        last = now;
    }
}

fn states(watched: &[PathBuf]) -> States {
    let mut states = States::new();
    for path in watched {
        add(&mut states, path.clone());
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

    const PLUGIN_TOML: &str =
        "[plugin]\nid = \"a:b\"\nversion = \"1.0.0\"\napi = \"^1\"\nname = \"B\"\n[sim]\nmodule = \"b.wasm\"\n";

    #[test]
    fn what_is_saved_made_or_taken_away_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let states = || states(&watched(&Project::open(folder.path()).unwrap()).unwrap());
        fs::create_dir_all(folder.path().join("src/deep")).unwrap();
        write(Manifest::PATH, PLUGIN_TOML);
        write(MAKEFILE, "");
        write("src/lib.c", "a");
        write("notes.txt", "a");
        let before = states();
        assert_eq!(before.len(), 3);
        write("notes.txt", "ab");
        write("b.wasm", "a");
        assert_eq!(states(), before, "it is no part of the plugin, or made of it");
        write("src/lib.c", "ab");
        let changed = states();
        assert_ne!(changed, before);
        write("src/deep/new.c", "a");
        assert_eq!(states().len(), 4);
        fs::remove_file(folder.path().join("src/deep/new.c")).unwrap();
        assert_eq!(states(), changed);
        // Where nothing is there to build with, the module is what an author saves.
        fs::remove_file(folder.path().join(MAKEFILE)).unwrap();
        let before = states();
        write("b.wasm", "ab");
        assert_ne!(states(), before);
    }
}
