//! The same program on PostgreSQL: nothing acknowledged is lost, and what is wrong with the database is told.
//!
//! Skipped where PostgreSQL is not installed, unless `CI=true` requires it.

use hd1_store::testing::PgServer;
use hd1_tests::{Options, TestServer};
use serde_json::json;

fn options(database: &str) -> Options {
    let variables = vec![("HD1_STORE_DATABASE".to_owned(), database.to_owned())];
    Options { variables, ..Options::default() }
}

/// The running server, and a line for people where there can be none.
fn postgres() -> Option<&'static PgServer> {
    let server = PgServer::shared();
    if server.is_none() {
        eprintln!("skipped: PostgreSQL is not installed");
    }
    server
}

#[test]
fn killed_on_postgresql_it_finds_every_session_again() {
    let Some(postgres) = postgres() else { return };
    let mut server = TestServer::with(options(&postgres.new_database()));
    let made = server.admin().post("/api/sessions", &json!({"name": "kept", "scene": "cubes"})).expect(201);
    let path = format!("/api/sessions/{}", made["id"].as_str().unwrap());
    let token = server.admin().post("/api/tokens", &json!({"name": "ci", "role": "viewer"})).expect(201);

    server.kill_and_restart();
    let found = server.admin().get(&path).expect(200);
    assert_eq!((&found["name"], &found["scene"]), (&json!("kept"), &json!("cubes")));
    assert_eq!(found["status"], "running", "{found}");
    server.admin().get(&format!("{path}/stats")).expect(200);
    server.anonymous().with_token(token["secret"].as_str().unwrap()).get("/api/sessions").expect(200);
    let list = server.anonymous().get("/api/sessions").expect(200);
    assert_eq!(list["pagination"]["total"], 1, "the demo session is made once: {list}");
    assert!(!server.data().join("hd1.sqlite").exists(), "SQLite has no part in it");
}

#[test]
fn a_database_that_goes_away_is_told_and_found_again() {
    let Some(postgres) = postgres() else { return };
    let database = postgres.new_database();
    let server = TestServer::with(options(&database));
    let http = server.anonymous();
    assert_eq!(http.get("/readyz").status, 200);

    let name = database.rsplit('/').next().unwrap().split('?').next().unwrap();
    postgres.execute(&format!(
        "ALTER DATABASE {name} ALLOW_CONNECTIONS false; \
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    ));
    http.get("/readyz").problem(503, "unavailable");
    assert_eq!(http.get("/healthz").status, 200, "the process itself is well");
    postgres.execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
    assert_eq!(http.get("/readyz").status, 200);
    server.admin().post("/api/sessions", &json!({"name": "after"})).expect(201);
}

#[test]
fn two_servers_never_share_a_database() {
    let Some(postgres) = postgres() else { return };
    let database = postgres.new_database();
    let _server = TestServer::with(options(&database));
    let stderr = refused(&database);
    assert!(stderr.contains("store.database") && stderr.contains("another hd1 serves from this database"), "{stderr}");
}

#[test]
fn a_database_that_cannot_be_reached_is_named_with_its_setting() {
    let stderr = refused("postgres://hd1:secret@127.0.0.1:1/hd1");
    assert!(stderr.contains("cannot open store.database postgres://hd1:(hidden)@127.0.0.1:1/hd1"), "{stderr}");
    assert!(stderr.contains("Connection refused"), "{stderr}");
    assert!(!stderr.contains("secret"), "{stderr}");
}

/// What a server says that does not start on this database.
fn refused(database: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = hd1_tests::command(&["serve", "--http", "127.0.0.1:0", "--quic", "127.0.0.1:0", "--data"]);
    command.arg(folder.path().join("data")).args(["--database", database]);
    let output = command.output().expect("hd1 can be started");
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}
