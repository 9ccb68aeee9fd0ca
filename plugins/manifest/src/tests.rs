//! Packages made, read, and abused.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use tar::{EntryType, Header};

use crate::archive::{self, Files};
use crate::limits::{CONTENT_BYTES_MAX, FILES_MAX, PACKAGE_BYTES_MAX};
use crate::statement::Statement;
use crate::{Level, Manifest, Package, PackageError, PackagePath, PluginId, Refused, SigningKey, Trust};

const MANIFEST: &str = r#"
[plugin]
id = "acme:flocking"
version = "1.2.0"
api = "^1"
name = "Flocking"

[sim]
module = "flocking.wasm"

[dependencies]
"acme:wind" = "^2.1"
"acme:rain" = { version = "1", optional = true }
"#;

fn path(text: &str) -> PackagePath {
    text.parse().unwrap()
}

fn files() -> Files {
    let files = [("plugin.toml", MANIFEST.as_bytes()), ("flocking.wasm", b"\0asm\x01\0\0\0"), ("assets/a.txt", b"a")];
    files.map(|(name, bytes)| (path(name), bytes.to_vec())).into()
}

fn raw(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, kind, bytes) in entries {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// Packs files as they are, whatever they state.
fn with(change: impl FnOnce(&mut Files)) -> Vec<u8> {
    let mut files = archive::unpack(&Package::of(files()).unwrap().bytes(None).unwrap()).unwrap();
    change(&mut files);
    archive::pack(&files).unwrap()
}

#[test]
fn what_is_packed_is_read_and_the_bytes_follow_from_the_files() {
    let key = SigningKey::generate().unwrap();
    let package = Package::of(files()).unwrap();
    assert_eq!((package.signer(), package.files()), (None, &files()));
    let bytes = package.bytes(Some(&key)).unwrap();
    assert_eq!(bytes, Package::of(files()).unwrap().bytes(Some(&key)).unwrap());
    let read = Package::read(&bytes).unwrap();
    assert_eq!((read.signer(), read.hash()), (Some(key.public()), package.hash()));
    let about = &read.manifest().plugin;
    assert_eq!(
        (about.id.namespace(), about.id.name(), about.version.to_string()),
        ("acme", "flocking", "1.2.0".into())
    );
    let rain = &read.manifest().dependencies[&"acme:rain".parse().unwrap()];
    assert!(rain.is_optional() && rain.versions().matches(&"1.9.0".parse().unwrap()));
}

#[test]
fn a_key_is_the_same_after_a_file() {
    let key = SigningKey::generate().unwrap();
    let again = SigningKey::from_pem(&key.to_pem()).unwrap();
    assert_eq!(again.public(), key.public());
    assert!(key.public().has_signed(b"x", &again.sign(b"x")) && !key.public().has_signed(b"y", &again.sign(b"x")));
    assert!(format!("{key:?}").contains(&key.public().to_string()), "and shows no secret");
    for bad in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
        assert!(matches!(SigningKey::from_pem(bad), Err(PackageError::Key(_))));
    }
}

#[test]
fn changed_added_and_missing_files_are_found() {
    let read = |change: fn(&mut Files)| Package::read(&with(change)).unwrap_err();
    let changed = |files: &mut Files| drop(files.insert(path("assets/a.txt"), b"b".to_vec()));
    assert_eq!(read(changed), PackageError::Changed(path("assets/a.txt")));
    let added = |files: &mut Files| drop(files.insert(path("assets/b.txt"), Vec::new()));
    assert_eq!(read(added), PackageError::Unstated(path("assets/b.txt")));
    let removed = |files: &mut Files| drop(files.remove(&path("assets/a.txt")));
    assert_eq!(read(removed), PackageError::Missing { path: path("assets/a.txt"), wanted_by: "statement.json" });
    let unstated = |files: &mut Files| drop(files.remove(&path("statement.json")));
    assert!(matches!(read(unstated), PackageError::Malformed(_)));
}

