//! The page in a real browser: each `*.test.mjs` beside this file, run by Node against a server of its own.
//!
//! A binary of its own, because a browser wants the machine for itself: inside `tests/it` it would share it with other
//! stories and their time limits.

use std::path::{Path, PathBuf};
use std::process::Command;

use hd1_tests::{TestServer, hd1};

#[test]
fn browser() {
    let Some(chromium) = std::env::var_os("HD1_TEST_CHROMIUM") else {
        let required = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!required, "CI=true requires the browser tests: run them by `cargo x test`");
        eprintln!("left out: `cargo x test` finds the browser and builds the page");
        return;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    let files = stories(&folder);
    assert!(!files.is_empty(), "there is no *.test.mjs in {}", folder.display());

    let mut failed = Vec::new();
    for file in files {
        let server = TestServer::start();
        let status = Command::new("node")
            .args(["--test", "--test-reporter=spec"])
            .arg(&file)
            .current_dir(&folder)
            .env("HD1_URL", &server.ready().http)
            .env("HD1_ADMIN_TOKEN", server.admin_token())
            .env("HD1_BIN", hd1())
            .env("HD1_CHROMIUM", &chromium)
            .status()
            .expect("node can be started");
        if !status.success() {
            eprintln!("--- the server's stderr ---\n{}---", server.stderr());
            failed.push(file);
        }
    }
    assert!(failed.is_empty(), "these failed: {failed:?}");
}

fn stories(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder is there").flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|file| file.to_string_lossy().ends_with(".test.mjs")).collect();
    files.sort();
    files
}
