//! The mirror as columns: one row per entity with a place, grouped so that a batch is one draw call.
//!
//! The table (who stands where in the columns, and how a batch looks) is made again only when structure changes, and
//! its version counts up only when it came out different. A frame then costs one pass over the rows; those that stand
//! still are skipped. The own avatar is drawn where it is predicted, what the page drives where the page has it, and so is
//! what hangs on them.

use std::cmp::Ordering;

use hd1_core::{NetId, Tick};
use hd1_movement::math::quat_yaw;
use hd1_protocol::{
    Mirror,
    mirror::{Entity, HeldValue, SampledTransform, TransformReader},
};
use hd1_schema::ComponentId;
use hd1_session::{DrivenPose, Predicted};
use serde::Serialize;

use crate::{
    limits,
    look::{self, Avatar, Label, Light, Look, Material, Reader, Shape},
    matrix::{self, Matrix},
};

/// Where an entity stands in the mirror, and how far its drawing is.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// The entity's place in the mirror's table.
    slot: u32,
    batch: u32,
    size: [f32; 3],
    has_parent: bool,
    /// The value that the matrix shows, once it does not move any more.
    settled: Option<Tick>,
}

#[derive(Debug, Serialize)]
struct Batch {
    shape: Shape,
    material: Material,
    start: u32,
    count: u32,
}

#[derive(Debug, Serialize)]
struct Table<'a> {
    version: u32,
    batches: &'a [Batch],
    labels: Vec<Label>,
    avatars: Vec<Avatar>,
    lights: Vec<Light>,
}

/// See the module's words.
#[derive(Debug, Default)]
pub struct Drawing {
    seen: Option<u64>,
    version: u32,
    table: String,
    rows: Vec<Row>,
    ids: Vec<u32>,
    matrices: Vec<f32>,
    colours: Vec<f32>,
    reaches: Vec<f32>,
    moved: Vec<u8>,
    /// What was drawn elsewhere than by the mirror in the last render.
    elsewhere: Vec<NetId>,
}

/// What the mirror shows at a moment.
struct View<'a> {
    mirror: &'a Mirror,
    reader: TransformReader,
    /// In ticks.
    moment: f64,
    own: Option<Predicted>,
    driven: &'a [DrivenPose],
}

impl Drawing {
    /// Entities by row.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// 16 numbers per row.
    #[must_use]
    pub fn matrices(&self) -> &[f32] {
        &self.matrices
    }

    /// 3 numbers per row, linear.
    #[must_use]
    pub fn colours(&self) -> &[f32] {
        &self.colours
    }

    /// Per row, from how many metres it may be taken; 0 where not at all.
    #[must_use]
    pub fn reaches(&self) -> &[f32] {
        &self.reaches
    }

    /// Per batch: did a matrix of it change in the last render?
    #[must_use]
    pub fn moved(&self) -> &[u8] {
        &self.moved
    }

    /// Counts up when the table or the ids or colours changed.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The table's JSON.
    #[must_use]
    pub fn table_json(&self) -> &str {
        &self.table
    }

    /// Brings the columns to `moment` (in ticks), the own avatar to where it is predicted, and what is driven to its poses;
    /// the number of rows.
    pub fn render(&mut self, mirror: &Mirror, moment: f64, own: Option<Predicted>, driven: &[DrivenPose]) -> usize {
        if !mirror.is_ready() {
            return 0;
        }
        if self.seen != Some(mirror.structure_version()) {
            self.seen = Some(mirror.structure_version());
            self.rebuild(mirror);
        }
        self.moved.fill(0);
        let Some(reader) = mirror.transform_reader() else { return 0 };
        let view = View { mirror, reader, moment, own, driven };
        let transform = mirror.shapes().by_name("Transform").map(|schema| schema.id);
        let table = mirror.table();
        for (row, out) in self.rows.iter_mut().zip(self.matrices.chunks_exact_mut(16)) {
            let Some(entity) = table.at_slot(row.slot) else { continue };
            let newest = transform.and_then(|id| newest_tick(entity, id));
            let is_own = own.is_some_and(|own| own.entity == entity.id())
                || driven.iter().any(|driven| driven.entity == entity.id())
                || self.elsewhere.contains(&entity.id());
            if !row.has_parent && !is_own && row.settled.is_some() && row.settled == newest {
                continue;
            }
            let Some(place) = view.place(entity, row) else { continue };
            out.copy_from_slice(&place);
            self.moved[row.batch as usize] = 1;
            row.settled = newest.filter(|tick| !is_own && moment >= tick.0 as f64);
        }
        self.elsewhere.clear();
        self.elsewhere.extend(driven.iter().map(|driven| driven.entity));
        self.rows.len()
    }

