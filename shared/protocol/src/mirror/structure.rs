//! Pages as they are opened, changed and closed.

use hd1_core::{NetId, Tick};
use hd1_schema::{ComponentId, Delivery, Row};

use super::{HeldValue, Mirror, MirrorChange, pages::Home};
use crate::{
    FrameKind,
    snapshot::{self, ChunkPlace},
    state,
    structure::{self, Block, StructureOp},
    wire::DecodeError,
};

/// Bytes of structure held back while the snapshot is on its way.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Structure that came before the end of the snapshot's stream.
#[derive(Debug, Default)]
pub(super) struct Early {
    frames: Vec<Vec<u8>>,
    bytes: usize,
    /// Has the stream ended?
    is_over: bool,
}

impl Early {
    /// Holds a frame back, while it is early.
    fn hold(&mut self, frame: &[u8]) -> Result<bool, DecodeError> {
        if self.is_over {
            return Ok(false);
        }
        self.bytes += frame.len();
        if self.bytes > BYTES_MAX {
            return Err(DecodeError::Limit("structure before the snapshot"));
        }
        self.frames.push(frame.to_vec());
        Ok(true)
    }
}

impl Mirror {
    /// Takes a frame of the control stream: structure, or pages that are opened. `true` where it completes what is to be
    /// seen at first.
    ///
    /// # Errors
    /// Any [`DecodeError`]; the connection is then of no further use.
    pub fn apply_reliable(&mut self, frame: &[u8]) -> Result<bool, DecodeError> {
        match frame.first() {
            Some(kind) if *kind == FrameKind::SnapshotChunk as u8 => self.apply_snapshot_chunk(frame),
            _ => self.apply_structure(frame).map(|()| false),
        }
    }

    /// Takes a chunk of pages that are opened; `true` where it completes what is to be seen at first.
    ///
    /// # Errors
    /// Any [`DecodeError`]; the connection is then of no further use.
    pub fn apply_snapshot_chunk(&mut self, frame: &[u8]) -> Result<bool, DecodeError> {
        let (tick, place) = snapshot::place(frame)?;
        if self.is_blind {
            return Ok(self.pass_over(tick, place));
        }
        if place.with_structure && self.early.hold(frame)? {
            return Ok(false);
        }
        let chunk = snapshot::decode(&self.shapes, frame)?;
        let mut spawns = chunk.spawns.into_iter();
        for open in chunk.pages {
            self.pages.open(open.page, open.version, chunk.tick)?;
            for spawned in spawns.by_ref().take(open.entities as usize) {
                let home = (open.page, spawned.slot);
                self.spawn(home, spawned.entity, spawned.components, chunk.tick)?;
            }
        }
        self.structure_version += 1;
        let becomes_ready = place.completes_view && !self.ready;
        if becomes_ready {
            self.ready = true;
            self.note(MirrorChange::Reset);
        }
        if place.ends_stream {
            // The tick in which it joined: no state comes of it. Of later ticks it does, also where they open pages.
            self.acks.insert(chunk.tick);
            self.early.is_over = true;
            for frame in std::mem::take(&mut self.early.frames) {
                self.apply_reliable(&frame)?;
            }
        }
        self.retry()?;
        Ok(becomes_ready)
    }

    /// Notes of a chunk that it came, and nothing of what it shows.
    fn pass_over(&mut self, tick: Tick, place: ChunkPlace) -> bool {
        if place.ends_stream {
            self.acks.insert(tick);
        }
        let becomes_ready = place.completes_view && !self.ready;
        self.ready |= becomes_ready;
        becomes_ready
    }

    /// Takes a frame of structure; held back while the snapshot is on its way.
    ///
    /// # Errors
    /// Any [`DecodeError`]; the connection is then of no further use.
    pub fn apply_structure(&mut self, frame: &[u8]) -> Result<(), DecodeError> {
        if self.is_blind || self.early.hold(frame)? {
            return Ok(());
        }
        let batch = structure::decode(&self.shapes, frame)?;
        let mut adrift = Vec::new();
        for block in batch.blocks {
            match block {
                Block::Closed { page } => adrift.extend(self.pages.close(page, batch.tick)?),
                Block::Changed { page, version, ops } => {
                    self.pages.advance(page, version, batch.tick)?;
                    for op in ops {
                        self.apply(page, op, batch.tick, &mut adrift)?;
                    }
                }
            }
        }
        for who in adrift {
            // Whoever left one page may have come to another.
            if self.pages.is_adrift(who)
                && let Some(entity) = self.table.at_slot(who)
            {
                let id = entity.id();
                self.table.despawn(who);
                self.note(MirrorChange::Despawned(id));
            }
        }
        self.bound_changes();
        self.structure_version += 1;
        self.retry()
    }

