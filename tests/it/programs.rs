//! The other commands of the program against a real server: bots that play, recordings that replay, scenes checked.

use std::path::{Path, PathBuf};

use hd1_client::ServerEvent;
use hd1_core::Tick;
use hd1_tests::{Options, TestClient, TestServer, Transport, command};
use serde_json::Value;

#[test]
fn bots_over_every_transport_see_what_the_server_shows() {
    let server = TestServer::start();
    for transport in Transport::ALL {
        let output = command(&["bots", "--server", &server.ready().http, "--token", &server.admin_token()])
            .args(["--sessions", "2", "--clients", "8", "--seconds", "2", "--scene", "cubes", "--json"])
            .args(["--transport", transport.as_str()])
            .output()
            .expect("hd1 can be started");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{transport:?}: {stderr}\n{}", server.stderr());
        let figures: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        assert_eq!(figures["clients_connected"], 8, "{figures}");
        assert_eq!(figures["clients_failed"], 0, "{figures}");
        assert_eq!(figures["desyncs"], 0, "{figures}");
        assert!(figures["ticks_received"].as_u64() > Some(0), "{figures}");
        for key in ["tick_interval_ms", "rtt_ms", "state_staleness_ms", "interpolation_delay_ms", "prediction_error_m"]
        {
            assert!(figures[key]["p99"].is_number(), "{key} in {figures}");
        }
    }
    let left = server.admin().get("/api/sessions").expect(200);
    assert_eq!(left["pagination"]["total"], 1, "bots remove the sessions they made: {left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_replays_to_the_same_states() {
    let config = Some("[worlds]\nrecording = true".to_owned());
    let mut server = TestServer::with(Options { scene: Some("cubes".to_owned()), config, ..Options::default() });
    let session = server.demo_session();
    let mut player = TestClient::enter(&server.anonymous(), &session, "player", Transport::Quic).await;
    player.walk(0.3);
    let start = player.client.mirror().acked();
    let far = Tick(start.0 + 90);
    player
        .event("three seconds of play", |event| {
            matches!(event, ServerEvent::Complete(tick) if tick >= far).then_some(())
        })
        .await;
    player.client.leave().await;
    assert!(server.terminate().status.success(), "{}", server.stderr());

    let files = recordings(&server.data().join("worlds").join(&session));
    assert!(!files.is_empty());
    let mut ticks = 0;
    for file in files {
        let output = command(&["replay"]).arg(&file).output().expect("hd1 can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        assert_eq!(report["first_mismatch"], Value::Null, "{report}");
        ticks += report["ticks"].as_u64().expect("it counts ticks");
    }
    assert!(ticks >= 90, "{ticks} ticks were replayed");
}

fn recordings(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the world has a folder").flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "hd1r")).collect()
}

#[test]
fn a_damaged_recording_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recording-0.hd1r");
    std::fs::write(&file, b"HD1R and nothing more").unwrap();
    let output = command(&["replay"]).arg(&file).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("recording-0.hd1r"));
}

#[test]
fn a_scene_file_is_checked_with_the_place_of_its_fault() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scene.json");
    let check = || command(&["scene", "check"]).arg(&file).output().unwrap();
    std::fs::write(&file, r#"{"name": "one", "entities": [{"components": {"Light": {"kind": "ambient"}}}]}"#).unwrap();
    assert!(check().status.success(), "{}", String::from_utf8_lossy(&check().stderr));

    let bad = r#"{"name": "two", "entities": [{"components": {"Geometry": {"shape": "sphere", "radius": 0}}}]}"#;
    std::fs::write(&file, bad).unwrap();
    let stderr = String::from_utf8_lossy(&check().stderr).into_owned();
    assert!(!check().status.success());
    assert!(stderr.contains("scene.entities[0].components.Geometry.radius"), "{stderr}");
}
