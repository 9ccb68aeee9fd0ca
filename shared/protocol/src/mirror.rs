//! The client's mirror: what the server has shown, at the quantised precision it was shown with.
//!
//! Feed it snapshot chunks, structure frames and state frames in whatever order they come; it holds back what stands on
//! something missing, drops what is stale, and says which ticks it has whole. It is the one decoder: bots, the browser
//! (as wasm32) and the JSON adapter use it.

pub(crate) mod pace;
mod pages;
mod pending;
mod sample;
mod structure;

use hd1_core::{NetId, Tick};
use hd1_schema::{ComponentId, ComponentSchema, Record, Row};

pub use crate::table::{Entity, Held, HeldValue};
pub use sample::{SampledTransform, TransformReader};

use crate::{
    acks::Acks,
    column::When,
    limits::ACK_TICKS,
    receipt::Receipt,
    shapes::Shapes,
    state::{self, StateHeader},
    table::Table,
    wire::DecodeError,
};
use pages::{Pages, Standing};
use pending::{Deferred, Pending, Waiting};

/// Changes kept for a reader; beyond it one `Reset` stands for all.
const CHANGES_MAX: usize = 65_536;

/// Something that became different, for whoever draws or prints the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MirrorChange {
    /// Read everything anew: the snapshot came, or too much happened.
    Reset,
    /// An entity appeared.
    Spawned(NetId),
    /// An entity is gone.
    Despawned(NetId),
    /// A component was set by structure.
    Set(NetId, ComponentId),
    /// A component is gone.
    Removed(NetId, ComponentId),
    /// A component's state moved.
    State(NetId, ComponentId),
}

/// What a state fragment did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateOutcome {
    /// Applied; more of its tick is missing.
    Applied(StateHeader),
    /// Applied, and its tick is now whole: acknowledge it.
    Complete(StateHeader),
    /// Kept until the structure it stands on has come.
    Deferred(StateHeader),
    /// Too old to be of use, or seen before.
    Stale(StateHeader),
}

/// Counters of a mirror's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MirrorStats {
    /// Component values applied from state.
    pub updates: u64,
    /// Check sums compared.
    pub checks: u64,
    /// Check sums that differed: the mirror was not what the server showed.
    pub desyncs: u64,
    /// Frames dropped as stale or repeated.
    pub stale: u64,
    /// Ticks known whole, those in which there was nothing to send among them.
    pub ticks: u64,
}

/// See the module's words.
#[derive(Debug)]
pub struct Mirror {
    shapes: Shapes,
    table: Table,
    pages: Pages,
    pending: Pending,
    deferred: Deferred,
    early: structure::Early,
    ready: bool,
    structure_version: u64,
    acks: Acks,
    keep_ticks: u64,
    /// Nothing before it is drawn any more.
    drawn_from: Tick,
    is_blind: bool,
    changes: Option<Vec<MirrorChange>>,
    stats: MirrorStats,
}

/// How far a frame's entries were applied.
enum Applied {
    All,
    /// So many; the next waits for structure.
    Waiting(usize),
    /// Something that it stands on is forgotten.
    Lost,
}

impl Mirror {
    /// An empty one that knows these components.
    pub fn new(schemas: impl IntoIterator<Item = ComponentSchema>) -> Self {
        Mirror {
            shapes: Shapes::new(schemas),
            table: Table::default(),
            pages: Pages::default(),
            pending: Pending::default(),
            deferred: Deferred::default(),
            early: structure::Early::default(),
            ready: false,
            structure_version: 0,
            acks: Acks::default(),
            keep_ticks: 0,
            drawn_from: Tick(0),
            is_blind: false,
            changes: None,
            stats: MirrorStats::default(),
        }
    }

    /// Keeps values for this many ticks longer than the codec needs, for [`Mirror::sample_transform`]; fewer where
    /// [`Mirror::drawn_from`] says so.
    #[must_use]
    pub fn keeping_ticks(mut self, ticks: u64) -> Self {
        self.keep_ticks = ticks + u64::from(pace::INTERVAL_TICKS_MAX);
        self
    }

