//! A tick of the plugins: columns out, the system, columns in.

use bevy_ecs::message::Messages;
use bevy_ecs::world::{Mut, World};
use hd1_abi::{Fault, Gather, Guest, Layout, Line, MessageKind, Module, News, Rows, command};
use hd1_core::NetId;
use hd1_world::Refused;
use hd1_world::columns::{ColumnQuery, Lookup};

use super::{Attached, Plugin, PluginFault, Prepared, Running, apply};
use crate::limits::MESSAGES_PER_SYSTEM_MAX;
use crate::output::TickOutput;
use crate::physics::{ContactStarted, ContactStopped};
use crate::players::Players;
use crate::sim::Config;
use crate::step::Step;

/// Where and when: the same for all of a tick.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    step: Step,
    seed: u64,
    /// As logs name it.
    pub world: u128,
}

impl Moment {
    pub fn of(world: &World) -> Self {
        let config = &world.resource::<Config>().0;
        Moment { step: *world.resource::<Step>(), seed: config.seed, world: config.session.0.as_u128() }
    }

    /// What a plugin's system or hook draws by chance from, by its number.
    pub fn seed_of(&self, plugin: u64, number: usize) -> u64 {
        mix(self.seed ^ mix(plugin ^ mix(self.step.tick.0 ^ (number as u64) << 48)))
    }

    pub fn step(&self, seed: u64) -> hd1_abi::Step {
        hd1_abi::Step { tick: self.step.tick.0, seed, dt: self.step.dt, hz: self.step.rate.hz() }
    }
}

pub(super) fn run_all(world: &mut World) {
    if world.resource::<Attached>().list.is_empty() {
        return;
    }
    let moment = Moment::of(world);
    world.resource_scope(|world, mut attached: Mut<Attached>| {
        for plugin in attached.list.iter_mut().filter(|plugin| plugin.spec.runs) {
            if let Err((system, fault)) = run_one(world, plugin, moment) {
                let system = system.and_then(|i| plugin.running.as_ref()?.module.plan().systems.get(i));
                let system = system.map(|system| system.name.clone());
                let fault = PluginFault { plugin: plugin.spec.id.clone(), system, fault };
                world.resource_mut::<TickOutput>().plugin_faults.push(fault);
            }
        }
    });
}

/// Runs a plugin's systems in their order, up to the first that faults.
fn run_one(world: &mut World, plugin: &mut Plugin, moment: Moment) -> Result<(), (Option<usize>, Fault)> {
    let Some(running) = plugin.running.as_mut().filter(|running| !running.rests) else { return Ok(()) };
    let Running { module, config, systems, hooks, held, rests, .. } = running;
    if systems.is_empty() {
        return Ok(());
    }
    // What it may use is for the tick: many systems have no more than one.
    let guest = held.guest().map_err(|fault| {
        module.tell(moment.world, 0, News::Fault(&fault));
        (None, fault)
    })?;
    let (mut ran, mut refused) = (Ok(()), 0);
    for (i, system) in systems.iter_mut().enumerate() {
        let step = moment.step(moment.seed_of(plugin.seed, i));
        let mut run = Run { world: &mut *world, system, guest: &mut *guest, module: &**module, i, at: moment.world };
        match run.run(step, config) {
            Ok(rows) => refused += u64::from(rows),
            Err(fault) => {
                module.tell(moment.world, i, News::Fault(&fault));
                guest.break_down();
                // Its actions would be handed another guest, and all that a tick may use once more.
                *rests = !hooks.is_empty();
                ran = Err((Some(i), fault));
                break;
            }
        }
    }
    if hooks.is_empty() || *rests {
        held.give_back();
    }
    if refused > 0 {
        world.resource_mut::<TickOutput>().plugin_refusals.push((plugin.spec.id.clone(), refused));
    }
    ran
}

/// One run of one system.
struct Run<'a> {
    world: &'a mut World,
    system: &'a mut Prepared,
    guest: &'a mut dyn Guest,
    module: &'a dyn Module,
    /// The system's index in its plan.
    i: usize,
    /// The world, as logs name it.
    at: u128,
}

