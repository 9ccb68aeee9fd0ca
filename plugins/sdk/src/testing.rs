//! Runs systems and hooks natively, in plain `cargo test`, on a little world of rows.
//!
//! A [`Bench`] lays batches exactly as `plugins/SIM.md` says and treats what comes back as a world does: it takes
//! columns and carries out commands where the run went well, and refuses rows that their schema refuses.
//!
//! ```
//! use hd1_sdk::prelude::*;
//! use hd1_sdk::testing::Bench;
//!
//! /// What moves, moves on.
//! #[system]
//! fn drift(step: &Step, mut moving: Query<(&mut Transform, &Velocity)>) {
//!     moving.for_each(|(place, velocity)| place.position = add(place.position, scale(velocity.linear, step.dt)));
//! }
//!
//! let mut bench = Bench::new().hz(20);
//! let stone = bench.spawn((Transform::default(), Velocity { linear: [2.0, 0.0, 0.0], ..Velocity::default() }));
//! bench.run::<drift>().unwrap();
//! assert_eq!(bench.of::<Transform>(stone).position, [0.1, 0.0, 0.0]);
//! ```

#![allow(unsafe_code)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

mod batch;
mod commands;
mod rows;

pub use commands::Command;
pub use rows::Rows;

use crate::hook::{Hook, Told};
use crate::log::Level;
use crate::message::Message;
use crate::plan::{Lists, ParamPlan};
use crate::schema::{FieldSchema, Kind};
use crate::{Component, Config, Entity, Named, System};
use batch::Batch;

/// Rows of the components that the run under way may look up, by their index.
type Gathered = Vec<BTreeMap<Entity, Vec<u32>>>;

thread_local! {
    static GATHERED: RefCell<Gathered> = const { RefCell::new(Vec::new()) };
    static LINES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn logged(level: Level, line: &str) {
    LINES.with_borrow_mut(|lines| lines.push((level, line.to_owned())));
}

/// A row that the run under way looks up.
pub(crate) fn gathered(component: u32, entity: Entity) -> Option<Vec<u32>> {
    GATHERED.with_borrow(|all| all[component as usize].get(&entity).cloned())
}

/// A little world on which systems run.
#[derive(Clone, Debug)]
pub struct Bench {
    tick: u64,
    seed: u64,
    hz: u32,
    /// Its type's path and its words.
    config: Option<(&'static str, Vec<u32>)>,
    /// Of each kind, the words of all messages of the next runs.
    messages: BTreeMap<&'static str, Vec<Vec<u32>>>,
    entities: BTreeMap<Entity, BTreeMap<&'static str, Held>>,
    last_entity: u32,
    /// The count of changes when each system ran last.
    ran: BTreeMap<&'static str, u64>,
    changes: u64,
    is_reversed: bool,
}

/// A component that an entity has.
#[derive(Clone, Debug)]
struct Held {
    words: Vec<u32>,
    fields: &'static [FieldSchema],
    changed: u64,
    added: u64,
}

/// What a run did besides what it wrote.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ran {
    /// Its commands in order; they are carried out already.
    pub commands: Vec<Command>,
    /// What it said: under which topic, to which player (0 is everyone), and what.
    pub said: Vec<(String, u32, String)>,
    /// What it logged.
    pub lines: Vec<(Level, String)>,
    /// Rows and values that were not taken, since their schema refuses them.
    pub refused: usize,
    /// The entities that came to be.
    pub spawned: Vec<Entity>,
}

/// What a filter has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It may be as it is.
    Pass,
    /// It is to be so.
    Changed(String),
    /// It is not to be, because of this.
    Refused(String),
}

impl Default for Bench {
    fn default() -> Self {
        Bench::new()
    }
}

impl Bench {
    /// An empty world of 60 ticks a second.
    #[must_use]
    pub fn new() -> Self {
        Bench {
            tick: 1,
            seed: 1,
            hz: 60,
            config: None,
            messages: BTreeMap::new(),
            entities: BTreeMap::new(),
            last_entity: 0,
            ran: BTreeMap::new(),
            changes: 1,
            is_reversed: false,
        }
    }

    /// So many ticks a second.
    #[must_use]
    pub fn hz(mut self, hz: u32) -> Self {
        self.hz = hz;
        self
    }

    /// The seed that the runs' seeds follow from.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What the operator has set.
    #[must_use]
    pub fn config<C: Config>(mut self, config: C) -> Self {
        // SAFETY: a config is made of words, without padding.
        let words = unsafe { std::slice::from_raw_parts(std::ptr::from_ref(&config).cast(), size_of::<C>() / 4) };
        self.config = Some((C::ID, words.to_vec()));
        self
    }

    /// Hands out rows that nobody asked to be ordered the other way round: what a system makes of them must not depend
    /// on it.
    #[must_use]
    pub fn reversed(mut self) -> Self {
        self.is_reversed = true;
        self
    }

    /// An entity comes to be: with a component, or a tuple of up to 8 of them.
    pub fn spawn<R: Rows>(&mut self, rows: R) -> Entity {
        self.last_entity += 1;
        let entity = Entity(self.last_entity);
        self.entities.insert(entity, BTreeMap::new());
        rows.put(self, entity);
        entity
    }

