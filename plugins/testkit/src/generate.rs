//! Batches made up from schemas: a little world of entities, and the rows that each query finds in it.
//!
//! The value of an entity's component follows from the seed, the entity and the component alone, so two queries that
//! find the same entity are handed the same.

use std::collections::BTreeSet;

use hd1_abi::MessageKind;
use hd1_abi::plan::{Plan, Query, System};
use hd1_schema::{ComponentSchema, FieldKind, Range};

use crate::batch::{Batch, Column, Gathered, Rows, Values, Wish};
use crate::chance::{Chance, of_name};
use crate::columns::Columns;

/// Reals beyond it are seldom in worlds, whatever their range.
const ORDINARY_MAX: f64 = 1_000.0;
const RATES: [u32; 4] = [10, 20, 30, 60];
const BUTTONS: u64 = 1 << 16;

/// An entity, and what it is made of.
struct Being<'a> {
    entity: u32,
    has: &'a BTreeSet<&'a str>,
}

pub(crate) fn batch(plan: &Plan, columns: &Columns, system: &System, wish: Wish) -> Batch {
    let mut chance = Chance::of(&[wish.seed, of_name(&system.name), wish.rows as u64]);
    let kinds: Vec<BTreeSet<&str>> = system.queries.iter().map(|q| q.present().map(String::as_str).collect()).collect();
    let beings = beings(&kinds, wish, &mut chance);
    let entities: Vec<u32> = beings.iter().map(|being| being.entity).collect();
    let maker = Maker { columns, wish, entities: &entities };
    let hz = RATES[chance.below(RATES.len() as u64) as usize];
    let tick = 1 + chance.below(1 << 32);
    Batch {
        system: system.name.clone(),
        tick,
        seed: chance.next(),
        hz,
        config: maker.config(plan, &mut chance),
        queries: system.queries.iter().map(|query| maker.rows(query, &beings)).collect(),
        gather: system.gather.iter().map(|name| maker.gathered(name, system, &beings)).collect(),
        messages: messages(system, wish, &entities, &mut chance),
    }
}

fn beings<'a>(kinds: &'a [BTreeSet<&'a str>], wish: Wish, chance: &mut Chance) -> Vec<Being<'a>> {
    let is_first = |(i, kind): &(usize, &BTreeSet<&str>)| !kinds[..*i].contains(kind);
    let wanted = |(i, _): &(usize, &BTreeSet<&str>)| wish.only.is_none_or(|only| only == *i);
    let mut order: Vec<_> = match wish.only {
        Some(_) => kinds.iter().enumerate().filter(wanted).map(|(_, kind)| kind).collect(),
        None => kinds.iter().enumerate().filter(is_first).map(|(_, kind)| kind).collect(),
    };
    order = order.into_iter().flat_map(|kind| std::iter::repeat_n(kind, wish.rows)).collect();
    chance.shuffle(&mut order);
    let mut entity = 0;
    let mut next = || {
        // With gaps, as where some have gone.
        entity += 1 + chance.below(3) as u32;
        entity
    };
    order.into_iter().map(|has| Being { entity: next(), has }).collect()
}

/// What values are made from.
struct Maker<'a> {
    columns: &'a Columns,
    wish: Wish,
    entities: &'a [u32],
}

