//! Hooks of plugins: filters are asked where something is decided, actions are told at the tick's end.
//!
//! Both come in the order of their priorities, over all plugins of the world. A call that faults counts for nothing: the
//! value goes on as it was, and the plugin rests until the next tick. What the commands of actions bring about is told to
//! no action, so a tick ends.

use bevy_ecs::resource::Resource;
use bevy_ecs::world::{Mut, World};
use hd1_abi::{Answer, Fault, News, Payload, Point, Told, command, hook, plan::Hook};
use hd1_core::{NetId, PlayerId, Role};
use hd1_protocol::message::{Components, OpError, OpErrorCode};
use hd1_protocol::said;
use hd1_world::ComponentEntry;
use serde_json::Value as Json;

use super::run::{Moment, mix, pass_on_log};
use super::{Attached, Plugin, PluginFault, Running, apply};
use crate::limits::HAPPENED_PER_TICK_MAX;
use crate::operations::{self, refuse};
use crate::output::TickOutput;
use crate::players::Players;
use crate::{entities, hierarchy};

/// One hook in this world.
pub(super) struct PreparedHook {
    pub point: Point,
    pub priority: i32,
    /// The components of its commands.
    pub commands: Vec<ComponentEntry>,
}

/// The hooks at one point in their order: plugins and their hooks by index.
pub(super) type AtPoint = Vec<(usize, usize)>;

/// What happened in this tick that actions are told of.
#[derive(Resource, Default)]
pub(crate) struct Happenings {
    list: Vec<Happened>,
    /// At which points is there anyone to be told?
    wanted: [bool; Point::ALL.len()],
    /// Are actions being told? What they do is told to none.
    is_telling: bool,
}

/// Something that actions are told of.
#[derive(Clone, Debug)]
pub(crate) enum Happened {
    /// Someone is here.
    Joined { player: PlayerId, avatar: NetId, role: Role, name: String },
    /// Someone is gone.
    Left { player: PlayerId, name: String },
    /// A line of chat was said.
    ChatSaid { player: PlayerId, name: String, text: String },
    /// An entity came to be.
    Spawned { entity: NetId, owner: PlayerId },
    /// An entity is gone.
    Despawned { entity: NetId, owner: PlayerId },
}

impl Happened {
    const fn point(&self) -> Point {
        match self {
            Happened::Joined { .. } => Point::Joined,
            Happened::Left { .. } => Point::Left,
            Happened::ChatSaid { .. } => Point::ChatSaid,
            Happened::Spawned { .. } => Point::Spawned,
            Happened::Despawned { .. } => Point::Despawned,
        }
    }

    /// In the order of [`Point::fields`].
    fn told(&self) -> Vec<Told<'_>> {
        match self {
            Happened::Joined { player, avatar, role, name } => {
                vec![Told::Word(player.0), Told::Word(avatar.0), Told::Word(number_of(*role)), Told::Text(name)]
            }
            Happened::Left { player, name } => vec![Told::Word(player.0), Told::Text(name)],
            Happened::ChatSaid { player, name, text } => {
                vec![Told::Word(player.0), Told::Text(name), Told::Text(text)]
            }
            Happened::Spawned { entity, owner } | Happened::Despawned { entity, owner } => {
                vec![Told::Word(entity.0), Told::Word(owner.0)]
            }
        }
    }
}

const fn number_of(role: Role) -> u32 {
    match role {
        Role::Viewer => 0,
        Role::Participant => 1,
        Role::Moderator => 2,
        Role::Owner => 3,
    }
}

/// Puts all hooks in their order, after the list of plugins has changed.
pub(super) fn sort(world: &mut World) {
    let mut attached = world.resource_mut::<Attached>();
    let Attached { list, hooks, .. } = &mut *attached;
    let mut wanted = [false; Point::ALL.len()];
    for point in Point::ALL {
        let mut all = Vec::new();
        for (p, plugin) in list.iter().enumerate().filter(|(_, plugin)| plugin.spec.runs) {
            let own = plugin.running.iter().flat_map(|running| &running.hooks).enumerate();
            all.extend(
                own.filter(|(_, hook)| hook.point == point).map(|(h, hook)| (hook.priority, &plugin.spec.id, p, h)),
            );
        }
        all.sort_unstable_by_key(|(priority, id, _, h)| (*priority, *id, *h));
        wanted[point as usize] = !all.is_empty();
        hooks[point as usize] = all.into_iter().map(|(_, _, p, h)| (p, h)).collect();
    }
    world.resource_mut::<Happenings>().wanted = wanted;
}

