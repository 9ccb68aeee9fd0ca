//! The commands against the real routes, over worlds and a host that only remember.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use clap::Parser as _;
use hd1_control::testing::{Stage, TestPackage};
use hd1_control::{Authority, Page};
use hd1_http::{Doors, HttpSettings, HttpState, RealtimeGate, RealtimeSocket};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cli::{Command, CommandLine};

struct NoDoors;

impl Doors for NoDoors {
    fn quic_port(&self) -> u16 {
        0
    }

    fn certificate_sha256(&self) -> Option<String> {
        None
    }
}

impl RealtimeGate for NoDoors {
    fn serve(&self, _: RealtimeSocket) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::ready(()))
    }
}

/// Runs `hd1 plugin …`: nothing, or how it failed.
async fn plugin(line: &str) -> Result<(), String> {
    let words: Vec<_> = ["hd1", "plugin"].into_iter().chain(line.split_whitespace()).map(str::to_owned).collect();
    let parsed = CommandLine::try_parse_from(words).map_err(|error| error.to_string())?.command;
    let Command::Plugin { command } = parsed else { return Err("another command".to_owned()) };
    let ran = tokio::task::spawn_blocking(move || super::run(&command)).await.unwrap();
    ran.map_err(|error| format!("{error:#}"))
}

fn has(stage: &Stage, session: hd1_core::SessionId) -> Vec<String> {
    let plugins = &stage.worlds.lock()[&session].spec.plugins;
    plugins.iter().map(|plugin| format!("{} {} {}", plugin.id, plugin.version, plugin.config["strength"])).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_is_tended_from_the_command_line() {
    let db = hd1_store::testing::sqlite().await;
    let stage = Stage::over(db.db.clone()).await;
    let state = HttpState::new(
        stage.control.clone(),
        Arc::new(NoDoors),
        Arc::new(NoDoors),
        Vec::new(),
        HttpSettings::default(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(hd1_http::serve(listener, state, shutdown.clone()));

    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let token = file("admin-token", format!("{}\n", stage.admin.expose()).as_bytes());
    let one = file("one.hd1p", &TestPackage::new("acme:wind", "1.0.0").bytes());
    let two = file("two.hd1p", &TestPackage::new("acme:wind", "2.0.0").bytes());
    let own = format!("--url {url} --token-file {token}");
    let session = {
        let wish = hd1_api::CreateSession::named("x");
        stage.control.create_session(&Authority::admin(), wish).await.unwrap().id
    };

    plugin(&format!("install {one} {own}")).await.unwrap();
    plugin(&format!("attach acme:wind --session {session} strength=2 {own}")).await.unwrap();
    plugin(&format!("install {two} {own} --json")).await.unwrap();
    assert_eq!(has(&stage, session), ["acme:wind 2.0.0 2.0"]);
    plugin(&format!("config acme:wind --session {session} strength=null {own}")).await.unwrap();
    plugin(&format!("config acme:wind strength=7.5 loud=true {own}")).await.unwrap();
    assert_eq!(has(&stage, session), ["acme:wind 2.0.0 7.5"]);
    for line in [
        "list",
        "list --json",
        &format!("list --session {session}"),
        "show acme:wind",
        "config acme:wind",
        &format!("config acme:wind --session {session} --json"),
        "logs acme:wind",
        "stats acme:wind",
        "health acme:wind --json",
        "health acme:wind",
        "restart acme:wind",
        "rollback acme:wind",
    ] {
        plugin(&format!("{line} {own}")).await.unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    assert_eq!(has(&stage, session), ["acme:wind 1.0.0 7.5"]);
    plugin(&format!("disable acme:wind {own}")).await.unwrap();
    assert!(has(&stage, session).is_empty());
    plugin(&format!("enable acme:wind {own}")).await.unwrap();

    for (line, told) in [
        (format!("list --url {url}"), "a valid token is required: give one by --token-file DATA/admin-token"),
        (format!("list --url {url} --token hd1t_x"), "the one given is unknown here, expired or revoked"),
        (format!("show acme:none {own}"), "there is no such plugin"),
        (format!("show wind {own}"), "is no plugin id"),
        (format!("config acme:wind strength=much {own}"), "config.strength: must be a number"),
        (format!("config acme:wind strength {own}"), "write FIELD=VALUE"),
        (format!("attach acme:wind --session {session} {own}"), "the session has acme:wind already"),
        (format!("install {token} {own}"), "hd1 plugin pack FOLDER"),
        ("list --url ftp://x".to_owned(), "is no server's address"),
        (format!("list --url http://{}", "127.0.0.1:1"), "is the server running?"),
    ] {
        let error = plugin(&line).await.err().unwrap_or_else(|| panic!("{line} is done"));
        assert!(error.contains(told), "{line}: {error}");
    }

    let hello = TestPackage::new("acme:hello", "1.0.0").service(serde_json::json!({ "abi": 1 }), &["secret:TOKEN"]);
    let (hello, value) = (file("hello.hd1p", &hello.bytes()), file("value", b"hush\n"));
    plugin(&format!("install {hello} {own}")).await.unwrap();
    plugin(&format!("secret set acme:hello TOKEN --from {value} {own}")).await.unwrap();
    assert_eq!(stage.control.plugin_secret("acme:hello", "TOKEN").await.unwrap().unwrap(), "hush");
    plugin(&format!("secret list acme:hello {own}")).await.unwrap();
    plugin(&format!("secret list acme:hello --json {own}")).await.unwrap();
    plugin(&format!("secret remove acme:hello TOKEN {own}")).await.unwrap();
    for (line, told) in [
        (format!("secret set acme:hello OTHER --from {value} {own}"), "it asks for TOKEN"),
        (format!("secret set acme:hello a/b --from {value} {own}"), "is no secret's name"),
        (format!("secret remove acme:hello TOKEN {own}"), "there is no such secret"),
    ] {
        let error = plugin(&line).await.err().unwrap_or_else(|| panic!("{line} is done"));
        assert!(error.contains(told), "{line}: {error}");
    }

    plugin(&format!("detach acme:wind --session {session} {own}")).await.unwrap();
    assert!(has(&stage, session).is_empty());
    plugin(&format!("uninstall acme:wind {own}")).await.unwrap();
    let left = stage.control.list_plugins(&Authority::admin(), None, Page::default()).await.unwrap();
    assert_eq!(left.pagination.total, 1);
    assert!(Path::new(&one).exists());
    shutdown.cancel();
    serving.await.unwrap().unwrap();
}
