//! A plugin's package from its folder to somebody else's machine: made, signed, verified, changed, called back.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use hd1_tests::command;
use serde_json::{Value, json};

const MANIFEST: &str = r#"
[plugin]
id = "acme:flocking"
version = "1.2.0"
api = "^1"
name = "Flocking"

[sim]
module = "flocking.wasm"
"#;

/// Runs `hd1 plugin …` in a folder: what it printed, or how it failed.
fn plugin(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let all: Vec<&str> = ["plugin"].iter().chain(arguments).copied().collect();
    let output = command(&all).current_dir(folder).output().expect("hd1 can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn verify(folder: &Path, trust: &str) -> Result<Value, String> {
    fs::write(folder.join("trust.toml"), trust).unwrap();
    let said = plugin(folder, &["verify", "acme-flocking-1.2.0.hd1p", "--trust", "trust.toml", "--json"])?;
    Ok(serde_json::from_str(&said).expect("it prints JSON"))
}

#[test]
fn a_package_is_made_signed_believed_and_called_back() {
    let folder = tempfile::tempdir().unwrap();
    let (at, own) = (folder.path(), folder.path().join("flocking"));
    fs::create_dir_all(own.join("assets/.hidden")).unwrap();
    for (name, bytes) in [
        ("plugin.toml", MANIFEST.as_bytes()),
        ("flocking.wasm", b"\0asm\x01\0\0\0"),
        ("README.md", b"# Flocking"),
        ("assets/bird.txt", b"v"),
        ("assets/.hidden/secret", b"stays behind"),
        ("Cargo.toml", b"stays behind"),
    ] {
        fs::write(own.join(name), bytes).unwrap();
    }

    let public = plugin(at, &["key", "acme.pem"]).unwrap();
    assert_eq!(public.len(), 64, "{public}");
    assert_eq!(fs::metadata(at.join("acme.pem")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(plugin(at, &["key", "acme.pem"]).unwrap_err().contains("not overwritten"));

    plugin(at, &["pack", "flocking"]).unwrap();
    let unsigned = fs::read(at.join("acme-flocking-1.2.0.hd1p")).unwrap();
    plugin(at, &["pack", "flocking", "--out", "again.hd1p"]).unwrap();
    assert_eq!(fs::read(at.join("again.hd1p")).unwrap(), unsigned, "the same files give the same bytes");
    let said = verify(at, "").unwrap();
    assert_eq!((&said["level"], &said["signer"], &said["version"]), (&json!("dev"), &json!(null), &json!("1.2.0")));
    let paths: Vec<_> = said["files"].as_array().unwrap().iter().map(|file| file["path"].clone()).collect();
    assert_eq!(paths, ["README.md", "assets/bird.txt", "flocking.wasm", "plugin.toml"]);

    plugin(at, &["sign", "acme-flocking-1.2.0.hd1p", "--key", "acme.pem"]).unwrap();
    let known =
        format!("[[key]]\npublic = \"{public}\"\nowner = \"Acme\"\nlevel = \"community\"\nnamespaces = [\"acme\"]\n");
    let signed = verify(at, &known).unwrap();
    assert_eq!((&signed["level"], &signed["owner"]), (&json!("community"), &json!("Acme")));
    assert_eq!(signed["hash"], said["hash"], "who signs it does not change what it is");
    let text = plugin(at, &["verify", "acme-flocking-1.2.0.hd1p", "--trust", "trust.toml"]).unwrap();
    assert!(text.contains("4 files, no fault") && text.contains("of Acme: `community`"), "{text}");

    let revoked = verify(at, &format!("{known}revoked = \"stolen\"")).unwrap_err();
    assert!(revoked.contains("of Acme was revoked: stolen"), "{revoked}");
    let hash = signed["hash"].as_str().unwrap();
    let revoked = verify(at, &format!("{known}[[revoked]]\npackage = \"{hash}\"\nreason = \"leaks\"")).unwrap_err();
    assert!(revoked.ends_with("the package was revoked: leaks"), "{revoked}");
    let elsewhere = verify(at, &known.replace("\"acme\"", "\"other\"")).unwrap_err();
    assert!(elsewhere.contains("Acme signs for `other`, and not for `acme`"), "{elsewhere}");
}

#[test]
fn faults_are_told_with_their_place_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("assets")).unwrap();
    fs::write(at.join("plugin.toml"), MANIFEST.replace("\"1.2.0\"", "\"1.2\"")).unwrap();
    let error = plugin(at, &["pack", "."]).unwrap_err();
    assert!(error.contains("line 4") && error.contains("version"), "{error}");
    fs::write(at.join("plugin.toml"), MANIFEST).unwrap();
    let error = plugin(at, &["pack", "."]).unwrap_err();
    assert!(error.contains("sim.module in plugin.toml names it") && error.contains("flocking.wasm"), "{error}");
    fs::write(at.join("flocking.wasm"), b"\0asm\x01\0\0\0").unwrap();
    symlink("/etc/hostname", at.join("assets/host")).unwrap();
    let error = plugin(at, &["pack", "."]).unwrap_err();
    assert!(error.contains("assets/host is no plain file"), "{error}");
    fs::remove_file(at.join("assets/host")).unwrap();
    assert!(!fs::read_dir(at).unwrap().any(|entry| entry.unwrap().file_name().to_string_lossy().contains("hd1p")));

    let error = plugin(at, &["pack", ".", "--out", "assets"]).unwrap_err();
    assert!(error.contains("cannot write assets"), "{error}");
    assert!(!at.join("assets.new").exists());
    plugin(at, &["pack", ".", "--out", "a.hd1p"]).unwrap();
    let error = plugin(at, &["verify", "/dev/zero"]).unwrap_err();
    assert!(error.contains("/dev/zero has more than 16777216 bytes"), "{error}");
    let mut bytes = fs::read(at.join("a.hd1p")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(at.join("a.hd1p"), &bytes).unwrap();
    let error = plugin(at, &["verify", "a.hd1p"]).unwrap_err();
    assert!(error.starts_with("hd1: a.hd1p: "), "{error}");
    fs::write(at.join("key.pem"), "no key").unwrap();
    let error = plugin(at, &["sign", "a.hd1p", "--key", "key.pem"]).unwrap_err();
    assert!(error.starts_with("hd1: "), "{error}");
    assert_eq!(fs::read(at.join("a.hd1p")).unwrap(), bytes, "what cannot be signed is left as it was");
}