    /// No moment (in ticks) before this one is drawn any more: what alone it would show is kept no longer. Who draws close
    /// behind the newest tick then touches half the memory.
    pub fn drawn_from(&mut self, moment: f64) {
        // What is told seldom is drawn later than the rest.
        self.drawn_from = Tick((moment.max(0.0) as u64).saturating_sub(pace::INTERVAL_TICKS_MAX.into()));
    }

    /// The oldest tick that is kept for drawing when `tick` is the newest.
    fn oldest_drawn(&self, tick: Tick) -> Tick {
        Tick(tick.0.saturating_sub(self.keep_ticks)).max(self.drawn_from)
    }

    /// Collects changes for [`Mirror::take_changes`].
    #[must_use]
    pub fn recording_changes(mut self) -> Self {
        self.changes = Some(Vec::new());
        self
    }

    /// Shows nothing, and knows which ticks came all the same: for load that is to cost its makers little.
    #[must_use]
    pub fn blind(mut self) -> Self {
        self.is_blind = true;
        self
    }

    /// Learns a component that was registered after the welcome.
    pub fn register(&mut self, schema: ComponentSchema) {
        self.shapes.register(schema);
    }

    /// The components it knows.
    #[must_use]
    pub fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// Takes a state frame.
    ///
    /// # Errors
    /// Any [`DecodeError`]; lost, repeated and late frames are none.
    pub fn apply_state(&mut self, frame: &[u8]) -> Result<StateOutcome, DecodeError> {
        let (header, _) = state::read_header(frame)?;
        let is_late = self.acks.contains(header.tick) || header.tick.0 + ACK_TICKS <= self.acks.newest().0;
        if is_late || !self.pending.begin(&header)? {
            self.stats.stale += 1;
            return Ok(StateOutcome::Stale(header));
        }
        if self.is_blind {
            return Ok(self.arrived(header));
        }
        self.apply_from(header, Waiting { frame: frame.to_vec(), done: 0 })
    }

    fn apply_from(&mut self, header: StateHeader, mut waiting: Waiting) -> Result<StateOutcome, DecodeError> {
        let applied = self.apply_entries(&waiting.frame, waiting.done)?;
        self.bound_changes();
        match applied {
            Applied::Waiting(done) => {
                waiting.done = done;
                self.deferred.push(waiting);
                Ok(StateOutcome::Deferred(header))
            }
            Applied::Lost => {
                self.stats.stale += 1;
                Ok(StateOutcome::Stale(header))
            }
            Applied::All => Ok(self.arrived(header)),
        }
    }

    /// A frame came and was applied: is its tick whole now? Then its check sums are compared.
    fn arrived(&mut self, header: StateHeader) -> StateOutcome {
        let Some(hashes) = self.pending.received(&header) else { return StateOutcome::Applied(header) };
        self.stats.ticks += 1 + u64::from(header.quiet);
        self.acks.insert(header.tick);
        self.acks.insert_last(Tick(header.tick.0.saturating_sub(1)), header.quiet.into());
        for (page, expected) in hashes {
            // Where newer structure came first, or newer state that stands on nothing so old, it cannot be told any more.
            let Some(mut shown) = self.pages.shown_at(page, header.tick) else { continue };
            let add = |sum: u64, who| Some(sum.wrapping_add(self.table.sum_at(who, header.tick)?));
            let Some(sum) = shown.try_fold(0, add) else { continue };
            self.stats.checks += 1;
            self.stats.desyncs += u64::from(sum as u32 != expected);
        }
        StateOutcome::Complete(header)
    }

