//! The part of a recording that a ticking world feeds: it gathers records and never touches the disk itself.
//!
//! Batches are written by the disk threads, at most one at a time per recording and in order. When the disk does not
//! keep up, or refuses, the recording is given up at a record's end and the world begins a new one.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hd1_core::{SessionId, Tick};

use super::file::{Chain, EXTENSION, Header, KIND};
use crate::context::Context;
use crate::files::WorldFolder;
use crate::limits::{RECORDING_BACKLOG_BYTES_MAX, RECORDING_BATCH_BYTES, RECORDINGS_KEPT};

/// A recording under way.
pub(crate) struct Recorder {
    sink: Arc<Sink>,
    context: Arc<Context>,
    chain: Chain,
    gathered: Vec<u8>,
    bytes: u64,
}

struct Sink {
    folder: WorldFolder,
    tick: Tick,
    /// Short-lived: the ticking thread takes it.
    waiting: Mutex<Waiting>,
    /// Held while writing: only disk threads take it.
    file: Mutex<Option<File>>,
    broken: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    under_way: bool,
    sync: bool,
}

impl Recorder {
    /// Begins a recording from a state; the file appears when the disk gets to it.
    pub fn begin(folder: WorldFolder, session: SessionId, tick: Tick, state: Vec<u8>, context: Arc<Context>) -> Self {
        let (header, chain) = Header { session, tick, state }.encode();
        let sink = Arc::new(Sink {
            folder,
            tick,
            waiting: Mutex::default(),
            file: Mutex::new(None),
            broken: AtomicBool::new(false),
        });
        let bytes = header.len() as u64;
        let mut recorder = Recorder { sink, context, chain, gathered: header, bytes };
        recorder.flush(false);
        recorder
    }

    /// Adds a tick; `hash` is `None` where it panicked.
    pub fn add(&mut self, tick: Tick, hash: Option<u64>, input: &[u8]) {
        let before = self.gathered.len();
        self.chain.append(&mut self.gathered, tick, hash, input);
        self.bytes += (self.gathered.len() - before) as u64;
        if self.gathered.len() >= RECORDING_BATCH_BYTES {
            self.flush(false);
        }
    }

    /// Hands what was gathered to the disk; `sync` also asks it to reach the platter.
    pub fn flush(&mut self, sync: bool) {
        let mut waiting = self.sink.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.bytes.len() + self.gathered.len() > RECORDING_BACKLOG_BYTES_MAX.max(self.gathered.len()) {
            self.sink.broken.store(true, Ordering::Relaxed);
        }
        if self.sink.broken.load(Ordering::Relaxed) || (self.gathered.is_empty() && !sync) {
            self.gathered.clear();
            return;
        }
        waiting.bytes.append(&mut self.gathered);
        waiting.sync |= sync;
        if !std::mem::replace(&mut waiting.under_way, true) {
            let sink = Arc::clone(&self.sink);
            let elsewhere = self.context.scheduler.elsewhere();
            self.context.disk.submit(move || {
                sink.write_waiting();
                drop(elsewhere);
            });
        }
    }

    /// Stops writing and waits for what is being written: the folder may be removed then.
    pub fn abandon(self) {
        self.sink.broken.store(true, Ordering::Relaxed);
        drop(self.sink.file.lock());
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Has the disk refused or fallen behind?
    pub fn is_broken(&self) -> bool {
        self.sink.broken.load(Ordering::Relaxed)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.flush(true);
    }
}

impl Sink {
    fn write_waiting(&self) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let (bytes, sync) = {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if waiting.bytes.is_empty() && !waiting.sync {
                    waiting.under_way = false;
                    return;
                }
                (std::mem::take(&mut waiting.bytes), std::mem::take(&mut waiting.sync))
            };
            if let Err(error) = self.write(&mut file, &bytes, sync) {
                tracing::warn!(folder = ?self.folder, %error, "recording given up");
                self.broken.store(true, Ordering::Relaxed);
            }
        }
    }

    fn write(&self, file: &mut Option<File>, bytes: &[u8], sync: bool) -> io::Result<()> {
        if self.broken.load(Ordering::Relaxed) {
            return Ok(());
        }
        if file.is_none() {
            self.folder.make()?;
            let path = self.folder.file(KIND, self.tick, EXTENSION);
            if path.exists() {
                // A world that crashed and came back to the same snapshot: what led to the crash is worth keeping.
                std::fs::rename(&path, path.with_extension("crashed"))?;
                self.folder.prune(KIND, "crashed", 1)?;
            }
            *file = Some(File::create(path)?);
            self.folder.prune(KIND, EXTENSION, RECORDINGS_KEPT)?;
        }
        let Some(file) = file else { return Ok(()) };
        file.write_all(bytes)?;
        if sync { file.sync_data() } else { Ok(()) }
    }
}
