//! The recording format: header, chained records, and the reader that finds where they stop being true.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use hd1_core::{SessionId, Tick};

use crate::limits::{RECORD_BYTES_MAX, SNAPSHOT_BYTES_MAX};
use crate::snapshot::{take, uuid_of};

pub(crate) const KIND: &str = "recording";
pub(crate) const EXTENSION: &str = "hd1r";
const MAGIC: [u8; 4] = *b"HD1R";
const VERSION: u16 = 1;
const CHECK_BYTES: usize = 8;
const FIXED_BYTES: usize = 17;

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingFault {
    /// The file cannot be read.
    #[error("recording cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Its beginning is cut short or changed; nothing of it can be trusted.
    #[error("recording is damaged: {0}")]
    Damaged(&'static str),
    /// It was written by a newer program.
    #[error("recording has version {0}, this program reads {VERSION}")]
    TooNew(u16),
    /// The simulation does not take its starting snapshot.
    #[error("recording's starting snapshot is refused: {0}")]
    Snapshot(String),
}

/// What came before the records.
pub(crate) struct Header {
    pub session: SessionId,
    pub tick: Tick,
    pub state: Vec<u8>,
}

/// One tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub tick: Tick,
    /// The state hash after it; `None` where it panicked.
    pub hash: Option<u64>,
    /// Its input in msgpack.
    pub input: Vec<u8>,
}

/// The check that ties every record to all before it.
#[derive(Clone)]
pub(crate) struct Chain(blake3::Hash);

impl Header {
    pub fn encode(&self) -> (Vec<u8>, Chain) {
        let mut out = Vec::with_capacity(96 + self.state.len());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(self.session.0.as_bytes());
        out.extend_from_slice(&self.tick.0.to_le_bytes());
        out.extend_from_slice(&(self.state.len() as u64).to_le_bytes());
        out.extend_from_slice(&self.state);
        let hash = blake3::hash(&out);
        out.extend_from_slice(hash.as_bytes());
        (out, Chain(hash))
    }
}

impl Chain {
    fn next(&mut self, body: &[u8]) -> [u8; CHECK_BYTES] {
        self.0 = blake3::Hasher::new().update(self.0.as_bytes()).update(body).finalize();
        let mut check = [0; CHECK_BYTES];
        check.copy_from_slice(&self.0.as_bytes()[..CHECK_BYTES]);
        check
    }

    /// Appends a record to `out`.
    pub fn append(&mut self, out: &mut Vec<u8>, tick: Tick, hash: Option<u64>, input: &[u8]) {
        let len = FIXED_BYTES + input.len();
        out.extend_from_slice(&(len as u32).to_le_bytes());
        let from = out.len();
        out.extend_from_slice(&tick.0.to_le_bytes());
        out.push(u8::from(hash.is_some()));
        out.extend_from_slice(&hash.unwrap_or(0).to_le_bytes());
        out.extend_from_slice(input);
        let check = self.next(&out[from..]);
        out.extend_from_slice(&check);
    }
}

/// What the reader found next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Record(Record),
    /// The file ends after a whole record.
    End,
    /// The file ends within a record, as after `kill -9`: so many bytes are left over.
    Torn(u64),
    /// A record is not what was written.
    Damaged,
}

/// Reads a recording record by record.
pub(crate) struct Reader {
    source: BufReader<File>,
    chain: Chain,
}

