//! A world's plugins over time: what is wished for, what faults, and what is held back for it.
//!
//! The simulation knows a list and drops what a faulting run did. Here is the clock: too many faults in a minute hold a
//! plugin back for a while, longer each time, and at last for good. Every change is a command of the next tick, so that a
//! recording tells it as well.

use std::collections::VecDeque;

use hd1_protocol::message::OpError;
use hd1_sim::{Command, OpDone, PluginFault, PluginSpec};
use serde::Serialize;

use crate::limits::{
    PLUGIN_BACKOFF_NS, PLUGIN_BACKOFF_NS_MAX, PLUGIN_FAULT_WINDOW_NS, PLUGIN_FAULTS_MAX, PLUGIN_RESTART_WINDOW_NS,
    PLUGIN_RESTARTS_MAX,
};
use crate::time::Nanos;

/// How a plugin does in one world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginStatus {
    /// Its systems run in each tick.
    Running,
    /// They do, and one of them faulted lately.
    Degraded,
    /// Held back after too many faults, until it is tried again.
    Restarting,
    /// Held back for good: it was tried too often.
    Suspended,
    /// Attached, and told not to run.
    Disabled,
    /// It cannot be in this world, or its module is not here.
    Missing,
}

/// One plugin in one world, at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PluginState {
    /// `namespace:name`.
    pub id: String,
    /// For people.
    pub version: String,
    /// The hash of its sim module.
    pub module: String,
    /// How it does.
    pub status: PluginStatus,
    /// Since when, on the runtime's timeline.
    pub since_ns: Nanos,
    /// The newest fault, or why it is missing.
    pub reason: Option<String>,
    /// Runs that counted for nothing, since it was attached in this process.
    pub faults: u64,
    /// Rows that its schemas refused, since then.
    pub refused_rows: u64,
}

/// What a world's plugins are to be.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    /// Counts up with each wish.
    pub epoch: u64,
    /// Who waits for an answer. Without one it is to be done as far as it can be.
    pub request: u64,
    pub specs: Vec<PluginSpec>,
}

/// The request of changes that nobody waits for.
pub(crate) const NOBODY: u64 = 0;

/// See the module's words. One for a world in memory.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    epoch: u64,
    list: Vec<Kept>,
    /// What was asked of the tick under way.
    asked: Option<Asked>,
    /// Does the world not have yet what the list says?
    is_behind: bool,
    /// Is there news for those who look from outside?
    has_news: bool,
}

#[derive(Debug)]
struct Asked {
    request: u64,
    list: Vec<Kept>,
}

#[derive(Clone, Debug)]
struct Kept {
    spec: PluginSpec,
    status: PluginStatus,
    since_ns: Nanos,
    reason: Option<String>,
    faults: u64,
    refused_rows: u64,
    /// The newest faults, and the newest times that it was held back.
    recent: VecDeque<Nanos>,
    restarts: VecDeque<Nanos>,
    /// When it is tried again.
    due: Option<Nanos>,
}

impl Kept {
    fn new(spec: PluginSpec, now: Nanos) -> Self {
        let status = if spec.runs { PluginStatus::Running } else { PluginStatus::Disabled };
        let (recent, restarts) = (VecDeque::new(), VecDeque::new());
        Kept { spec, status, since_ns: now, reason: None, faults: 0, refused_rows: 0, recent, restarts, due: None }
    }

    fn turn(&mut self, status: PluginStatus, now: Nanos) {
        if self.status != status {
            (self.status, self.since_ns) = (status, now);
        }
    }

    /// As the world is to have it; `None` where it cannot.
    fn effective(&self) -> Option<PluginSpec> {
        let runs = matches!(self.status, PluginStatus::Running | PluginStatus::Degraded);
        (self.status != PluginStatus::Missing).then(|| PluginSpec { runs, ..self.spec.clone() })
    }
}