impl Maker<'_> {
    fn rows(&self, query: &Query, beings: &[Being<'_>]) -> Rows {
        let fits = |being: &&Being<'_>| {
            let mut without = query.without.iter();
            query.present().all(|name| being.has.contains(name.as_str()))
                && !without.any(|name| being.has.contains(name.as_str()))
        };
        let entities: Vec<u32> = beings.iter().filter(fits).map(|being| being.entity).collect();
        let columns = query.columns().map(|name| {
            let schema = &self.columns.of_name(name).schema;
            let mut words = Vec::with_capacity(entities.len() * self.columns.words(name));
            for entity in &entities {
                let mut chance = Chance::of(&[self.wish.seed, u64::from(*entity), of_name(name)]);
                self.row(schema, &mut chance, &mut words);
            }
            Column { component: name.clone(), words }
        });
        Rows { columns: columns.collect(), entities }
    }

    /// The same rows as in queries; of a component that no query speaks of, every second entity has one.
    fn gathered(&self, name: &str, system: &System, beings: &[Being<'_>]) -> Gathered {
        let is_spoken_of = system.queries.iter().any(|query| query.components().any(|other| other == name));
        let schema = &self.columns.of_name(name).schema;
        let mut rows = std::collections::BTreeMap::new();
        for being in beings {
            let mut chance = Chance::of(&[self.wish.seed, u64::from(being.entity), of_name(name)]);
            let mut words = Vec::new();
            self.row(schema, &mut chance, &mut words);
            if being.has.contains(name) || (!is_spoken_of && chance.once_in(2)) {
                rows.insert(being.entity, words);
            }
        }
        Gathered { words: self.columns.words(name), rows }
    }

    fn config(&self, plan: &Plan, chance: &mut Chance) -> Vec<u32> {
        let schema = plan.config_schema();
        match self.wish.values {
            Values::Ordinary => hd1_abi::value::words_of(&schema.default_record()),
            Values::Ends => {
                let mut words = Vec::new();
                self.row(&schema, chance, &mut words);
                words
            }
        }
    }

    fn row(&self, schema: &ComponentSchema, chance: &mut Chance, words: &mut Vec<u32>) {
        for field in &schema.fields {
            self.field(&field.kind, chance, words);
        }
    }

    fn field(&self, kind: &FieldKind, chance: &mut Chance, words: &mut Vec<u32>) {
        match kind {
            FieldKind::Bool => words.push(chance.below(2) as u32),
            FieldKind::U32 { min, max } => words.push(self.whole(i64::from(*min), i64::from(*max), chance) as u32),
            FieldKind::I32 { min, max } => words.push(self.whole(i64::from(*min), i64::from(*max), chance) as u32),
            FieldKind::Enum { variants } => words.push(chance.below(variants.len().max(1) as u64) as u32),
            FieldKind::Entity => words.push(some_entity(self.entities, chance)),
            FieldKind::F32 { range, .. } => words.push(self.real(range, chance).to_bits()),
            FieldKind::Vec3 { range, .. } => words.extend((0..3).map(|_| self.real(range, chance).to_bits())),
            FieldKind::Color => {
                words.extend((0..3).map(|_| self.real(&Range::new(0.0, 1.0), chance).to_bits()));
            }
            FieldKind::Quat => words.extend(rotation(chance).map(f32::to_bits)),
            // They have no columns.
            FieldKind::Text { .. } | FieldKind::Points { .. } => {}
        }
    }

    fn whole(&self, min: i64, max: i64, chance: &mut Chance) -> i64 {
        match self.wish.values {
            Values::Ends if chance.once_in(3) => min,
            Values::Ends if chance.once_in(2) => max,
            Values::Ends => min + chance.below((max - min + 1) as u64) as i64,
            Values::Ordinary => {
                let least = if min < 0 { min.max(-(ORDINARY_MAX as i64)) } else { min };
                let most = max.min(least.saturating_add(2 * ORDINARY_MAX as i64));
                least + chance.below((most - least + 1) as u64) as i64
            }
        }
    }

    fn real(&self, range: &Range, chance: &mut Chance) -> f32 {
        let least = if range.above_min { range.min.next_up() } else { range.min };
        let (min, max) = (f64::from(least), f64::from(range.max));
        let value = match self.wish.values {
            Values::Ends if chance.once_in(3) => min,
            Values::Ends if chance.once_in(2) => max,
            Values::Ends => min + (max - min) * chance.unit(),
            Values::Ordinary => {
                let (low, high) = (min.max(-ORDINARY_MAX), max.min(ORDINARY_MAX));
                let (min, max) = if low < high { (low, high) } else { (min, max) };
                // Off the ends: what moves a little from here is still within.
                min + (max - min) * (0.05 + 0.9 * chance.unit())
            }
        };
        (value as f32).clamp(least, range.max)
    }
}

fn rotation(chance: &mut Chance) -> [f32; 4] {
    if chance.once_in(8) {
        return [0.0, 0.0, 0.0, 1.0];
    }
    let parts: [f64; 4] = std::array::from_fn(|_| chance.unit() * 2.0 - 1.0);
    let length = parts.iter().map(|part| part * part).sum::<f64>().sqrt();
    if length < 0.01 { [0.0, 0.0, 0.0, 1.0] } else { parts.map(|part| (part / length) as f32) }
}

/// Of another one, of none, or of one that has gone.
fn some_entity(entities: &[u32], chance: &mut Chance) -> u32 {
    match chance.below(4) {
        0 => 0,
        1 => 1 + chance.below(1 << 20) as u32,
        _ => one_of(entities, chance).unwrap_or(0),
    }
}

fn one_of(entities: &[u32], chance: &mut Chance) -> Option<u32> {
    if entities.is_empty() { None } else { entities.get(chance.below(entities.len() as u64) as usize).copied() }
}

fn messages(system: &System, wish: Wish, entities: &[u32], chance: &mut Chance) -> Vec<Vec<u32>> {
    let kinds = system.messages.iter().filter_map(|name| MessageKind::of_name(name));
    let of_kind = |kind: MessageKind| {
        let mut words = Vec::new();
        for i in 0..wish.messages as u32 {
            let mut entity = || one_of(entities, chance).unwrap_or(1 + i);
            match kind {
                MessageKind::ContactStarted | MessageKind::ContactStopped => {
                    let (a, b) = (entity(), entity());
                    let (a, b) = if a == b { (a, a + 1) } else { (a.min(b), a.max(b)) };
                    words.extend([a, b]);
                }
                MessageKind::PlayerInput => {
                    let avatar = if i % 4 == 3 { 0 } else { entity() };
                    let mut between = |bound: f64| (((chance.unit() * 2.0 - 1.0) * bound) as f32).to_bits();
                    let walk = [between(1.0), between(1.0)];
                    let look = [between(std::f64::consts::PI), between(std::f64::consts::FRAC_PI_2)];
                    let buttons = chance.below(BUTTONS) as u32;
                    words.extend([1 + i, avatar, buttons, walk[0], walk[1], look[0], look[1]]);
                }
            }
        }
        words
    };
    kinds.map(of_kind).collect()
}