    fn apply(&mut self, page: u16, op: StructureOp, tick: Tick, adrift: &mut Vec<u32>) -> Result<(), DecodeError> {
        match op {
            StructureOp::Spawn { slot, entity, components } => self.spawn((page, slot), entity, components, tick)?,
            StructureOp::Arrive { slot, entity, components } => {
                let known = self.table.get(entity).ok_or(DecodeError::UnknownEntity(entity.0))?;
                let who = known.slot();
                let is_lost = |id: ComponentId| components.iter().all(|(component, _)| *component != id);
                let state = known.components().filter(|held| matches!(held.value, HeldValue::State(_)));
                let lost: Vec<ComponentId> = state.map(|held| held.id).filter(|id| is_lost(*id)).collect();
                self.pages.place((page, slot), who)?;
                lost.into_iter().for_each(|component| self.remove(who, component));
                for (component, row) in components {
                    self.set(who, entity, component, row, tick)?;
                }
            }
            StructureOp::Leave { slot } => adrift.extend(self.pages.vacate((page, slot))?),
            StructureOp::Set { slot, component, row } => {
                let who = self.pages.who((page, slot))?;
                if !self.is_told_elsewhere((page, slot), who, component)? {
                    self.set(who, self.id_of(who), component, row, tick)?;
                }
            }
            StructureOp::Remove { slot, component } => {
                let who = self.pages.who((page, slot))?;
                if !self.is_told_elsewhere((page, slot), who, component)? {
                    self.remove(who, component);
                }
            }
        }
        Ok(())
    }

    /// Someone appears, or comes with all components from where they were.
    fn spawn(
        &mut self,
        home: Home,
        entity: NetId,
        components: Vec<(ComponentId, Row)>,
        tick: Tick,
    ) -> Result<(), DecodeError> {
        let known = self.table.get(entity);
        let lost: Vec<ComponentId> = known.iter().flat_map(|known| known.components().map(|held| held.id)).collect();
        let (who, is_new) = match known.map(|known| known.slot()) {
            Some(who) => (who, false),
            None => (self.table.spawn(entity)?, true),
        };
        self.pages.place(home, who)?;
        for component in lost.into_iter().filter(|lost| components.iter().all(|(component, _)| component != lost)) {
            self.remove(who, component);
        }
        if is_new {
            let oldest = self.oldest_drawn(tick);
            for (component, row) in components {
                self.table.set(who, component, row, (tick, oldest), &self.shapes)?;
            }
            self.note(MirrorChange::Spawned(entity));
            return Ok(());
        }
        components.into_iter().try_for_each(|(component, row)| self.set(who, entity, component, row, tick))
    }

    fn set(
        &mut self,
        who: u32,
        entity: NetId,
        component: ComponentId,
        row: Row,
        tick: Tick,
    ) -> Result<(), DecodeError> {
        let is_there = self.table.at_slot(who).is_some_and(|entity| entity.held(component).is_some());
        let is_state = self.shapes.shape(component)?.delivery == Delivery::State;
        self.table.set(who, component, row, (tick, self.oldest_drawn(tick)), &self.shapes)?;
        self.note(match is_there && is_state {
            true => MirrorChange::State(entity, component),
            false => MirrorChange::Set(entity, component),
        });
        Ok(())
    }

    fn remove(&mut self, who: u32, component: ComponentId) {
        if self.table.remove(who, component) {
            self.note(MirrorChange::Removed(self.id_of(who), component));
        }
    }

    /// Does someone stand elsewhere already? They came there with all state as it is after this tick, and newer may have
    /// been applied since.
    fn is_told_elsewhere(&self, home: Home, who: u32, component: ComponentId) -> Result<bool, DecodeError> {
        let is_state = self.shapes.shape(component)?.delivery == Delivery::State;
        Ok(is_state && !self.pages.is_home(home, who))
    }

    fn id_of(&self, who: u32) -> NetId {
        self.table.at_slot(who).map_or(NetId::NONE, |entity| entity.id())
    }

    /// Applies what has waited for structure, as far as it goes now.
    fn retry(&mut self) -> Result<(), DecodeError> {
        for waiting in self.deferred.take() {
            let (header, _) = state::read_header(&waiting.frame)?;
            self.apply_from(header, waiting)?;
        }
        Ok(())
    }
}