    /// It gets a component, or another value of it.
    pub fn insert<T: Component>(&mut self, entity: Entity, value: T) {
        self.put(entity, T::NAME, value.words().to_vec(), T::SCHEMA.fields);
    }

    /// It gets a built-in component that has no columns.
    pub fn mark<T: Named>(&mut self, entity: Entity) {
        self.put(entity, T::NAME, Vec::new(), &[]);
    }

    /// It loses a component.
    pub fn remove<T: Named>(&mut self, entity: Entity) {
        if let Some(held) = self.entities.get_mut(&entity) {
            held.remove(T::NAME);
        }
    }

    /// It goes.
    pub fn despawn(&mut self, entity: Entity) {
        self.entities.remove(&entity);
    }

    /// One more message of this tick.
    pub fn tell<M: Message>(&mut self, message: M) {
        // SAFETY: a message is made of words, without padding.
        let words = unsafe { std::slice::from_raw_parts(std::ptr::from_ref(&message).cast(), M::WORDS) };
        self.messages.entry(M::NAME).or_default().push(words.to_vec());
    }

    /// Its component.
    ///
    /// # Panics
    /// It has none.
    #[must_use]
    pub fn of<T: Component>(&self, entity: Entity) -> T {
        match self.try_of(entity) {
            Some(value) => value,
            None => panic!("{entity:?} has no {}", T::NAME),
        }
    }

    /// Its component, where it has one.
    #[must_use]
    pub fn try_of<T: Component>(&self, entity: Entity) -> Option<T> {
        let held = self.entities.get(&entity)?.get(T::NAME)?;
        assert_eq!(held.words.len(), T::WORDS, "{} is another type's name as well", T::NAME);
        // SAFETY: so many words, and only rows that the schema admits are kept.
        Some(unsafe { held.words.as_ptr().cast::<T>().read_unaligned() })
    }

    /// Has it this component?
    #[must_use]
    pub fn has<T: Named>(&self, entity: Entity) -> bool {
        self.entities.get(&entity).is_some_and(|held| held.contains_key(T::NAME))
    }