impl Keeper {
    /// What the tick that begins is to do about plugins.
    pub fn before(&mut self, wish: &Wish, now: Nanos) -> Option<Command> {
        if wish.epoch != self.epoch {
            self.epoch = wish.epoch;
            let list = wish.specs.iter().map(|spec| self.carried_over(spec, now)).collect();
            return Some(self.ask(wish.request, list));
        }
        for kept in &mut self.list {
            if kept.due.is_some_and(|due| due <= now) {
                kept.due = None;
                kept.turn(PluginStatus::Degraded, now);
                (self.is_behind, self.has_news) = (true, true);
            }
            let is_well = kept.recent.back().is_none_or(|last| now.saturating_sub(*last) > PLUGIN_FAULT_WINDOW_NS);
            if kept.status == PluginStatus::Degraded
                && is_well
                && kept.since_ns < now.saturating_sub(PLUGIN_FAULT_WINDOW_NS)
            {
                kept.turn(PluginStatus::Running, now);
                kept.reason = None;
                self.has_news = true;
            }
        }
        if std::mem::take(&mut self.is_behind) {
            let list = self.list.clone();
            return Some(self.ask(NOBODY, list));
        }
        None
    }

    /// What came of it, and of the plugins' runs.
    pub fn after(&mut self, results: &[(u64, Result<OpDone, OpError>)], faults: &[PluginFault], now: Nanos) {
        if let Some(Asked { request, mut list }) = self.asked.take() {
            self.has_news = true;
            match results.iter().find(|(of, _)| *of == request) {
                Some((_, Err(error))) if request == NOBODY => {
                    // Those that can be there are to be there: without the one that is named, again.
                    let named = |kept: &Kept| error.path.as_ref().is_none_or(|path| *path == kept.spec.id);
                    let is_named = list.iter().any(named);
                    for kept in list.iter_mut().filter(|kept| named(kept) || !is_named) {
                        kept.turn(PluginStatus::Missing, now);
                        kept.reason = Some(error.message.clone());
                    }
                    self.list = list;
                    self.is_behind = true;
                }
                Some((_, Err(_))) => {}
                _ => self.list = list,
            }
        }
        for fault in faults {
            self.note(fault, now);
        }
    }

    /// How many rows of which plugin were not taken.
    pub fn note_refusals(&mut self, refusals: &[(String, u64)]) {
        for (id, rows) in refusals {
            let Some(kept) = self.list.iter_mut().find(|kept| kept.spec.id == *id) else { continue };
            kept.refused_rows = kept.refused_rows.saturating_add(*rows);
            self.has_news = true;
        }
    }

    /// How all of them do, where that has changed since it was last asked for.
    pub fn news(&mut self) -> Option<Vec<PluginState>> {
        if !std::mem::take(&mut self.has_news) {
            return None;
        }
        let state = |Kept { spec, status, since_ns, reason, faults, refused_rows, .. }: &Kept| PluginState {
            id: spec.id.clone(),
            version: spec.version.clone(),
            module: spec.module.clone(),
            status: *status,
            since_ns: *since_ns,
            reason: reason.clone(),
            faults: *faults,
            refused_rows: *refused_rows,
        };
        Some(self.list.iter().map(state).collect())
    }

    fn ask(&mut self, request: u64, list: Vec<Kept>) -> Command {
        let plugins = list.iter().filter_map(Kept::effective).collect();
        self.asked = Some(Asked { request, list });
        Command::Plugins { request, plugins }
    }

    /// The same code keeps its record; other code, or the same begun anew, has none.
    fn carried_over(&self, spec: &PluginSpec, now: Nanos) -> Kept {
        let same = |kept: &&Kept| {
            let old = &kept.spec;
            old.id == spec.id && old.module == spec.module && old.generation == spec.generation
        };
        let Some(kept) = self.list.iter().find(same) else { return Kept::new(spec.clone(), now) };
        let mut kept = Kept { spec: spec.clone(), ..kept.clone() };
        match (spec.runs, kept.status) {
            (false, _) => kept.turn(PluginStatus::Disabled, now),
            (true, PluginStatus::Disabled | PluginStatus::Missing) => kept = Kept::new(spec.clone(), now),
            (true, _) => {}
        }
        kept
    }