/// Asks about a line of chat: what is to be said instead, where it is to be another.
///
/// # Errors
/// A filter refuses it.
pub(crate) fn chat(world: &mut World, player: PlayerId, name: &str, text: &str) -> Result<Option<String>, OpError> {
    let told = [Told::Word(player.0), Told::Text(name), Told::Text(text)];
    let accept =
        |text: &str| operations::check_chat(text).map(drop).map_err(|_| "what it made of the line is no line of chat");
    ask(world, Point::Chat, |_| true, told, accept)
}

/// Asks about what is said or asked under a topic: the data that is to be passed on instead, where it is to be another.
///
/// # Errors
/// A filter refuses it.
pub(crate) fn message(
    world: &mut World,
    player: PlayerId,
    is_question: bool,
    topic: &str,
    data: &Json,
) -> Result<Option<Json>, OpError> {
    let attached = world.resource::<Attached>();
    let concerns =
        |hook: &Hook| hook.about.is_empty() || hook.about.iter().any(|pattern| hook::is_about(pattern, topic));
    // To write data as text costs more than to ask.
    if !attached.plans_at(Point::Message).any(concerns) {
        return Ok(None);
    }
    let text = data.to_string();
    let told = [Told::Word(player.0), Told::Word(is_question.into()), Told::Text(topic), Told::Text(&text)];
    let read = |text: &str| serde_json::from_str(text).ok().filter(|data| said::check_data(data).is_ok());
    let accept = |text: &str| read(text).map(drop).ok_or("what it made of the data is no JSON that may be said");
    let changed = ask(world, Point::Message, concerns, told, accept)?;
    Ok(changed.and_then(|text| read(&text)))
}

/// Asks about an entity that a player wants.
///
/// # Errors
/// A filter refuses it.
pub(crate) fn spawn(world: &mut World, player: PlayerId, components: &Components) -> Result<(), OpError> {
    if world.resource::<Attached>().hooks[Point::Spawn as usize].is_empty() {
        return Ok(());
    }
    let owned = world.resource::<Players>().owned.get(&player).copied().unwrap_or(0);
    let text = serde_json::to_string(components).unwrap_or_default();
    let told = [Told::Word(player.0), Told::Word(owned), Told::Text(&text)];
    ask(world, Point::Spawn, |_| true, told, |_| Ok(())).map(drop)
}