#[test]
fn a_statement_of_another_version_is_found() {
    let lying = with(|files| {
        let (stated, id): (_, PluginId) = (path(Statement::PATH), "acme:flocking".parse().unwrap());
        files.remove(&stated);
        let statement = Statement::of(id, "9.0.0".parse().unwrap(), files).encode();
        files.insert(stated, statement);
    });
    let error = Package::read(&lying).unwrap_err().to_string();
    assert!(error.contains("acme:flocking 9.0.0") && error.contains("1.2.0"), "{error}");
}

#[test]
fn a_signature_is_of_its_own_package_alone() {
    let key = SigningKey::generate().unwrap();
    let mut others = files();
    others.insert(path("assets/a.txt"), b"other".to_vec());
    let other = Package::of(others).unwrap().bytes(Some(&key)).unwrap();
    let signature = archive::unpack(&other).unwrap().remove(&path("signature.json")).unwrap();
    let forged = with(|files| drop(files.insert(path("signature.json"), signature)));
    assert_eq!(Package::read(&forged).unwrap_err(), PackageError::Forged(key.public().to_string()));
    for nonsense in ["{}", "{\"key\":\"00\",\"signature\":\"\"}", "]"] {
        let bytes = with(|files| drop(files.insert(path("signature.json"), nonsense.into())));
        assert!(matches!(Package::read(&bytes), Err(PackageError::Malformed(_))), "{nonsense}");
    }
}

#[test]
fn paths_that_lead_out_and_things_that_are_no_files_are_refused() {
    let long = "a".repeat(99) + "b/c";
    let deep = "a/".repeat(9) + "b";
    for name in [
        "/etc/passwd",
        "../up",
        "a/../b",
        "./a",
        "a//b",
        "a/",
        ".ssh",
        "a\\b",
        "a b",
        "ä",
        "C:x",
        "x.",
        &long[..],
        &deep,
    ] {
        assert!(matches!(name.parse::<PackagePath>(), Err(PackageError::Path { .. })), "{name}");
        if name.len() <= 100 {
            let error = archive::unpack(&raw(&[(name, EntryType::Regular, b"")])).unwrap_err();
            assert!(matches!(error, PackageError::Path { .. }), "{name}: {error}");
        }
    }
    let others = [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Block, EntryType::Fifo];
    for kind in others.into_iter().chain([EntryType::Directory, EntryType::GNULongName, EntryType::XHeader]) {
        let error = archive::unpack(&raw(&[("a", kind, b"")])).unwrap_err();
        assert!(matches!(error, PackageError::Path { .. }), "{kind:?}: {error}");
    }
    let twice = raw(&[("a", EntryType::Regular, b"1"), ("A", EntryType::Regular, b"2")]);
    assert_eq!(archive::unpack(&twice).unwrap_err(), PackageError::Twice(path("a")));
}

#[test]
fn too_much_is_refused_before_it_is_unpacked() {
    let zeros = vec![0; CONTENT_BYTES_MAX / 4];
    let five: Vec<_> = ["a", "b", "c", "d", "e"].map(|name| (name, EntryType::Regular, &zeros[..])).into();
    let bomb = raw(&five);
    assert!(bomb.len() < PACKAGE_BYTES_MAX, "{} bytes that become five times sixteen million", bomb.len());
    assert_eq!(archive::unpack(&bomb), Err(PackageError::TooMuch { what: "bytes of files", max: CONTENT_BYTES_MAX }));
    let names: Vec<String> = (0..=FILES_MAX).map(|n| n.to_string()).collect();
    let many: Vec<_> = names.iter().map(|name| (&name[..], EntryType::Regular, &b""[..])).collect();
    assert_eq!(archive::unpack(&raw(&many)), Err(PackageError::TooMuch { what: "files", max: FILES_MAX }));
    // A header that promises more than there is, and one that promises more than fits any memory.
    for size in [1_000, u64::MAX / 4] {
        let mut header = Header::new_gnu();
        header.set_path("a").unwrap();
        header.set_entry_type(EntryType::Regular);
        header.set_size(size);
        header.set_cksum();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(header.as_bytes()).unwrap();
        assert!(archive::unpack(&gzip.finish().unwrap()).is_err(), "{size}");
    }
    assert!(matches!(archive::unpack(&vec![0; PACKAGE_BYTES_MAX + 1]), Err(PackageError::TooMuch { .. })));
    assert!(matches!(archive::unpack(&raw(&[])), Err(PackageError::Malformed(_))));
}

