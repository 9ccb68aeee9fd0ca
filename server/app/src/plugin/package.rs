//! Packages made, signed and verified, all without a server or a network.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use hd1_manifest::archive::Files;
use hd1_manifest::limits::{CONTENT_BYTES_MAX, MANIFEST_BYTES_MAX, PACKAGE_BYTES_MAX, TRUST_BYTES_MAX};
use hd1_manifest::manifest::About;
use hd1_manifest::{Manifest, Package, PackagePath, SigningKey, Trust, Verdict};
use serde_json::json;

use crate::files::write_secret;

/// Files beside the manifest that are packed where they are there.
const FILES: &[&str] = &["README.md", "CHANGELOG.md", "LICENSE", "LICENSE-MIT", "LICENSE-APACHE"];
/// Folders that are packed whole.
const FOLDERS: &[&str] = &["assets", "config", "migrations", "ui"];
/// Bytes of a key file: PEM of 85 bytes and some room.
const KEY_BYTES_MAX: usize = 4 * 1024;

/// A key in a new file; prints its public half.
pub(super) fn make_key(file: &Path) -> Result<()> {
    ensure!(!file.exists(), "{} is there already; a key is not overwritten", file.display());
    let key = SigningKey::generate()?;
    write_secret(file, key.to_pem().as_bytes())?;
    println!("{}", key.public());
    Ok(())
}

/// A package of a folder.
pub(super) fn pack(folder: &Path, out: Option<&Path>, key: Option<&Path>) -> Result<()> {
    let package = Package::of(gather(folder)?).with_context(|| folder.display().to_string())?;
    let key = key.map(read_key).transpose()?;
    let about = &package.manifest().plugin;
    let out = out.map_or_else(|| PathBuf::from(file_name(about)), Path::to_owned);
    let bytes = package.bytes(key.as_ref())?;
    write_whole(&out, &bytes)?;
    println!("{}: {} {}, {} bytes, hash {}", out.display(), about.id, about.version, bytes.len(), package.hash());
    Ok(())
}

/// What a package's file is called.
pub(super) fn file_name(about: &About) -> String {
    format!("{}-{}-{}.hd1p", about.id.namespace(), about.id.name(), about.version)
}

/// A package signed in its place.
pub(super) fn sign(file: &Path, key: &Path) -> Result<()> {
    let (package, key) = (read_package(file)?, read_key(key)?);
    write_whole(file, &package.bytes(Some(&key))?)?;
    println!("{}: signed by {}", file.display(), key.public());
    Ok(())
}

/// What is to be told of a package.
pub(super) fn verify(file: &Path, trust: Option<&Path>, as_json: bool) -> Result<()> {
    let package = read_package(file)?;
    let trust = match trust {
        Some(trust) => {
            let text = read_text(trust, TRUST_BYTES_MAX)?;
            Trust::parse(&text).with_context(|| trust.display().to_string())?
        }
        None => Trust::default(),
    };
    let Verdict { level, owner } = trust.judge(&package).with_context(|| file.display().to_string())?;
    let about = &package.manifest().plugin;
    let signer = package.signer().map(|key| key.to_string());
    if as_json {
        let files: Vec<_> =
            package.files().iter().map(|(path, bytes)| json!({"path": path, "bytes": bytes.len()})).collect();
        println!(
            "{}",
            json!({
                "id": about.id, "version": about.version, "hash": package.hash(), "files": files,
                "signer": signer, "level": level, "owner": owner,
            })
        );
        return Ok(());
    }
    println!("{}: {} {}, {} files, no fault", file.display(), about.id, about.version, package.files().len());
    println!("hash   {}", package.hash());
    match (signer, owner) {
        (None, _) => println!("signer none: `dev`, for its author's own machine"),
        (Some(key), None) => println!("signer {key}, which no trust file names: `dev`"),
        (Some(key), Some(owner)) => {
            println!("signer {key} of {owner}: `{}`", json!(level).as_str().unwrap_or_default());
        }
    }
    Ok(())
}