    /// Applies a frame's entries, but for the first `done`.
    fn apply_entries(&mut self, frame: &[u8], done: usize) -> Result<Applied, DecodeError> {
        let (header, reader) = state::read_header(frame)?;
        let oldest_drawn = self.oldest_drawn(header.tick);
        let Mirror { table, pages, shapes, pending, changes, stats, .. } = self;
        // A component may be registered by a message that this frame has overtaken.
        let mut entries = match state::entries(&header, reader, shapes) {
            Err(DecodeError::UnknownComponent(_)) => return Ok(Applied::Waiting(0)),
            entries => entries?,
        };
        let (mut at, mut is_lost) = (0, false);
        while let Some((entry, head, blob)) = entries.next_entry()? {
            let standing = if at < done { Standing::Skip } else { pages.standing(&entry, &head, header.tick) };
            let interval = match standing {
                Standing::Apply => pages.note_blob(entry.page, &head),
                _ => 1,
            };
            let slots = match standing {
                // What has lost something need not wait: its tick is never whole.
                Standing::Wait => return Ok(if is_lost { Applied::Lost } else { Applied::Waiting(at) }),
                Standing::Skip => None,
                Standing::Apply => pages.slots(entry.page),
            };
            let base = (!head.whole).then_some(entry.base);
            let oldest = entry.base.before.min(oldest_drawn);
            let from = Tick(header.tick.0.saturating_sub(head.moved_for.into()));
            let when = When { tick: header.tick, from, base, oldest };
            let read = blob.rows(|row| {
                let Some(slots) = slots else { return Ok(()) };
                // Who left, or lost the component, by structure that came first: read past it.
                let who = slots[usize::from(row.slot)];
                table.follow(who, interval, header.tick);
                let Some((column, at)) = table.state_mut(who, row.component) else { return Ok(()) };
                if header.tick < column.structure_tick(at) {
                    return Ok(());
                }
                stats.updates += 1;
                is_lost |= column.put(at, when, |base, before, out| row.value(base, before, out)).is_none();
                if let Some(changes) = changes
                    && let Some(entity) = table.at_slot(who)
                {
                    changes.push(MirrorChange::State(entity.id(), row.component));
                }
                Ok(())
            });
            match read {
                Err(DecodeError::UnknownComponent(_)) if !is_lost => return Ok(Applied::Waiting(at)),
                read => read?,
            }
            if let Some(hash) = head.hash.filter(|_| slots.is_some()) {
                pending.note_hash(header.tick, entry.page, hash);
            }
            at += 1;
        }
        Ok(if is_lost { Applied::Lost } else { Applied::All })
    }

    /// Which ticks are known whole.
    #[must_use]
    pub fn acks(&self) -> Acks {
        self.acks
    }

    /// Which ticks are known, and of which some frames: what a client acknowledges.
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        let mut receipt = Receipt::from(self.acks);
        self.pending.tell(&mut receipt);
        receipt
    }

    /// The newest tick known whole; 0 before the snapshot.
    #[must_use]
    pub fn acked(&self) -> Tick {
        self.acks.newest()
    }

    /// Has all come that it is to see at first?
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Counts up whenever structure changes, so that a renderer knows when to rebuild.
    #[must_use]
    pub fn structure_version(&self) -> u64 {
        self.structure_version
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> MirrorStats {
        self.stats
    }

    /// Everything shown.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// All entities, by ascending id.
    pub fn entities(&self) -> impl Iterator<Item = Entity<'_>> {
        self.table.entities()
    }

    /// One entity.
    #[must_use]
    pub fn entity(&self, id: NetId) -> Option<Entity<'_>> {
        self.table.get(id)
    }

    /// A component's newest value as a row.
    #[must_use]
    pub fn row(&self, entity: NetId, component: ComponentId) -> Option<Row> {
        self.entity(entity)?.held(component).map(|held| held.row())
    }

    /// A component's newest value, dequantised.
    #[must_use]
    pub fn record(&self, entity: NetId, component: ComponentId) -> Option<Record> {
        let row = self.row(entity, component)?;
        self.shapes.schema(component)?.dequantise(&row).ok()
    }

    /// The changes since the last call; empty unless [`Mirror::recording_changes`].
    pub fn take_changes(&mut self) -> Vec<MirrorChange> {
        self.changes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The check sum of everything as it was at `tick`, which must be whole for a meaningful answer; 0 where that is
    /// forgotten.
    #[must_use]
    pub fn hash_at(&self, tick: Tick) -> u64 {
        let add = |sum: u64, entity: Entity<'_>| Some(sum.wrapping_add(self.table.sum_at(entity.slot(), tick)?));
        self.entities().try_fold(0, add).unwrap_or(0)
    }

    fn note(&mut self, change: MirrorChange) {
        if let Some(changes) = &mut self.changes {
            if change == MirrorChange::Reset {
                changes.clear();
            }
            changes.push(change);
        }
    }

    fn bound_changes(&mut self) {
        if self.changes.as_ref().is_some_and(|c| c.len() > CHANGES_MAX) {
            self.note(MirrorChange::Reset);
        }
    }
}
