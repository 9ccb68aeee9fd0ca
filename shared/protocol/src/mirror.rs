//! The client's mirror: what the server has shown, at the quantised precision it was shown with.
//!
//! Feed it snapshot chunks, structure batches and state fragments in whatever order they come; it holds back what
//! stands on something missing, drops what is stale, and says which tick it has complete. It is the one decoder: bots,
//! the browser (as wasm32) and the JSON adapter use it.

mod pending;
mod sample;

use hd1_core::{NetId, Tick};
use hd1_schema::{ComponentId, ComponentSchema, Record, Row};

pub use crate::table::{Entity, Held, HeldValue};
pub use sample::{SampledTransform, TransformReader};

use crate::{
    column::When,
    shapes::Shapes,
    snapshot,
    state::{self, StateHeader},
    structure::{self, StructureBatch, StructureOp},
    table::{Cursor, Table},
    wire::DecodeError,
};
use pending::{Deferred, Pending};

/// Bytes of structure batches held back while the snapshot is on its way.
const EARLY_STRUCTURE_BYTES_MAX: usize = 4 * 1024 * 1024;
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
    /// Applied, and its tick is now complete: acknowledge it.
    Complete(StateHeader),
    /// Kept until the structure it stands on has come.
    Deferred(StateHeader),
    /// Too old, or seen before; nothing changed.
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
    /// Fragments dropped as stale or repeated.
    pub stale: u64,
}

/// See the module's words.
#[derive(Debug)]
pub struct Mirror {
    shapes: Shapes,
    table: Table,
    pending: Pending,
    deferred: Deferred,
    early_structure: Vec<Vec<u8>>,
    early_structure_bytes: usize,
    next_chunk: u32,
    ready: bool,
    structure_seq: u64,
    structure_version: u64,
    acked: Tick,
    oldest_base: Tick,
    keep_ticks: u64,
    changes: Option<Vec<MirrorChange>>,
    stats: MirrorStats,
}

impl Mirror {
    /// An empty one that knows these components.
    pub fn new(schemas: impl IntoIterator<Item = ComponentSchema>) -> Self {
        Mirror {
            shapes: Shapes::new(schemas),
            table: Table::default(),
            pending: Pending::default(),
            deferred: Deferred::default(),
            early_structure: Vec::new(),
            early_structure_bytes: 0,
            next_chunk: 0,
            ready: false,
            structure_seq: 0,
            structure_version: 0,
            acked: Tick(0),
            oldest_base: Tick(0),
            keep_ticks: 0,
            changes: None,
            stats: MirrorStats::default(),
        }
    }

    /// Keeps values for this many ticks longer than the codec needs, for [`Mirror::sample_transform`].
    #[must_use]
    pub fn keeping_ticks(mut self, ticks: u64) -> Self {
        self.keep_ticks = ticks;
        self
    }