/// The bytes of a package: those of a file, or of what a folder makes, signed where there is a key.
pub(super) fn load(path: &Path, key: Option<&Path>) -> Result<Vec<u8>> {
    let context = || path.display().to_string();
    let package = if path.is_dir() { Package::of(gather(path)?).with_context(context)? } else { read_package(path)? };
    match key.map(read_key).transpose()? {
        // As it is, with the signature that it has.
        None if !path.is_dir() => read_bytes(path, PACKAGE_BYTES_MAX),
        key => Ok(package.bytes(key.as_ref())?),
    }
}

/// The files of a plugin's folder that belong into its package: the manifest, what it names, and what has its place by
/// custom. Hidden files stay behind.
fn gather(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    let manifest = read_text(&folder.join(Manifest::PATH), MANIFEST_BYTES_MAX)?;
    let parsed = Manifest::parse(&manifest).with_context(|| folder.display().to_string())?;
    files.insert(Manifest::PATH.parse()?, manifest.into_bytes());
    for (path, wanted_by) in parsed.files() {
        add(&mut files, folder, path.clone()).with_context(|| format!("{wanted_by} names it"))?;
    }
    for name in FILES.iter().filter(|name| folder.join(name).exists()) {
        add(&mut files, folder, name.parse()?)?;
    }
    for name in FOLDERS.iter().filter(|name| folder.join(name).exists()) {
        add_folder(&mut files, folder, name)?;
    }
    Ok(files)
}

fn add_folder(files: &mut Files, root: &Path, inside: &str) -> Result<()> {
    let folder = root.join(inside);
    let context = || format!("cannot read the folder {}", folder.display());
    let mut entries =
        fs::read_dir(&folder).with_context(context)?.collect::<Result<Vec<_>, _>>().with_context(context)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { bail!("{}: the name is not UTF-8", entry.path().display()) };
        if name.starts_with('.') {
            continue;
        }
        let inside: PackagePath = format!("{inside}/{name}").parse()?;
        if entry.file_type().with_context(context)?.is_dir() {
            add_folder(files, root, inside.as_str())?;
        } else {
            add(files, root, inside)?;
        }
    }
    Ok(())
}

fn add(files: &mut Files, root: &Path, inside: PackagePath) -> Result<()> {
    let file = root.join(inside.as_str());
    let kind = fs::symlink_metadata(&file).with_context(|| format!("cannot read {}", file.display()))?;
    ensure!(kind.is_file(), "{} is no plain file: put the file itself there", file.display());
    let held: usize = files.values().map(Vec::len).sum();
    files.insert(inside, read_bytes(&file, CONTENT_BYTES_MAX.saturating_sub(held))?);
    Ok(())
}

fn read_package(file: &Path) -> Result<Package> {
    Package::read(&read_bytes(file, PACKAGE_BYTES_MAX)?).with_context(|| file.display().to_string())
}

fn read_key(file: &Path) -> Result<SigningKey> {
    SigningKey::from_pem(&read_text(file, KEY_BYTES_MAX)?).with_context(|| file.display().to_string())
}

pub(super) fn read_text(file: &Path, max: usize) -> Result<String> {
    String::from_utf8(read_bytes(file, max)?).with_context(|| format!("{} is not UTF-8", file.display()))
}

pub(super) fn read_bytes(file: &Path, max: usize) -> Result<Vec<u8>> {
    let context = || format!("cannot read {}", file.display());
    let opened = fs::File::open(file).with_context(context)?;
    // Read no further than allowed, whatever the file says of its size: a device says 0.
    let mut bytes = Vec::new();
    opened.take(max as u64 + 1).read_to_end(&mut bytes).with_context(context)?;
    ensure!(bytes.len() <= max, "{} has more than {max} bytes, which is all that is allowed here", file.display());
    Ok(bytes)
}

/// Into a new file beside it, then renamed: never half a package.
pub(super) fn write_whole(file: &Path, bytes: &[u8]) -> Result<()> {
    let mut new = file.as_os_str().to_owned();
    new.push(".new");
    let written = fs::write(&new, bytes).and_then(|()| fs::rename(&new, file));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written.with_context(|| format!("cannot write {}", file.display()))
}
