//! Files that only this account may read, written whole or not at all.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result};

/// Makes the data folder, closed to other accounts.
///
/// # Errors
/// It cannot be made.
pub fn make_data_folder(folder: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make the data folder {}", folder.display()))
}

/// Writes `bytes` to `file` with mode 0600: into a new file beside it, synced, then renamed.
///
/// # Errors
/// The disk refuses one of these steps.
pub fn write_secret(file: &Path, bytes: &[u8]) -> Result<()> {
    let context = || format!("cannot write {}", file.display());
    let new = file.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut open = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).with_context(context)?;
    open.write_all(bytes).and_then(|()| open.sync_all()).with_context(context)?;
    fs::rename(&new, file).with_context(context)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).with_context(context)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_is_readable_by_its_account_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        write_secret(&file, b"first").unwrap();
        write_secret(&file, b"second").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"second");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
