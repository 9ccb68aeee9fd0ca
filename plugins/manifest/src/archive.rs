//! Files as one: a gzipped tar whose bytes follow from its files alone, so that anyone can make it again and compare.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use flate2::{Compression, GzBuilder, read::GzDecoder};
use tar::{Archive, EntryType, Header};

use crate::limits::{CONTENT_BYTES_MAX, FILES_MAX, PACKAGE_BYTES_MAX};
use crate::{PackageError, PackagePath};

/// By path.
pub type Files = BTreeMap<PackagePath, Vec<u8>>;

/// Bytes of a tar's header and padding, for each file and for the end.
const TAR_ROOM_BYTES: usize = 1_024;

/// Packs files.
///
/// # Errors
/// There are more, or larger ones, than a package may hold.
pub fn pack(files: &Files) -> Result<Vec<u8>, PackageError> {
    check_size(files)?;
    let writer = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    let packed = write(files, writer).map_err(|error| PackageError::Malformed(error.to_string()))?;
    if packed.len() > PACKAGE_BYTES_MAX {
        return Err(PackageError::TooMuch { what: "packed bytes", max: PACKAGE_BYTES_MAX });
    }
    Ok(packed)
}

fn write(files: &Files, writer: flate2::write::GzEncoder<Vec<u8>>) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(writer);
    for (path, bytes) in files {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, path.as_str(), bytes.as_slice())?;
    }
    let mut gzip = tar.into_inner()?;
    gzip.flush()?;
    gzip.finish()
}

/// The inverse, for bytes from anywhere: no more is unpacked than a package may hold, and nothing but files.
///
/// # Errors
/// [`PackageError`]: what of it is no package.
pub fn unpack(packed: &[u8]) -> Result<Files, PackageError> {
    if packed.len() > PACKAGE_BYTES_MAX {
        return Err(PackageError::TooMuch { what: "packed bytes", max: PACKAGE_BYTES_MAX });
    }
    let malformed = |error: io::Error| PackageError::Malformed(error.to_string());
    // One byte more than may be there, so that too much is told from just enough.
    let room = CONTENT_BYTES_MAX + (FILES_MAX + 1) * TAR_ROOM_BYTES;
    let mut archive = Archive::new(GzDecoder::new(packed).take(room as u64));
    let (mut files, mut folded, mut rest) = (Files::new(), BTreeMap::new(), CONTENT_BYTES_MAX);
    for entry in archive.entries().map_err(malformed)?.raw(true) {
        let mut entry = entry.map_err(malformed)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type() != EntryType::Regular {
            let reason = "it is no plain file; folders need no entry, links and devices have no place here";
            return Err(PackageError::Path { path: name.chars().take(100).collect(), reason });
        }
        let path: PackagePath = name.parse()?;
        if files.len() == FILES_MAX {
            return Err(PackageError::TooMuch { what: "files", max: FILES_MAX });
        }
        if let Some(other) = folded.insert(path.folded(), path.clone()) {
            return Err(PackageError::Twice(other));
        }
        if entry.size() > rest as u64 {
            return Err(PackageError::TooMuch { what: "bytes of files", max: CONTENT_BYTES_MAX });
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(malformed)?;
        if bytes.len() as u64 != entry.size() {
            return Err(PackageError::Malformed(format!("{path} ends early")));
        }
        rest -= bytes.len();
        files.insert(path, bytes);
    }
    if files.is_empty() {
        return Err(PackageError::Malformed("nothing is in it".into()));
    }
    Ok(files)
}

fn check_size(files: &Files) -> Result<(), PackageError> {
    if files.len() > FILES_MAX {
        return Err(PackageError::TooMuch { what: "files", max: FILES_MAX });
    }
    if files.values().map(Vec::len).sum::<usize>() > CONTENT_BYTES_MAX {
        return Err(PackageError::TooMuch { what: "bytes of files", max: CONTENT_BYTES_MAX });
    }
    Ok(())
}
