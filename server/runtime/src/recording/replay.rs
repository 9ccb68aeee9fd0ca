//! Running a recording again, headless and as fast as it goes, and comparing every tick's hash.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use hd1_core::{SessionId, Tick};
use hd1_sim::{Modules, Sim};
use serde::Serialize;

use super::file::{Found, Reader, Record, RecordingFault};
use crate::live::decode_input;

/// What came of a replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    /// Whose world it was.
    pub session: SessionId,
    /// The tick of the starting snapshot.
    pub from: Tick,
    /// Ticks run.
    pub ticks: u64,
    /// The first tick that came out differently; nothing after it was run.
    pub first_mismatch: Option<Mismatch>,
    /// How the file ends.
    pub ending: Ending,
}

/// A tick that came out differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Which.
    pub tick: Tick,
    /// The hash in the recording; `None` where it says that the tick panicked.
    pub recorded: Option<u64>,
    /// The hash now; `None` where it panics.
    pub replayed: Option<u64>,
}

/// How a recording ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "bytes")]
pub enum Ending {
    /// After a whole tick.
    Whole,
    /// Within a tick, as after `kill -9`: so many bytes of it are there.
    Torn(u64),
    /// With a tick that panicked, then and now.
    Crash,
    /// A record is not what was written: nothing from there on can be trusted.
    Damaged,
    /// Not read to the end, because of the mismatch.
    Unread,
}

impl ReplayReport {
    /// Did everything come out as recorded, with nothing tampered?
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.first_mismatch.is_none() && self.ending != Ending::Damaged
    }
}

/// Replays the recording at `path`. Plugins run where their modules are here; a run that was ended for its time then, or
/// is now, is a tick that comes out differently.
///
/// # Errors
/// [`RecordingFault`] where not even the starting snapshot can be had.
pub fn replay(path: &Path, modules: Arc<dyn Modules>) -> Result<ReplayReport, RecordingFault> {
    let (header, mut reader) = Reader::open(path)?;
    let mut sim = Sim::from_snapshot(&header.state).map_err(|error| RecordingFault::Snapshot(error.to_string()))?;
    sim.provide_modules(modules);
    let (session, from) = (header.session, header.tick);
    let mut report = ReplayReport { session, from, ticks: 0, first_mismatch: None, ending: Ending::Unread };
    loop {
        let record = match reader.next()? {
            Found::Record(record) => record,
            Found::End => return Ok(ReplayReport { ending: Ending::Whole, ..report }),
            Found::Torn(bytes) => return Ok(ReplayReport { ending: Ending::Torn(bytes), ..report }),
            Found::Damaged => return Ok(ReplayReport { ending: Ending::Damaged, ..report }),
        };
        let Ok(step) = step(&mut sim, &record) else {
            return Ok(ReplayReport { ending: Ending::Damaged, ..report });
        };
        report.ticks += 1;
        match (step, record.hash) {
            (None, None) => return Ok(ReplayReport { ending: Ending::Crash, ..report }),
            (Some((tick, replayed)), Some(recorded)) if tick == record.tick && replayed == recorded => {}
            (step, recorded) => {
                let replayed = step.map(|(_, hash)| hash);
                report.first_mismatch = Some(Mismatch { tick: record.tick, recorded, replayed });
                return Ok(report);
            }
        }
    }
}

/// The tick and its hash; `None` where it panics.
fn step(sim: &mut Sim, record: &Record) -> Result<Option<(Tick, u64)>, rmp_serde::decode::Error> {
    let input = decode_input(&record.input)?;
    let run = || {
        let tick = sim.tick(&input).tick;
        (tick, sim.state_hash())
    };
    Ok(catch_unwind(AssertUnwindSafe(run)).ok())
}

#[cfg(test)]
mod tests {
    use hd1_protocol::Operation;
    use hd1_scenes::Scene;
    use hd1_sim::{Command, SimConfig, TickInput};

    use super::*;
    use crate::live::encode_input;
    use crate::recording::file::Header;

    /// Whoever forges a log keeps its chain whole; the states still give it away.
    #[test]
    fn a_forged_input_is_found_at_its_tick() {
        let scene = Scene::parse(r#"{ "name": "Empty", "entities": [] }"#).unwrap();
        let session = SessionId::generate();
        let mut sim = Sim::from_scene(SimConfig::new(session), &scene).unwrap();
        let header = Header { session, tick: Tick(0), state: sim.snapshot() };
        let (mut honest, mut chain) = header.encode();
        let (mut forged, mut forged_chain) = header.encode();
        for tick in 1..=9 {
            let op = Operation::Spawn { components: Default::default() };
            let commands = if tick == 5 { vec![Command::Admin { request: 1, op }] } else { Vec::new() };
            let input = TickInput { commands };
            let mut encoded = Vec::new();
            encode_input(&input, &mut encoded);
            sim.tick(&input);
            let hash = Some(sim.state_hash());
            chain.append(&mut honest, Tick(tick), hash, &encoded);
            forged_chain.append(&mut forged, Tick(tick), hash, &[]);
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), honest).unwrap();
        let report = replay(file.path(), Arc::new(crate::config::NoModules)).unwrap();
        assert_eq!((report.ticks, report.first_mismatch, report.ending), (9, None, Ending::Whole));
        std::fs::write(file.path(), forged).unwrap();
        let report = replay(file.path(), Arc::new(crate::config::NoModules)).unwrap();
        assert_eq!(report.first_mismatch.map(|mismatch| mismatch.tick), Some(Tick(5)));
        assert!(!report.is_equal());
    }
}