#[test]
fn faults_of_a_manifest_are_told_with_their_place() {
    let fault = |from: &str, to: &str| Manifest::parse(&MANIFEST.replace(from, to)).unwrap_err().to_string();
    for (from, to, told) in [
        ("version = \"1.2.0\"", "version = \"1.2\"", "line 4"),
        ("name = ", "nmae = ", "unknown field `nmae`"),
        ("acme:flocking", "Acme:flocking", "no plugin id"),
        ("name = \"Flocking\"", "name = \" \"", "plugin.name"),
        ("[sim]\nmodule = \"flocking.wasm\"", "", "it runs nothing"),
        ("module = \"flocking.wasm\"", "module = \"../flocking.wasm\"", "empty, or begins or ends with a dot"),
        ("acme:wind", "acme:flocking", "depend on itself"),
        ("[dependencies]", "[conflicts]\n\"acme:wind\" = \"1\"\n[dependencies]", "strike it from one"),
    ] {
        assert!(fault(from, to).contains(told), "{to}: {}", fault(from, to));
    }
    let mut without = files();
    without.remove(&path("flocking.wasm"));
    let error = Package::of(without).unwrap_err().to_string();
    assert_eq!(error, "flocking.wasm: it is missing, and sim.module in plugin.toml names it");
    let mut text = files();
    text.insert(path("flocking.wasm"), b"(module)".to_vec());
    assert!(Package::of(text).unwrap_err().to_string().contains("no WebAssembly"));
}

#[test]
fn a_signer_is_believed_as_far_as_the_operator_says() {
    let key = SigningKey::generate().unwrap();
    let package = Package::read(&Package::of(files()).unwrap().bytes(Some(&key)).unwrap()).unwrap();
    let judge = |text: &str| Trust::parse(text).unwrap().judge(&package);
    let entry = |namespace: &str, more: &str| {
        let public = key.public();
        format!(
            "[[key]]\npublic = \"{public}\"\nowner = \"Acme\"\nlevel = \"verified\"\nnamespaces = [{namespace:?}]\n{more}"
        )
    };
    let unknown = judge("").unwrap();
    assert_eq!((unknown.level, unknown.owner), (Level::Dev, None));
    let known = judge(&entry("acme", "")).unwrap();
    assert_eq!((known.level, known.owner.as_deref()), (Level::Verified, Some("Acme")));
    assert!(matches!(judge(&entry("other", "")), Err(Refused::Namespace { .. })));
    assert!(matches!(judge(&entry("acme", "revoked = \"stolen\"")), Err(Refused::Key { .. })));
    let called_back = format!("[[revoked]]\npackage = \"{}\"\nreason = \"it eats memory\"", package.hash());
    let refused = judge(&(entry("acme", "") + &called_back)).unwrap_err();
    assert_eq!(refused.to_string(), "the package was revoked: it eats memory");
    for (bad, told) in [
        (entry("acme", "") + &entry("acme", ""), "there twice"),
        (entry("acme", "").replace("verified", "dev"), "at least `private`"),
        (entry("Acme!", ""), "no namespace"),
        (entry("acme", "levle = 1"), "unknown field"),
    ] {
        let error = Trust::parse(&bad).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), at in 0..400usize, with in any::<u8>()) {
        let _ = Package::read(&bytes);
        let mut packed = Package::of(files()).unwrap().bytes(None).unwrap();
        let at = at % packed.len();
        packed[at] = with;
        if let Ok(package) = Package::read(&packed) {
            prop_assert_eq!(package.files(), &files());
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&bytes).unwrap();
        prop_assert!(Package::read(&gzip.finish().unwrap()).is_err());
    }
}