    /// All entities there are.
    pub fn entities(&self) -> impl Iterator<Item = Entity> + '_ {
        self.entities.keys().copied()
    }

    /// Runs a system once and takes what it made; the tick stays, so that several systems can run in it.
    ///
    /// # Errors
    /// The run failed and counts for nothing: what it logged.
    ///
    /// # Panics
    /// What the system panics with; it takes a config that the bench was not given; its commands are malformed.
    pub fn run<S: System>(&mut self) -> Result<Ran, String> {
        const { S::PLAN.check() };
        let queries: Vec<_> = S::PLAN.params.iter().filter_map(lists).collect();
        let since = self.ran.get(S::PLAN.name).copied().unwrap_or_default();
        let rows: Vec<_> = queries.iter().map(|lists| self.rows_of(lists, since, S::PLAN.spawns())).collect();
        let mut batch = Batch::lay(self, &S::PLAN, &queries, &rows);
        GATHERED.set(S::PLAN.params.iter().filter_map(|param| self.rows_to_gather(param)).collect());
        LINES.take();
        // SAFETY: the batch of this system, and nobody else's.
        let ended = unsafe { crate::system::run::<S>(batch.base()) };
        let lines = LINES.take();
        if ended != 0 {
            return Err(lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n"));
        }
        let mut ran = Ran { lines, ..Ran::default() };
        self.changes += 1;
        for (number, (lists, rows)) in queries.iter().zip(&rows).enumerate() {
            for (column, name) in lists.write.iter().enumerate() {
                for (row, entity) in rows.iter().enumerate() {
                    let words = batch.row(number, column, row);
                    ran.refused += usize::from(!self.take_back(*entity, name, words));
                }
            }
        }
        // Its own changes are none for itself.
        self.ran.insert(S::PLAN.name, self.changes);
        self.changes += 1;
        commands::carry_out(self, &S::PLAN, batch.commands(), &mut ran);
        Ok(ran)
    }

    /// Asks a filter; what it is about is given as its fields in order: `bench.filter::<hush>((Player(1), "Ada", "hey"))`.
    ///
    /// # Errors
    /// The call counts for nothing: what it logged.
    ///
    /// # Panics
    /// What the filter panics with; it takes a config that the bench was not given.
    pub fn filter<H: Hook>(&mut self, about: <H::Told as Told>::Given<'_>) -> Result<Answered, String> {
        const { assert!(H::Told::IS_FILTER, "it is an action: `act` tells it something") };
        let mut batch = Batch::lay_hook(self, &H::PLAN.as_system(), &H::Told::parts(about), H::Told::ROOM_BYTES);
        LINES.take();
        // SAFETY: what this very hook is handed, and nobody else's.
        let ended = unsafe { crate::hook::call::<H>(batch.base()) };
        let lines = LINES.take();
        match ended {
            0 => Ok(Answered::Pass),
            1 => Ok(Answered::Changed(batch.text().to_owned())),
            2 => Ok(Answered::Refused(batch.text().to_owned())),
            _ => Err(lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n")),
        }
    }

    /// Tells an action something, given as its fields in order, and carries its commands out.
    ///
    /// # Errors
    /// The call counts for nothing: what it logged.
    ///
    /// # Panics
    /// What the action panics with; it takes a config that the bench was not given.
    pub fn act<H: Hook>(&mut self, of: <H::Told as Told>::Given<'_>) -> Result<Ran, String> {
        const { assert!(!H::Told::IS_FILTER, "it is a filter: `filter` asks it") };
        let plan = H::PLAN.as_system();
        let mut batch = Batch::lay_hook(self, &plan, &H::Told::parts(of), H::Told::ROOM_BYTES);
        LINES.take();
        // SAFETY: what this very hook is handed, and nobody else's.
        let ended = unsafe { crate::hook::call::<H>(batch.base()) };
        let lines = LINES.take();
        if ended != 0 {
            return Err(lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n"));
        }
        let mut ran = Ran { lines, ..Ran::default() };
        self.changes += 1;
        commands::carry_out(self, &plan, batch.commands(), &mut ran);
        Ok(ran)
    }

    /// The next tick: messages are over.
    pub fn next_tick(&mut self) {
        self.tick += 1;
        self.messages.clear();
    }

    /// Runs a system in each of so many ticks.
    ///
    /// # Errors
    /// A run failed.
    pub fn run_ticks<S: System>(&mut self, ticks: u64) -> Result<(), String> {
        for _ in 0..ticks {
            self.run::<S>()?;
            self.next_tick();
        }
        Ok(())
    }

    fn put(&mut self, entity: Entity, name: &'static str, words: Vec<u32>, fields: &'static [FieldSchema]) {
        assert!(is_admitted(fields, &words), "{name}: a field is out of its range");
        let Some(held) = self.entities.get_mut(&entity) else { panic!("{entity:?} is not there") };
        self.changes += 1;
        let (changed, added) = (self.changes, self.changes);
        match held.entry(name) {
            Entry::Occupied(mut held) => {
                let added = held.get().added;
                held.insert(Held { words, fields, changed, added });
            }
            Entry::Vacant(vacant) => drop(vacant.insert(Held { words, fields, changed, added })),
        }
    }

    fn take_back(&mut self, entity: Entity, name: &str, words: &[u32]) -> bool {
        let held = self.entities.get_mut(&entity).and_then(|held| held.get_mut(name));
        let Some(held) = held else { return true };
        if !is_admitted(held.fields, words) {
            return false;
        }
        if held.words != words {
            held.words.copy_from_slice(words);
            held.changed = self.changes;
        }
        true
    }

    /// All rows of what a parameter looks up.
    fn rows_to_gather(&self, param: &ParamPlan) -> Option<BTreeMap<Entity, Vec<u32>>> {
        let ParamPlan::Gather(name) = param else { return None };
        let row = |(entity, held): (&Entity, &BTreeMap<&str, Held>)| Some((*entity, held.get(name)?.words.clone()));
        Some(self.entities.iter().filter_map(row).collect())
    }

    fn rows_of(&self, lists: &Lists, since: u64, spawns: bool) -> Vec<Entity> {
        let demanded = || lists.write.iter().chain(lists.read.iter()).chain(lists.with.iter());
        let fits = |held: &BTreeMap<&str, Held>| {
            demanded().all(|name| held.contains_key(name))
                && !lists.without.iter().any(|name| held.contains_key(name))
                && lists.changed.iter().all(|name| held[name].changed > since)
                && lists.added.iter().all(|name| held[name].added > since)
        };
        let mut rows: Vec<_> = self.entities.iter().filter(|(_, held)| fits(held)).map(|(entity, _)| *entity).collect();
        if self.is_reversed && !lists.ordered && !spawns {
            rows.reverse();
        }
        rows
    }
}

fn lists(param: &ParamPlan) -> Option<Lists> {
    match param {
        ParamPlan::Query { terms, filters } => Some(Lists::of(terms, filters)),
        _ => None,
    }
}

/// Would a world take such a row?
fn is_admitted(fields: &[FieldSchema], words: &[u32]) -> bool {
    let mut rest = words;
    fields.iter().all(|field| {
        let Some((own, after)) = rest.split_at_checked(field.kind.words()) else { return false };
        rest = after;
        let mut reals = own.iter().map(|word| f32::from_bits(*word));
        match field.kind {
            Kind::Flag => own[0] <= 1,
            Kind::U32 => field.admits(f64::from(own[0])),
            Kind::I32 => field.admits(f64::from(own[0] as i32)),
            Kind::F32 | Kind::Vec3 => reals.all(|real| field.admits(f64::from(real))),
            Kind::Quat => reals.clone().all(f32::is_finite) && reals.map(|real| real * real).sum::<f32>() > 1.0e-12,
            Kind::Color => reals.all(|part| (0.0..=1.0).contains(&part)),
            Kind::Entity => own[0] <= i32::MAX as u32,
            Kind::Choice(names) => (own[0] as usize) < names.len(),
        }
    })
}

#[cfg(test)]
mod tests;