    fn note(&mut self, fault: &PluginFault, now: Nanos) {
        let Some(kept) = self.list.iter_mut().find(|kept| kept.spec.id == fault.plugin) else { return };
        self.has_news = true;
        kept.faults += 1;
        let system = fault.system.as_deref().unwrap_or("no instance");
        kept.reason = Some(format!("{system}: {}", fault.fault));
        push(&mut kept.recent, now, PLUGIN_FAULT_WINDOW_NS);
        if kept.recent.len() < PLUGIN_FAULTS_MAX {
            kept.turn(PluginStatus::Degraded, now);
            return;
        }
        kept.recent.clear();
        push(&mut kept.restarts, now, PLUGIN_RESTART_WINDOW_NS);
        self.is_behind = true;
        if kept.restarts.len() >= PLUGIN_RESTARTS_MAX {
            kept.turn(PluginStatus::Suspended, now);
        } else {
            let backoff = PLUGIN_BACKOFF_NS << (kept.restarts.len() - 1);
            kept.due = Some(now + backoff.min(PLUGIN_BACKOFF_NS_MAX));
            kept.turn(PluginStatus::Restarting, now);
        }
    }
}

/// Adds a moment, and forgets those that are out of the window.
fn push(moments: &mut VecDeque<Nanos>, now: Nanos, window: Nanos) {
    moments.push_back(now);
    while moments.front().is_some_and(|first| now.saturating_sub(*first) > window) {
        moments.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use hd1_protocol::message::OpErrorCode;

    use super::*;

    const S: Nanos = 1_000_000_000;

    fn spec(id: &str) -> PluginSpec {
        PluginSpec {
            id: id.into(),
            version: "1.0.0".into(),
            module: "m".into(),
            generation: 0,
            config: serde_json::Map::new(),
            runs: true,
        }
    }

    fn wish(epoch: u64, request: u64, ids: &[&str]) -> Wish {
        Wish { epoch, request, specs: ids.iter().map(|id| spec(id)).collect() }
    }

    fn fault(id: &str) -> PluginFault {
        PluginFault { plugin: id.into(), system: Some("s".into()), fault: hd1_sim::Fault::Stack }
    }

    /// The command's plugins that run, and all of them.
    fn asked(command: Option<Command>) -> Option<(Vec<String>, usize)> {
        match command? {
            Command::Plugins { plugins, .. } => {
                let runs = plugins.iter().filter(|spec| spec.runs).map(|spec| spec.id.clone()).collect();
                Some((runs, plugins.len()))
            }
            other => panic!("{other:?}"),
        }
    }

    fn status(keeper: &Keeper, id: &str) -> PluginStatus {
        keeper.list.iter().find(|kept| kept.spec.id == id).unwrap().status
    }

    #[test]
    fn one_that_faults_is_held_back_longer_each_time_and_then_for_good() {
        let (mut keeper, wish) = (Keeper::default(), wish(1, 7, &["a", "b"]));
        assert_eq!(asked(keeper.before(&wish, 0)), Some((vec!["a".into(), "b".into()], 2)));
        keeper.after(&[(7, Ok(OpDone::default()))], &[], 0);
        assert_eq!(asked(keeper.before(&wish, 1)), None);
        let mut now = 0;
        for wait in [1, 2, 4, 8] {
            for _ in 0..2 {
                keeper.after(&[], &[fault("a")], now);
                assert_eq!(status(&keeper, "a"), PluginStatus::Degraded);
                assert_eq!(asked(keeper.before(&wish, now)), None);
            }
            keeper.after(&[], &[fault("a")], now);
            assert_eq!((status(&keeper, "a"), status(&keeper, "b")), (PluginStatus::Restarting, PluginStatus::Running));
            assert_eq!(asked(keeper.before(&wish, now)), Some((vec!["b".into()], 2)));
            keeper.after(&[(0, Ok(OpDone::default()))], &[], now);
            assert_eq!(asked(keeper.before(&wish, now + wait * S - 1)), None, "after {wait} s");
            now += wait * S;
            assert_eq!(asked(keeper.before(&wish, now)), Some((vec!["a".into(), "b".into()], 2)));
            keeper.after(&[(0, Ok(OpDone::default()))], &[], now);
        }
        (0..3).for_each(|_| keeper.after(&[], &[fault("a")], now));
        assert_eq!(status(&keeper, "a"), PluginStatus::Suspended);
        assert_eq!(asked(keeper.before(&wish, now)), Some((vec!["b".into()], 2)));
        keeper.after(&[(0, Ok(OpDone::default()))], &[], now);
        assert_eq!(asked(keeper.before(&wish, now + 10_000 * S)), None, "for good");
        // Begun anew it has a clean record.
        let mut anew = super::Wish { epoch: 2, request: 8, specs: wish.specs.clone() };
        anew.specs[0].generation = 1;
        assert_eq!(asked(keeper.before(&anew, now)), Some((vec!["a".into(), "b".into()], 2)));
        keeper.after(&[(8, Ok(OpDone::default()))], &[], now);
        assert_eq!(status(&keeper, "a"), PluginStatus::Running);
    }

    #[test]
    fn faults_that_are_far_apart_hold_nobody_back() {
        let (mut keeper, wish) = (Keeper::default(), wish(1, 0, &["a"]));
        keeper.before(&wish, 0);
        keeper.after(&[(0, Ok(OpDone::default()))], &[], 0);
        for minute in 1..20 {
            keeper.after(&[], &[fault("a")], minute * 40 * S);
            assert_eq!(asked(keeper.before(&wish, minute * 40 * S)), None);
            assert_eq!(status(&keeper, "a"), PluginStatus::Degraded);
        }
        assert_eq!(asked(keeper.before(&wish, 2_000 * S)), None);
        assert_eq!(status(&keeper, "a"), PluginStatus::Running);
        keeper.note_refusals(&[("a".into(), 2), ("gone".into(), 1)]);
        keeper.note_refusals(&[("a".into(), 3)]);
        let news = keeper.news().unwrap().remove(0);
        assert_eq!((news.faults, news.refused_rows, news.reason), (19, 5, None));
        assert_eq!(keeper.news(), None);
    }

    #[test]
    fn a_refused_wish_leaves_the_list_and_a_world_that_loads_does_without_the_one() {
        let mut keeper = Keeper::default();
        keeper.before(&wish(1, 7, &["a"]), 0);
        keeper.after(&[(7, Ok(OpDone::default()))], &[], 0);
        let refusal = |path: &str| {
            let path = Some(path.to_owned());
            Err(OpError { code: OpErrorCode::Invalid, message: "no such component".into(), path })
        };
        let second = wish(2, 8, &["a", "b"]);
        keeper.before(&second, 1);
        keeper.after(&[(8, refusal("b"))], &[], 1);
        assert_eq!(keeper.news().unwrap().len(), 1);
        assert_eq!(asked(keeper.before(&second, 2)), None, "who asked will say what is to be");
        let mut loaded = Keeper::default();
        let third = wish(3, NOBODY, &["a", "b", "c"]);
        assert_eq!(asked(loaded.before(&third, 0)).unwrap().1, 3);
        loaded.after(&[(0, refusal("b"))], &[], 0);
        assert_eq!(asked(loaded.before(&third, 1)), Some((vec!["a".into(), "c".into()], 2)));
        loaded.after(&[(0, Ok(OpDone::default()))], &[], 1);
        assert_eq!(status(&loaded, "b"), PluginStatus::Missing);
        assert_eq!(asked(loaded.before(&third, 2)), None);
    }
}
