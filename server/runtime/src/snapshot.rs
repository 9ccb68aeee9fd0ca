//! Snapshot files: a world's state and its seats, versioned and hashed, the newest two kept.
//!
//! Layout, little-endian: `HD1S`, version u16, session 16 bytes, tick u64, length of the seats u32, seats (msgpack),
//! length of the state u64, state (`hd1_sim`'s own format), BLAKE3 of all before it. The seats are the runtime's: who
//! holds which player number, so that a participant finds the same avatar after a crash of the whole server.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use hd1_core::{ClientType, ParticipantId, PlayerId, Role, SessionId, Tick};
use serde::{Deserialize, Serialize};

use crate::files::{WorldFolder, write_atomically};
use crate::limits::{SNAPSHOT_BYTES_MAX, SNAPSHOTS_KEPT};

const MAGIC: [u8; 4] = *b"HD1S";
const VERSION: u16 = 1;
const HASH_BYTES: usize = 32;
const KIND: &str = "snapshot";
const EXTENSION: &str = "hd1s";

/// Who holds a player number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seat {
    /// The membership.
    pub participant: ParticipantId,
    /// Its number in the world.
    pub player: PlayerId,
    /// Shown name.
    pub name: String,
    /// Rights.
    pub role: Role,
    /// Kind of program.
    pub client: ClientType,
}

/// A world's whole state at a tick.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The session it belongs to.
    pub session: SessionId,
    /// The tick it was taken after.
    pub tick: Tick,
    /// Next player number to give out, and who holds the earlier ones.
    pub seats: Seats,
    /// What `Sim::snapshot` gave.
    pub state: Vec<u8>,
}

/// The seats of a world.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seats {
    /// The player number given out last.
    pub last_player: u32,
    /// By player number, ascending.
    pub taken: Vec<Seat>,
    /// Players whose avatars are still in the state but whose seats are given up.
    pub leaving: Vec<PlayerId>,
}

/// Why a snapshot file is not usable.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFault {
    /// The file cannot be read.
    #[error("snapshot file cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is cut short, changed or not a snapshot at all.
    #[error("snapshot file is damaged: {0}")]
    Damaged(&'static str),
    /// It was written by a newer program.
    #[error("snapshot file has version {0}, this program reads up to {VERSION}")]
    TooNew(u16),
}

/// A damaged file and what is wrong with it.
pub(crate) type SetAside = (PathBuf, SnapshotFault);

impl Snapshot {
    /// Reads and checks a snapshot file.
    ///
    /// # Errors
    /// [`SnapshotFault`], saying what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, SnapshotFault> {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(SNAPSHOT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > SNAPSHOT_BYTES_MAX {
            return Err(SnapshotFault::Damaged("it is longer than any snapshot"));
        }
        Self::decode(&bytes)
    }

    fn decode(bytes: &[u8]) -> Result<Self, SnapshotFault> {
        let cut_short = SnapshotFault::Damaged("it is cut short");
        let Some(hashed) = bytes.len().checked_sub(HASH_BYTES) else { return Err(cut_short) };
        let (content, hash) = bytes.split_at(hashed);
        let mut rest = content;
        if take::<4>(&mut rest) != Some(MAGIC) {
            return Err(SnapshotFault::Damaged("it does not begin with HD1S"));
        }
        // Every version ends with the hash: a flipped bit must not pass for a newer program.
        if blake3::hash(content).as_bytes() != hash {
            return Err(SnapshotFault::Damaged("its hash differs"));
        }
        let version = u16::from_le_bytes(take(&mut rest).ok_or(SnapshotFault::Damaged("it is cut short"))?);
        if version != VERSION {
            return Err(SnapshotFault::TooNew(version));
        }
        let fields = (|| {
            let session = SessionId(uuid_of(take(&mut rest)?));
            let tick = Tick(u64::from_le_bytes(take(&mut rest)?));
            let seats_len = u32::from_le_bytes(take(&mut rest)?) as usize;
            let seats = rmp_serde::from_slice(rest.get(..seats_len)?).ok()?;
            rest = &rest[seats_len..];
            let state_len = u64::from_le_bytes(take(&mut rest)?);
            (state_len == rest.len() as u64).then(|| Snapshot { session, tick, seats, state: rest.to_vec() })
        })();
        fields.ok_or(cut_short)
    }

    /// Writes it into its folder and removes all but the newest two. Answers the bytes written.
    pub(crate) fn write(&self, folder: &WorldFolder) -> io::Result<u64> {
        folder.make()?;
        let seats = rmp_serde::to_vec_named(&self.seats).map_err(io::Error::other)?;
        let seats_len = u32::try_from(seats.len()).map_err(io::Error::other)?;
        let mut head = Vec::with_capacity(64 + seats.len());
        head.extend_from_slice(&MAGIC);
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(self.session.0.as_bytes());
        head.extend_from_slice(&self.tick.0.to_le_bytes());
        head.extend_from_slice(&seats_len.to_le_bytes());
        head.extend_from_slice(&seats);
        head.extend_from_slice(&(self.state.len() as u64).to_le_bytes());
        let hash = blake3::Hasher::new().update(&head).update(&self.state).finalize();
        write_atomically(&folder.file(KIND, self.tick, EXTENSION), &[&head, &self.state, hash.as_bytes()])?;
        folder.prune(KIND, EXTENSION, SNAPSHOTS_KEPT)?;
        folder.prune(KIND, "tmp", 0)?;
        Ok((head.len() + self.state.len() + HASH_BYTES) as u64)
    }

    /// The newest usable snapshot in a folder. Damaged ones are renamed to `*.damaged`, so that they neither hide
    /// nor outlive the good ones, and are told.
    pub(crate) fn newest(folder: &WorldFolder) -> io::Result<(Option<Snapshot>, Vec<SetAside>)> {
        let mut damaged = Vec::new();
        for (_, path) in folder.list(KIND, EXTENSION)? {
            match Snapshot::read(&path) {
                Ok(snapshot) => return Ok((Some(snapshot), damaged)),
                Err(SnapshotFault::Unreadable(error)) => return Err(error),
                // A newer program's file is not for this one to set aside.
                Err(fault @ SnapshotFault::TooNew(_)) => return Err(io::Error::other(fault)),
                Err(fault) => {
                    fs::rename(&path, path.with_extension("damaged"))?;
                    damaged.push((path, fault));
                }
            }
        }
        Ok((None, damaged))
    }
}

pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

pub(crate) fn uuid_of(bytes: [u8; 16]) -> uuid::Uuid {
    uuid::Uuid::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(session: SessionId, tick: u64) -> Snapshot {
        let seat = Seat {
            participant: ParticipantId::generate(),
            player: PlayerId(1),
            name: "ada".into(),
            role: Role::Participant,
            client: ClientType::Bot,
        };
        let state = vec![tick as u8; 10_000];
        Snapshot {
            session,
            tick: Tick(tick),
            seats: Seats { last_player: 1, taken: vec![seat], leaving: vec![] },
            state,
        }
    }

    fn folder() -> (tempfile::TempDir, SessionId, WorldFolder) {
        let dir = tempfile::tempdir().unwrap();
        let session = SessionId::generate();
        let folder = WorldFolder::new(dir.path(), session);
        (dir, session, folder)
    }

    #[test]
    fn two_are_kept_and_the_newest_comes_back() {
        let (_dir, session, folder) = folder();
        assert!(Snapshot::newest(&folder).unwrap().0.is_none(), "no folder is no snapshot");
        for tick in [9, 100, 1_000] {
            sample(session, tick).write(&folder).unwrap();
        }
        let ticks: Vec<_> = folder.list(KIND, EXTENSION).unwrap().into_iter().map(|(tick, _)| tick.0).collect();
        assert_eq!(ticks, [1_000, 100]);
        let newest = Snapshot::newest(&folder).unwrap().0.unwrap();
        assert_eq!((newest.tick, newest.state.len(), newest.seats.last_player), (Tick(1_000), 10_000, 1));
    }

    #[test]
    fn any_damage_to_the_newest_falls_back_to_the_older() {
        for at in [0, 5, 30, 80, 5_000, usize::MAX] {
            let (_dir, session, folder) = folder();
            sample(session, 1).write(&folder).unwrap();
            sample(session, 2).write(&folder).unwrap();
            let path = folder.file(KIND, Tick(2), EXTENSION);
            let mut bytes = fs::read(&path).unwrap();
            if at == 5 {
                bytes.truncate(bytes.len() / 2);
            } else {
                let at = at.min(bytes.len() - 1);
                bytes[at] ^= 1;
            }
            fs::write(&path, bytes).unwrap();
            let (found, damaged) = Snapshot::newest(&folder).unwrap();
            assert_eq!(found.unwrap().tick, Tick(1), "damage at {at}");
            assert_eq!(damaged.len(), 1);
            sample(session, 1).write(&folder).unwrap();
            assert_eq!(folder.list(KIND, EXTENSION).unwrap().len(), 1, "the damaged one is out of the way");
        }
    }

    #[test]
    fn what_was_being_written_when_the_power_went_is_ignored() {
        let (_dir, session, folder) = folder();
        sample(session, 1).write(&folder).unwrap();
        fs::write(folder.file(KIND, Tick(2), "tmp"), b"HD1S half").unwrap();
        assert_eq!(Snapshot::newest(&folder).unwrap().0.unwrap().tick, Tick(1));
        sample(session, 3).write(&folder).unwrap();
        assert!(folder.list(KIND, "tmp").unwrap().is_empty(), "the next write clears it away");
    }

    #[test]
    fn a_newer_programs_file_is_left_alone() {
        let (_dir, session, folder) = folder();
        sample(session, 1).write(&folder).unwrap();
        let path = folder.file(KIND, Tick(1), EXTENSION);
        let mut bytes = fs::read(&path).unwrap();
        bytes[4] = 9;
        let content = bytes.len() - HASH_BYTES;
        let hash = blake3::hash(&bytes[..content]);
        bytes[content..].copy_from_slice(hash.as_bytes());
        fs::write(&path, bytes).unwrap();
        assert!(Snapshot::newest(&folder).is_err());
        assert!(path.exists());
    }
}
