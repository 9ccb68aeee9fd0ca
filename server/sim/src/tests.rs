//! Stories of a world: what may be asked for, what comes of it, and that it comes the same every time.

mod authority;
mod determinism;
mod features;
mod messages;
mod operations;
mod physics;
mod players;
mod plugins;
mod reading;
mod rewind;

use std::collections::BTreeMap;
use std::f32::consts::{FRAC_PI_2, PI};

use hd1_core::{ClientType, NetId, PlayerId, Role, SessionId};
use hd1_protocol::message::{Components, OpError};
use hd1_protocol::{InputSample, Operation};
use hd1_scenes::Scene;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{Command, EntityKey, OpDone, Sim, SimConfig, TickInput, TickOutput};

fn config() -> SimConfig {
    SimConfig::new(SessionId(Uuid::from_u128(7)))
}

fn sim(scene: &str) -> Sim {
    Sim::from_scene(config(), &hd1_scenes::load(scene).unwrap()).unwrap()
}

fn sim_of(scene: Json) -> Sim {
    Sim::from_scene(config(), &Scene::parse(&scene.to_string()).unwrap()).unwrap()
}

fn join_as(player: u32, role: Role) -> Command {
    let (player, name) = (PlayerId(player), format!("player {player}"));
    Command::Join { player, name, role, client_type: ClientType::Bot }
}

fn join(player: u32) -> Command {
    join_as(player, Role::Participant)
}

fn tick(sim: &mut Sim, commands: Vec<Command>) -> TickOutput {
    sim.tick(&TickInput { commands })
}

fn run(sim: &mut Sim, ticks: u64) {
    for _ in 0..ticks {
        tick(sim, vec![]);
    }
}

fn components(json: Json) -> Components {
    serde_json::from_value::<BTreeMap<_, _>>(json).unwrap()
}

fn spawn(json: Json) -> Operation {
    Operation::Spawn { components: components(json) }
}

fn update(entity: NetId, json: Json) -> Operation {
    Operation::Update { entity, components: components(json) }
}

/// One operation of a player, in a tick of its own.
fn ask(sim: &mut Sim, player: u32, op: Operation) -> Result<OpDone, OpError> {
    let output = tick(sim, vec![Command::Op { player: PlayerId(player), id: 5, op }]);
    assert_eq!((output.op_results.len(), output.op_results[0].id), (1, 5));
    output.op_results.into_iter().next().unwrap().result
}

fn admin(sim: &mut Sim, op: Operation) -> Result<OpDone, OpError> {
    tick(sim, vec![Command::Admin { request: 9, op }]).admin_results.remove(0).1
}

/// Makes an entity and gives its id.
fn made(sim: &mut Sim, player: u32, json: Json) -> NetId {
    ask(sim, player, spawn(json)).unwrap().entity.unwrap()
}

/// A component of an entity as JSON, or null.
fn read(sim: &Sim, id: NetId, component: &str) -> Json {
    sim.entity_json(&EntityKey::Id(id)).map_or(Json::Null, |entity| entity["components"][component].clone())
}

fn exists(sim: &Sim, id: NetId) -> bool {
    sim.find_entity(&EntityKey::Id(id)).is_some()
}

fn avatar(sim: &Sim, player: u32) -> NetId {
    sim.players().here[&PlayerId(player)].avatar.unwrap()
}

fn move_input(player: u32, seq: u32, forward: f32, yaw: f32) -> Command {
    Command::Input { player: PlayerId(player), sample: InputSample { seq, forward, yaw, ..InputSample::default() } }
}

/// Eight players who walk in circles through the middle of the world.
fn crowd_input(tick: u64) -> TickInput {
    let mut commands = Vec::new();
    if tick == 1 {
        commands.extend((1..=8).map(join));
    }
    for player in 1..=8u32 {
        // From each of the four spawn points inwards first, then in loops of its own size.
        let start = [0.0, FRAC_PI_2, PI, -FRAC_PI_2][(player as usize - 1) % 4];
        let turning = tick.saturating_sub(90) as f32 * (0.008 + player as f32 * 0.002);
        let yaw = start + if player % 2 == 0 { turning } else { -turning };
        let sample = InputSample { seq: tick as u32, forward: 1.0, strafe: 0.1, yaw, buttons: 2, pitch: 0.0 };
        commands.push(Command::Input { player: PlayerId(player), sample });
    }
    TickInput { commands }
}
