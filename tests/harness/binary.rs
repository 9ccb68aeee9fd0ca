//! Where the program under test is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The binary `hd1`: the one `cargo x test` has built and named, or else one built now, so that a story never runs
/// against yesterday's program.
///
/// # Panics
/// It cannot be built.
pub fn hd1() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| std::env::var_os("HD1_TEST_BIN").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--workspace", "--bin", "hd1"])
        .current_dir(&root)
        .status()
        .expect("cargo can be started");
    assert!(status.success(), "hd1 cannot be built");
    // This test lies in <target>/debug/deps, the binary two up.
    let own = std::env::current_exe().expect("this test has a path");
    own.parent().and_then(Path::parent).expect("it lies in deps").join("hd1")
}
