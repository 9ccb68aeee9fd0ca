//! Stories of a world: what may be asked for, what comes of it, and that it comes the same every time.

use hd1_core::{ClientType, PlayerId, Role, SessionId};
use hd1_protocol::InputSample;
use uuid::Uuid;

use crate::{Command, Sim, SimConfig, TickInput};

pub(crate) fn sim(scene: &str) -> Sim {
    let scene = hd1_scenes::load(scene).unwrap();
    Sim::from_scene(SimConfig::new(SessionId(Uuid::from_u128(7))), &scene).unwrap()
}

pub(crate) fn join(player: u32) -> Command {
    let (player, name) = (PlayerId(player), format!("player {player}"));
    Command::Join { player, name, role: Role::Participant, client_type: ClientType::Bot }
}

/// Eight players who walk in circles and across the world.
pub(crate) fn crowd_input(tick: u64) -> TickInput {
    let mut commands = Vec::new();
    if tick == 1 {
        commands.extend((1..=8).map(join));
    }
    for player in 1..=8u32 {
        let yaw = player as f32 * 0.7 + tick as f32 * 0.01 * if player % 2 == 0 { 1.0 } else { -1.0 };
        let sample = InputSample { seq: tick as u32, forward: 1.0, strafe: 0.2, yaw, buttons: 2, ..Default::default() };
        commands.push(Command::Input { player: PlayerId(player), sample });
    }
    TickInput { commands }
}

mod determinism;
