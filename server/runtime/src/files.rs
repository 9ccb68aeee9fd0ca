//! Where a world's files lie, and the one way in which a file is put there: whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use hd1_core::{SessionId, Tick};

/// The folder of one world.
#[derive(Clone, Debug)]
pub(crate) struct WorldFolder(PathBuf);

impl WorldFolder {
    /// `DATA/worlds/<session>`; made when the first file is written.
    pub fn new(data_dir: &Path, session: SessionId) -> Self {
        WorldFolder(data_dir.join("worlds").join(session.to_string()))
    }

    /// The path of a file made at a tick: `<kind>-<tick>.<extension>`.
    pub fn file(&self, kind: &str, tick: Tick, extension: &str) -> PathBuf {
        self.0.join(format!("{kind}-{tick}.{extension}"))
    }

    /// Makes the folder.
    pub fn make(&self) -> io::Result<()> {
        fs::create_dir_all(&self.0)
    }

    /// The files of a kind with their ticks, newest first; none where there is no folder.
    pub fn list(&self, kind: &str, extension: &str) -> io::Result<Vec<(Tick, PathBuf)>> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let tick = name
                .strip_prefix(kind)
                .and_then(|rest| rest.strip_prefix('-'))
                .and_then(|rest| rest.strip_suffix(extension))
                .and_then(|rest| rest.strip_suffix('.'))
                .and_then(|digits| digits.parse().ok());
            if let Some(tick) = tick {
                found.push((Tick(tick), path));
            }
        }
        found.sort_by_key(|(tick, _)| std::cmp::Reverse(*tick));
        Ok(found)
    }

    /// Removes all but the newest `kept` files of a kind.
    pub fn prune(&self, kind: &str, extension: &str, kept: usize) -> io::Result<()> {
        for (_, path) in self.list(kind, extension)?.into_iter().skip(kept) {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    /// Removes the folder and all in it.
    pub fn erase(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Writes a file so that after a power cut or `kill -9` it is there whole or not at all: a temporary file in the
/// same folder, synced, renamed over the name, and the folder synced.
pub(crate) fn write_atomically(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let written = (|| {
        let mut file = File::create(&temporary)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        // A full disk must not stay full of what could not be finished.
        let _ = fs::remove_file(&temporary);
        return written;
    }
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
