//! Making a world: from its newest good snapshot, else from its source. Runs on the loader threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hd1_sim::{Sim, SimConfig};

use crate::body::{Finished, reason_of};
use crate::config::WorldSource;
use crate::live::Live;
use crate::recording::writer::Recorder;
use crate::roster::Roster;
use crate::slot::Slot;
use crate::snapshot::Snapshot;

/// Loads the slot's world elsewhere; the slot hears of it by [`Finished::Loaded`].
pub(crate) fn load_elsewhere(slot: &Arc<Slot>) {
    let elsewhere = slot.context.scheduler.elsewhere();
    let slot = Arc::clone(slot);
    let context = Arc::clone(&slot.context);
    context.loaders.submit(move || {
        let began = slot.context.now_ns();
        let loaded = catch_unwind(AssertUnwindSafe(|| load(&slot))).unwrap_or_else(|panic| Err(reason_of(&*panic)));
        slot.context.counters.load_durations.add_ns(slot.context.now_ns().saturating_sub(began));
        slot.finished(Finished::Loaded(loaded));
        drop(elsewhere);
    });
}

fn load(slot: &Arc<Slot>) -> Result<Box<Live>, String> {
    let now = slot.context.now_ns();
    let (snapshot, damaged) = Snapshot::newest(&slot.folder).map_err(|error| error.to_string())?;
    for (path, fault) in damaged {
        tracing::error!(session.id = %slot.session, ?path, %fault, "snapshot set aside");
    }
    let mut live = match snapshot {
        Some(snapshot) if snapshot.session != slot.session => {
            return Err(format!("its snapshot belongs to session {}", snapshot.session));
        }
        Some(snapshot) => {
            let mut sim = Sim::from_snapshot(&snapshot.state).map_err(|error| error.to_string())?;
            sim.provide_modules(Arc::clone(&slot.context.config.modules));
            slot.figures.snapshot_tick.store(snapshot.tick.0 + 1, Ordering::Relaxed);
            let mut live = Live::new(sim, Roster::restore(snapshot.seats, now));
            live.snapshot_content = Some(live.sim.content_hash());
            live
        }
        None => Live::new(from_source(slot)?, Roster::default()),
    };
    if slot.context.config.recording {
        live.recorder = Some(begin_recording(slot, &mut live));
    }
    Ok(Box::new(live))
}

fn from_source(slot: &Slot) -> Result<Sim, String> {
    let spec = &slot.spec;
    let mut sim = match &spec.source {
        WorldSource::Scene(scene) => {
            let config =
                SimConfig { session: slot.session, seed: spec.seed, tick_rate: spec.tick_rate, quotas: spec.quotas };
            Sim::from_scene(config, scene).map_err(|error| error.to_string())
        }
        WorldSource::Snapshot(bytes) => Sim::from_snapshot(bytes).map_err(|error| error.to_string()),
    }?;
    sim.provide_modules(Arc::clone(&slot.context.config.modules));
    Ok(sim)
}

/// A recording that starts at the world's last boundary.
pub(crate) fn begin_recording(slot: &Slot, live: &mut Live) -> Recorder {
    let state = live.sim.snapshot();
    let tick = live.sim.current_tick();
    Recorder::begin(slot.folder.clone(), slot.session, tick, state, Arc::clone(&slot.context))
}