    fn rebuild(&mut self, mirror: &Mirror) {
        let reader = Reader::new(mirror.shapes());
        let mut drawn: Vec<(Entity<'_>, Look)> = Vec::with_capacity(mirror.table().len());
        for entity in mirror.entities() {
            drawn.push((entity, reader.look(entity)));
        }
        drawn.sort_by(|a, b| order(&a.1, &b.1).then(a.0.id().cmp(&b.0.id())));

        let (mut ids, mut colours, mut batches) = (Vec::new(), Vec::new(), Vec::<Batch>::new());
        self.reaches.clear();
        let (mut labels, mut avatars, mut lights) = (Vec::new(), Vec::new(), Vec::new());
        self.rows.clear();
        for (row, (entity, look)) in drawn.into_iter().enumerate() {
            let row = row as u32;
            ids.push(entity.id().0);
            colours.extend(look.colour);
            self.reaches.push(reader.reach(entity));
            labels.extend(reader.label(entity, row));
            avatars.extend(reader.avatar(entity, row));
            lights.extend(reader.light(entity, row));
            match batches.last_mut() {
                Some(last) if last.shape == look.shape && last.material == look.material => last.count += 1,
                _ => batches.push(Batch { shape: look.shape, material: look.material, start: row, count: 1 }),
            }
            let batch = batches.len() as u32 - 1;
            let has_parent = reader.has_parent(entity);
            self.rows.push(Row { slot: entity.slot(), batch, size: look.size, has_parent, settled: None });
        }
        self.matrices.clear();
        self.matrices.resize(ids.len() * 16, 0.0);
        self.moved.clear();
        self.moved.resize(batches.len(), 0);

        let mut table = Table { version: self.version, batches: &batches, labels, avatars, lights };
        let same = self.ids == ids && self.colours == colours && self.table == json(&table);
        self.ids = ids;
        self.colours = colours;
        if !same {
            self.version += 1;
            table.version = self.version;
            self.table = json(&table);
        }
    }
}

fn json(table: &Table<'_>) -> String {
    serde_json::to_string(table).unwrap_or_default()
}

/// By what a draw call shares; any total order does.
fn order(a: &Look, b: &Look) -> Ordering {
    let key = |m: &Material| {
        [m.opacity, m.metalness, m.roughness, m.emissive[0], m.emissive[1], m.emissive[2]].map(f32::to_bits)
    };
    (a.shape, &a.material.kind).cmp(&(b.shape, &b.material.kind)).then_with(|| key(&a.material).cmp(&key(&b.material)))
}

fn newest_tick(entity: Entity<'_>, transform: ComponentId) -> Option<Tick> {
    match entity.held(transform)?.value {
        HeldValue::State(history) => Some(history.latest().tick),
        HeldValue::Reliable(_) => None,
    }
}

impl View<'_> {
    /// Where a row is drawn, its shape's size included; `None` for an entity without a transform.
    fn place(&self, entity: Entity<'_>, row: &Row) -> Option<Matrix> {
        let own = self.sample(entity)?;
        let scale = [0, 1, 2].map(|i| own.scale[i] * row.size[i]);
        let mut out = matrix::compose(own.position, own.rotation, scale);
        if !row.has_parent {
            return Some(out);
        }
        let mut above = look::parent_in(self.mirror, entity);
        for _ in 0..limits::PARENT_DEPTH_MAX {
            let Some(parent) = above.and_then(|id| self.mirror.entity(id)) else { break };
            if let Some(p) = self.sample(parent) {
                out = matrix::multiply(&matrix::compose(p.position, p.rotation, p.scale), &out);
            }
            above = look::parent_in(self.mirror, parent);
        }
        Some(out)
    }

    fn sample(&self, entity: Entity<'_>) -> Option<SampledTransform> {
        let mut sampled = self.reader.sample(entity, self.moment)?;
        if let Some(own) = self.own.filter(|own| own.entity == entity.id()) {
            sampled.position = own.position;
            sampled.rotation = own.yaw.map_or(sampled.rotation, quat_yaw);
        }
        if let Some(driven) = self.driven.iter().find(|driven| driven.entity == entity.id()) {
            (sampled.position, sampled.rotation) = (driven.position, driven.rotation);
        }
        Some(sampled)
    }
}
