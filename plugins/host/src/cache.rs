//! Compiled modules on disk, so that a start does not compile what was compiled before.
//!
//! A file is named by the hash of the module's bytes and of whatever of the engine its code depends on, and begins with a
//! hash of the rest: one that was torn or has rotted is compiled anew. What is in it is run as it is, so the folder is the
//! server's own like its database; a compiled module that comes from elsewhere is never taken.

#![allow(unsafe_code)]

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use crate::limits::CACHE_FILES_MAX;

/// A folder of them.
#[derive(Clone, Debug)]
pub(crate) struct Cache(PathBuf);

impl Cache {
    /// Makes the folder where there is none, for its owner alone.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        #[cfg(unix)]
        fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        let cache = Cache(folder.to_owned());
        cache.sweep();
        Ok(cache)
    }

    /// The module, compiled now or earlier.
    pub fn module(&self, engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Module> {
        self.code(engine, wasm)
    }

    /// The component, compiled now or earlier.
    pub fn component(&self, engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Component> {
        self.code(engine, wasm)
    }

    fn code<T: Code>(&self, engine: &Engine, wasm: &[u8]) -> wasmtime::Result<T> {
        let path = self.0.join(name(engine, wasm));
        if let Some(code) = load(engine, &path) {
            return Ok(code);
        }
        let code = T::compile(engine, wasm)?;
        // Without it the next start is slower, and nothing else.
        if let Err(error) = code.bytes().map_err(io::Error::other).and_then(|bytes| keep(&path, &bytes)) {
            tracing::warn!(path = %path.display(), %error, "a compiled plugin could not be kept");
        }
        Ok(code)
    }

    /// Removes the oldest files beyond the limit.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.0) else { return };
        let age =
            |entry: &fs::DirEntry| entry.metadata().and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut files: Vec<_> = entries.flatten().map(|entry| (age(&entry), entry.path())).collect();
        files.sort();
        for (_, path) in files.iter().rev().skip(CACHE_FILES_MAX) {
            let _ = fs::remove_file(path);
        }
    }
}

fn name(engine: &Engine, wasm: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{}-{:016x}.code", blake3::hash(wasm).to_hex(), hasher.finish())
}

/// What is compiled: a module or a component.
trait Code: Sized {
    fn compile(engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Self>;
    fn bytes(&self) -> wasmtime::Result<Vec<u8>>;
    /// # Safety
    /// The bytes are what [`Code::bytes`] gave.
    unsafe fn of(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Self>;
}

macro_rules! code {
    ($ty:ty) => {
        impl Code for $ty {
            fn compile(engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Self> {
                <$ty>::from_binary(engine, wasm)
            }

            fn bytes(&self) -> wasmtime::Result<Vec<u8>> {
                self.serialize()
            }

            unsafe fn of(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Self> {
                // SAFETY: as the caller says.
                unsafe { <$ty>::deserialize(engine, bytes) }
            }
        }
    };
}
code!(Module);
code!(Component);

fn load<T: Code>(engine: &Engine, path: &Path) -> Option<T> {
    let bytes = fs::read(path).ok()?;
    let (hash, code) = bytes.split_at_checked(blake3::OUT_LEN)?;
    if blake3::hash(code).as_bytes()[..] != *hash {
        tracing::warn!(path = %path.display(), "a compiled plugin on disk is damaged and is compiled anew");
        return None;
    }
    // SAFETY: the bytes are those that this server serialised (their hash stands before them), and lie in a folder that
    // nobody else may write to. The engine itself refuses what another version or configuration has made.
    unsafe { T::of(engine, code) }.ok()
}

/// Written beside and renamed: a reader sees the whole of it or nothing.
fn keep(path: &Path, code: &[u8]) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    fs::write(&beside, [&blake3::hash(code).as_bytes()[..], code].concat())?;
    fs::rename(&beside, path)
}