/// Asks all filters at a point that it concerns: the text as it is in the end, where it was changed.
fn ask<const N: usize>(
    world: &mut World,
    point: Point,
    concerns: impl Fn(&Hook) -> bool,
    told: [Told<'_>; N],
    accept: impl Fn(&str) -> Result<(), &'static str>,
) -> Result<Option<String>, OpError> {
    if world.resource::<Attached>().hooks[point as usize].is_empty() {
        return Ok(None);
    }
    let moment = Moment::of(world);
    let hook::HookKind::Filter { changes } = point.kind() else { return Ok(None) };
    let mut attached = world.resource_mut::<Attached>();
    let Attached { list, hooks, .. } = &mut *attached;
    let (mut text, mut refused, mut faults): (Option<String>, _, Vec<_>) = (None, None, Vec::new());
    for (p, h) in &hooks[point as usize] {
        let plugin = &mut list[*p];
        let Some(running) = plugin.running.as_mut().filter(|running| !running.rests) else { continue };
        if !concerns(&running.module.plan().hooks[*h]) {
            continue;
        }
        let mut told = told;
        if let (Some(text), Some((at, _))) = (&text, changes) {
            told[at] = Told::Text(text);
        }
        let answer = call(running, plugin.seed, *h, point, &told, moment).and_then(|(answer, _)| match answer {
            Answered::Changed(changed) => accept(&changed).map(|()| Answered::Changed(changed)).map_err(Fault::Answer),
            other => Ok(other),
        });
        match answer {
            Ok(Answered::Pass) => {}
            Ok(Answered::Changed(changed)) => text = Some(changed),
            Ok(Answered::Refused(reason)) => {
                refused = Some(refusal(&plugin.spec.id, &reason));
                break;
            }
            Err(fault) => faults.push(faulted(plugin, *h, fault, moment)),
        }
    }
    if !faults.is_empty() {
        world.resource_mut::<TickOutput>().plugin_faults.extend(faults);
    }
    refused.map_or(Ok(text), Err)
}

fn refusal(plugin: &str, reason: &str) -> OpError {
    let reason = reason.replace(|c: char| c.is_control(), " ");
    let reason = if reason.trim().is_empty() { format!("{plugin} refuses it") } else { reason };
    refuse(OpErrorCode::Denied, reason)
}

/// An answer that is kept.
enum Answered {
    Pass,
    Changed(String),
    Refused(String),
}

/// Calls one hook: its answer, or its commands.
fn call(
    running: &mut Running,
    seed: u64,
    h: usize,
    point: Point,
    told: &[Told<'_>],
    moment: Moment,
) -> Result<(Answered, Vec<command::Command>), Fault> {
    let module = std::sync::Arc::clone(&running.module);
    let plan = &module.plan().hooks[h];
    let number = module.plan().number_of_hook(h);
    let payload = Payload { point, told, config: &running.config, has_commands: plan.orders().is_any() };
    running.calls = running.calls.wrapping_add(1);
    let seed = mix(moment.seed_of(seed, number) ^ running.calls);
    let bytes = payload.bytes();
    let guest = running.held.guest()?;
    payload.write(guest.buffer(bytes)?, moment.step(seed));
    let (_, returned) = guest.hook(h, bytes)?;
    let output = guest.output();
    let mut bytes_out = 0;
    let mut keep = |text: &str| {
        bytes_out = text.len();
        text.to_owned()
    };
    let answer = match payload.answer(returned, output)? {
        Answer::Pass => Answered::Pass,
        Answer::Changed(text) => Answered::Changed(keep(text)),
        Answer::Refused(reason) => Answered::Refused(keep(reason)),
    };
    let mut commands = Vec::new();
    if payload.has_commands {
        let words = payload.commands(output)?;
        bytes_out = words.len();
        commands = command::read(words, plan.orders())?;
    }
    module.tell(moment.world, number, News::Moved { bytes_in: bytes, bytes_out });
    pass_on_log(guest, &*module, moment.world, number);
    Ok((answer, commands))
}

/// It rests until the tick is over: what faults once is not asked a thousand times.
fn faulted(plugin: &mut Plugin, h: usize, fault: Fault, moment: Moment) -> PluginFault {
    let mut system = None;
    if let Some(running) = &mut plugin.running {
        let plan = running.module.plan();
        running.module.tell(moment.world, plan.number_of_hook(h), News::Fault(&fault));
        system = plan.hooks.get(h).map(|hook| hook.name.clone());
        running.rests = true;
        running.held.break_down();
    }
    PluginFault { plugin: plugin.spec.id.clone(), system, fault }
}

/// Notes what happened, where anyone is to be told.
pub(crate) fn note(world: &mut World, point: Point, event: impl FnOnce(&World) -> Happened) {
    let happenings = world.resource::<Happenings>();
    if !happenings.wanted[point as usize] || happenings.is_telling || happenings.list.len() >= HAPPENED_PER_TICK_MAX {
        return;
    }
    let event = event(world);
    world.resource_mut::<Happenings>().list.push(event);
}

/// Tells actions what happened in this tick, and ends it for all plugins.
pub(crate) fn end_tick(world: &mut World) {
    let mut happenings = world.resource_mut::<Happenings>();
    if happenings.list.is_empty() {
        world.resource_mut::<Attached>().rest();
        return;
    }
    happenings.is_telling = true;
    let mut list = std::mem::take(&mut happenings.list);
    let moment = Moment::of(world);
    world.resource_scope(|world, mut attached: Mut<Attached>| {
        for event in &list {
            tell(world, &mut attached, event, moment);
        }
        attached.rest();
    });
    // What hung on an entity that an action took away goes in the same tick.
    hierarchy::despawn_orphans(world);
    list.clear();
    let mut happenings = world.resource_mut::<Happenings>();
    (happenings.list, happenings.is_telling) = (list, false);
}

fn tell(world: &mut World, attached: &mut Attached, event: &Happened, moment: Moment) {
    let (point, told) = (event.point(), event.told());
    let Attached { list, hooks, .. } = attached;
    for (p, h) in &hooks[point as usize] {
        let plugin = &mut list[*p];
        let Some(running) = plugin.running.as_mut().filter(|running| !running.rests) else { continue };
        match call(running, plugin.seed, *h, point, &told, moment) {
            Ok((_, commands)) if commands.is_empty() => {}
            Ok((_, commands)) => {
                let plan = running.module.plan();
                let topics = &plan.hooks[*h].topics;
                let passed_over = apply::all(world, topics, &running.hooks[*h].commands, commands);
                if let Some(first) = passed_over.first {
                    let news = News::Commands(passed_over.count, &first);
                    running.module.tell(moment.world, plan.number_of_hook(*h), news);
                }
            }
            Err(fault) => {
                let fault = faulted(plugin, *h, fault, moment);
                world.resource_mut::<TickOutput>().plugin_faults.push(fault);
            }
        }
    }
}

/// An entity came to be, or goes now.
pub(crate) fn note_entity(world: &mut World, point: Point, entity: NetId) {
    note(world, point, |world| {
        let owner = entities::owner(world, entity).unwrap_or(PlayerId(0));
        match point {
            Point::Despawned => Happened::Despawned { entity, owner },
            _ => Happened::Spawned { entity, owner },
        }
    });
}