    /// Collects changes for [`Mirror::take_changes`].
    #[must_use]
    pub fn recording_changes(mut self) -> Self {
        self.changes = Some(Vec::new());
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

    /// Takes the next chunk of the join snapshot; `true` once the last is in and the mirror can be read.
    ///
    /// # Errors
    /// Any [`DecodeError`]; the connection is then of no further use.
    pub fn apply_snapshot_chunk(&mut self, frame: &[u8]) -> Result<bool, DecodeError> {
        let chunk = snapshot::decode(&self.shapes, frame)?;
        if self.ready || chunk.index != self.next_chunk {
            return Err(DecodeError::Gap { expected: u64::from(self.next_chunk), got: u64::from(chunk.index) });
        }
        self.next_chunk += 1;
        for op in chunk.ops {
            let StructureOp::Spawn { .. } = op else {
                return Err(DecodeError::Inconsistent("a snapshot holds spawns only"));
            };
            self.apply(op, chunk.tick)?;
        }
        if !chunk.last {
            return Ok(false);
        }
        self.ready = true;
        self.structure_seq = chunk.seq;
        self.acked = chunk.tick;
        self.oldest_base = chunk.tick;
        self.structure_version += 1;
        self.note(MirrorChange::Reset);
        self.early_structure_bytes = 0;
        for frame in std::mem::take(&mut self.early_structure) {
            self.apply_structure(&frame)?;
        }
        for frame in self.deferred.take_ready(self.structure_seq) {
            self.apply_state(&frame)?;
        }
        Ok(true)
    }

    /// Takes a structure batch; held back while the snapshot is on its way.
    ///
    /// # Errors
    /// Any [`DecodeError`]; the connection is then of no further use.
    pub fn apply_structure(&mut self, frame: &[u8]) -> Result<(), DecodeError> {
        if !self.ready {
            self.early_structure_bytes += frame.len();
            if self.early_structure_bytes > EARLY_STRUCTURE_BYTES_MAX {
                return Err(DecodeError::Limit("structure before the snapshot"));
            }
            self.early_structure.push(frame.to_vec());
            return Ok(());
        }
        let seq = structure::batch_seq(frame)?;
        if seq <= self.structure_seq {
            return Ok(()); // The snapshot had it.
        }
        if seq != self.structure_seq + 1 {
            return Err(DecodeError::Gap { expected: self.structure_seq + 1, got: seq });
        }
        let StructureBatch { tick, ops, .. } = structure::decode_batch(&self.shapes, frame)?;
        for op in ops {
            let change = self.apply(op, tick)?;
            self.note(change);
        }
        self.bound_changes();
        self.structure_seq = seq;
        self.structure_version += 1;
        for frame in self.deferred.take_ready(seq) {
            self.apply_state(&frame)?;
        }
        Ok(())
    }

    /// Takes a state fragment.
    ///
    /// # Errors
    /// Any [`DecodeError`]; lost, repeated and late fragments are none.
    pub fn apply_state(&mut self, frame: &[u8]) -> Result<StateOutcome, DecodeError> {
        let (header, reader) = state::read_header(frame)?;
        if !self.ready || header.structure_seq > self.structure_seq {
            self.deferred.push(header.structure_seq, frame);
            return Ok(StateOutcome::Deferred(header));
        }
        let stale = header.tick <= self.acked || header.base.before < self.oldest_base;
        if stale || !self.pending.begin(&header)? {
            self.stats.stale += 1;
            return Ok(StateOutcome::Stale(header));
        }
        if header.base.tick > self.acked {
            return Err(DecodeError::Inconsistent("base was never acknowledged"));
        }
        let Mirror { table, shapes, changes, stats, acked, keep_ticks, .. } = self;
        let mut cursor = Cursor::default();
        let oldest = Tick(header.base.before.0.min(header.tick.0.saturating_sub(*keep_ticks)));
        let base = (!header.base.whole).then_some(header.base);
        state::read_rows(&header, reader, shapes, |row| {
            stats.updates += 1;
            // Despawned or removed by structure that came first: read past it.
            let Some((column, at)) = table.state_mut(&mut cursor, row.entity, row.component) else { return Ok(()) };
            if header.tick < column.structure_tick(at) {
                return Ok(());
            }
            let when = When { tick: header.tick, from: *acked, base, oldest };
            let put = column.put(at, when, |base, before, out| row.value(base, before, out));
            put.ok_or(DecodeError::Inconsistent("base value is gone"))?;
            if let Some(changes) = changes {
                changes.push(MirrorChange::State(row.entity, row.component));
            }
            Ok(())
        })?;
        self.bound_changes();
        self.oldest_base = self.oldest_base.max(header.base.before);
        if !self.pending.received(&header) {
            return Ok(StateOutcome::Applied(header));
        }
        self.acked = header.tick;
        if let Some(expected) = self.pending.finish(header.tick).filter(|_| header.structure_seq == self.structure_seq)
        {
            self.stats.checks += 1;
            self.stats.desyncs += u64::from(self.hash_at(header.tick) != expected);
        }
        Ok(StateOutcome::Complete(header))
    }

    /// The newest tick known completely; what a client acknowledges. 0 before the snapshot.
    #[must_use]
    pub fn acked(&self) -> Tick {
        self.acked
    }

    /// Has the whole snapshot come?
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Counts up whenever structure changes, so that a renderer knows when to rebuild.
    #[must_use]
    pub fn structure_version(&self) -> u64 {
        self.structure_version
    }

    /// The newest structure batch applied.
    #[must_use]
    pub fn structure_seq(&self) -> u64 {
        self.structure_seq
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

    /// The check sum of everything as it was at `tick`, which must be the newest complete one for a meaningful answer.
    #[must_use]
    pub fn hash_at(&self, tick: Tick) -> u64 {
        self.table.sum_at(tick)
    }

    fn apply(&mut self, op: StructureOp, tick: Tick) -> Result<MirrorChange, DecodeError> {
        let Mirror { table, shapes, .. } = self;
        Ok(match op {
            StructureOp::Spawn { entity, components } => {
                table.spawn(entity)?;
                for (component, row) in &components {
                    table.set(entity, *component, row, tick, shapes)?;
                }
                MirrorChange::Spawned(entity)
            }
            StructureOp::Despawn { entity } => {
                table.despawn(entity)?;
                MirrorChange::Despawned(entity)
            }
            StructureOp::Set { entity, component, row } => {
                table.set(entity, component, &row, tick, shapes)?;
                MirrorChange::Set(entity, component)
            }
            StructureOp::Remove { entity, component } => {
                table.remove(entity, component)?;
                MirrorChange::Removed(entity, component)
            }
        })
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