impl Run<'_> {
    /// The rows of it that were not taken.
    fn run(&mut self, step: hd1_abi::Step, config: &[u32]) -> Result<u32, Fault> {
        let now = self.world.increment_change_tick();
        self.lay_out(now);
        let layout = &self.system.layout;
        let batch = self.guest.buffer(layout.bytes())?;
        layout.write_head(batch, step, config);
        for (q, query) in self.system.queries.iter().enumerate() {
            copy_out(self.world, query, layout, q, batch);
        }
        for (m, kind) in self.system.messages.iter().enumerate() {
            tell(self.world, *kind, &mut batch[layout.messages(m)]);
        }
        self.guest.run(self.i, &Others { world: self.world, lookup: &self.system.lookup })?;
        let plan = &self.module.plan().systems[self.i];
        // All that may be a fault comes before the first change.
        let command_bytes = layout.commands(self.guest.output())?;
        let mut bytes_out = command_bytes.len();
        let commands = command::read(command_bytes, plan.orders())?;
        let mut refused = Refused::default();
        for (q, query) in self.system.queries.iter().enumerate() {
            for column in 0..plan.queries[q].write.len() {
                let new = &self.guest.output()[layout.column(q, column)];
                bytes_out += new.len();
                query.write_column(self.world, column, new, now, &mut refused);
            }
        }
        self.system.last_run = Some(now);
        self.module.tell(self.at, self.i, News::Moved { bytes_in: layout.bytes(), bytes_out });
        if let Some((id, what)) = refused.first {
            self.module.tell(self.at, self.i, News::Rows(refused.rows, &format!("entity {id}: {what}")));
        }
        pass_on_log(self.guest, self.module, self.at, self.i);
        if !commands.is_empty() {
            let passed_over = apply::all(self.world, &plan.topics, &self.system.commands, commands);
            if let Some(first) = passed_over.first {
                self.module.tell(self.at, self.i, News::Commands(passed_over.count, &first));
            }
        }
        Ok(refused.rows)
    }

    /// Counts rows and messages, and gives each of them a place.
    fn lay_out(&mut self, now: bevy_ecs::change_detection::Tick) {
        let Prepared { queries, messages, layout, last_run, rows, told, .. } = &mut *self.system;
        rows.clear();
        rows.extend(queries.iter_mut().map(|query| query.select(self.world, *last_run, now)));
        told.clear();
        told.extend(messages.iter().map(|kind| count(self.world, *kind)));
        layout.lay(Rows { queries: rows, messages: told });
    }
}

/// The world as it is when a run begins.
struct Others<'a> {
    world: &'a World,
    lookup: &'a Lookup,
}

impl Gather for Others<'_> {
    fn words(&self, component: usize) -> Option<usize> {
        self.lookup.words(component)
    }

    fn copy(&self, component: usize, entity: u32, row: &mut [u8]) -> bool {
        self.lookup.copy(self.world, component, NetId(entity), row)
    }
}

/// Tells what the last run logged.
pub(super) fn pass_on_log(guest: &mut dyn Guest, module: &dyn Module, world: u128, number: usize) {
    guest.take_log(&mut |line| match line {
        Line::Said(level, text) => module.tell(world, number, News::Said(level, text)),
        Line::Dropped(count) => module.tell(world, number, News::Unsaid(count)),
    });
}

fn copy_out(world: &World, query: &ColumnQuery, layout: &Layout, q: usize, batch: &mut [u8]) {
    if layout.shape().queries[q].entities {
        query.copy_ids(world, &mut batch[layout.entities(q)]);
    }
    for column in 0..layout.shape().queries[q].columns.len() {
        query.copy_column(world, column, &mut batch[layout.column(q, column)]);
    }
}

/// How many messages of a kind there are in this tick.
fn count(world: &World, kind: MessageKind) -> usize {
    let count = match kind {
        MessageKind::ContactStarted => world.get_resource::<Messages<ContactStarted>>().map_or(0, Messages::len),
        MessageKind::ContactStopped => world.get_resource::<Messages<ContactStopped>>().map_or(0, Messages::len),
        MessageKind::PlayerInput => world.resource::<Players>().here.len(),
    };
    count.min(MESSAGES_PER_SYSTEM_MAX)
}

/// Writes the messages of a kind, as many as there is room for.
fn tell(world: &World, kind: MessageKind, out: &mut [u8]) {
    let mut rows = out.chunks_exact_mut(kind.words() * 4);
    let mut put = |words: &[u32]| {
        if let Some(row) = rows.next() {
            hd1_abi::layout::write_words(row, words);
        }
    };
    match kind {
        MessageKind::ContactStarted => {
            let Some(messages) = world.get_resource::<Messages<ContactStarted>>() else { return };
            messages.iter_current_update_messages().for_each(|contact| put(&[contact.a.0, contact.b.0]));
        }
        MessageKind::ContactStopped => {
            let Some(messages) = world.get_resource::<Messages<ContactStopped>>() else { return };
            messages.iter_current_update_messages().for_each(|contact| put(&[contact.a.0, contact.b.0]));
        }
        MessageKind::PlayerInput => {
            for (player, who) in &world.resource::<Players>().here {
                let (intent, avatar) = (&who.intent, who.avatar.unwrap_or(NetId::NONE));
                let reals = [intent.strafe, intent.forward, intent.yaw, intent.pitch].map(f32::to_bits);
                put(&[player.0, avatar.0, intent.buttons.into(), reals[0], reals[1], reals[2], reals[3]]);
            }
        }
    }
}

/// One number spread over all bits (the finaliser of SplitMix64).
pub(super) fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