impl Reader {
    pub fn open(path: &Path) -> Result<(Header, Self), RecordingFault> {
        let mut source = BufReader::new(File::open(path)?);
        let cut_short = || RecordingFault::Damaged("its header is cut short");
        let mut fixed = [0; 38];
        if read_up_to(&mut source, &mut fixed)? < fixed.len() {
            return Err(cut_short());
        }
        let mut rest = &fixed[..];
        if take::<4>(&mut rest) != Some(MAGIC) {
            return Err(RecordingFault::Damaged("it does not begin with HD1R"));
        }
        let version = u16::from_le_bytes(take(&mut rest).ok_or_else(cut_short)?);
        if version != VERSION {
            return Err(RecordingFault::TooNew(version));
        }
        let session = SessionId(uuid_of(take(&mut rest).ok_or_else(cut_short)?));
        let tick = Tick(u64::from_le_bytes(take(&mut rest).ok_or_else(cut_short)?));
        let len = u64::from_le_bytes(take(&mut rest).ok_or_else(cut_short)?);
        if len > SNAPSHOT_BYTES_MAX {
            return Err(RecordingFault::Damaged("its snapshot is longer than any"));
        }
        let mut state = Vec::new();
        source.by_ref().take(len).read_to_end(&mut state)?;
        let mut hash = [0; 32];
        if read_up_to(&mut source, &mut hash)? < hash.len() {
            return Err(cut_short());
        }
        let expected = blake3::Hasher::new().update(&fixed).update(&state).finalize();
        if expected != blake3::Hash::from_bytes(hash) {
            return Err(RecordingFault::Damaged("the hash of its header differs"));
        }
        Ok((Header { session, tick, state }, Reader { source, chain: Chain(expected) }))
    }

    pub fn next(&mut self) -> io::Result<Found> {
        let mut len = [0; 4];
        match read_up_to(&mut self.source, &mut len)? {
            0 => return Ok(Found::End),
            4 => {}
            part => return Ok(Found::Torn(part as u64)),
        }
        let len = u32::from_le_bytes(len) as usize;
        if !(FIXED_BYTES..=RECORD_BYTES_MAX).contains(&len) {
            return Ok(Found::Damaged);
        }
        let mut body = vec![0; len + CHECK_BYTES];
        let got = read_up_to(&mut self.source, &mut body)?;
        if got < body.len() {
            return Ok(Found::Torn(4 + got as u64));
        }
        let (body, check) = body.split_at(len);
        if self.chain.next(body) != check {
            return Ok(Found::Damaged);
        }
        let mut rest = body;
        let fields = (|| {
            let tick = Tick(u64::from_le_bytes(take(&mut rest)?));
            let [has_hash] = take::<1>(&mut rest)?;
            let hash = u64::from_le_bytes(take(&mut rest)?);
            Some(Record { tick, hash: (has_hash == 1).then_some(hash), input: rest.to_vec() })
        })();
        Ok(fields.map_or(Found::Damaged, Found::Record))
    }
}

fn read_up_to(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(records: u64) -> (Vec<u8>, Vec<usize>) {
        let header = Header { session: SessionId::generate(), tick: Tick(5), state: vec![7; 1000] };
        let (mut out, mut chain) = header.encode();
        let mut ends = vec![out.len()];
        for n in 0..records {
            chain.append(&mut out, Tick(6 + n), (n % 3 != 2).then_some(n * 31), &vec![n as u8; n as usize]);
            ends.push(out.len());
        }
        (out, ends)
    }

    fn read(bytes: &[u8]) -> (usize, Found) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let (_, mut reader) = Reader::open(file.path()).unwrap();
        let mut records = 0;
        loop {
            match reader.next().unwrap() {
                Found::Record(record) => {
                    assert_eq!(record.tick, Tick(6 + records as u64));
                    assert_eq!(record.input.len(), records);
                    records += 1;
                }
                end => return (records, end),
            }
        }
    }

    #[test]
    fn cut_anywhere_the_whole_records_remain() {
        let (bytes, ends) = recording(8);
        for cut in ends[0]..=bytes.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            let over = (cut - ends[whole]) as u64;
            let expected = if over == 0 { Found::End } else { Found::Torn(over) };
            assert_eq!(read(&bytes[..cut]), (whole, expected));
        }
    }

    #[test]
    fn a_changed_bit_is_found_in_its_record() {
        let (bytes, ends) = recording(8);
        for at in ends[0]..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            let whole = ends.iter().filter(|end| **end <= at).count() - 1;
            let (records, found) = read(&changed);
            // A changed length may reach past the end and then looks like a torn tail.
            assert!(matches!(found, Found::Damaged | Found::Torn(_)), "{found:?} at {at}");
            assert_eq!(records, whole);
        }
    }
}
