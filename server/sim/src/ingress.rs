//! Commands are applied here, one after the other, before anything moves.

use bevy_ecs::world::World;
use hd1_core::PlayerId;
use hd1_protocol::Operation;
use hd1_protocol::message::{OpError, OpErrorCode};
use hd1_schema::ComponentSchema;
use hd1_world::Catalogue;

use crate::authority;
use crate::input::Command;
use crate::messages;
use crate::operations::{self, Actor};
use crate::output::{OpDone, OpResult, TickOutput, WorldEvent};
use crate::players::{self, Players};
use crate::plugins;
use crate::requests::{self, Question};
use crate::sim::Config;
use crate::step::{SimConfig, Step};

/// Applies one command and notes the answer.
pub(crate) fn apply(world: &mut World, command: &Command) {
    match command {
        Command::Join { player, name, role, client_type } => players::join(world, *player, name, *role, *client_type),
        Command::Leave { player } => players::leave(world, *player),
        Command::Input { player, sample } => players::input(world, *player, *sample),
        Command::Drive { player, drive } => authority::drive(world, *player, drive),
        Command::Op { player, id, op } => {
            // What asks another player is answered by that one.
            if let Some(result) = client_operation(world, *player, *id, op).transpose() {
                world.resource_mut::<TickOutput>().op_results.push(OpResult { player: *player, id: *id, result });
            }
        }
        Command::Admin { request, op } => {
            let result = operations::apply(world, Actor::Admin, op);
            world.resource_mut::<TickOutput>().admin_results.push((*request, result));
        }
        Command::Plugins { request, plugins } => {
            let result = plugins::set(world, plugins);
            world.resource_mut::<TickOutput>().admin_results.push((*request, result));
        }
        Command::Register { request, schema } => {
            let result = register(world, schema);
            world.resource_mut::<TickOutput>().admin_results.push((*request, result));
        }
    }
}

fn client_operation(world: &mut World, id: PlayerId, op_id: u32, op: &Operation) -> Result<Option<OpDone>, OpError> {
    let Step { tick, rate, .. } = *world.resource::<Step>();
    let SimConfig { quotas, .. } = world.resource::<Config>().0;
    let mut players = world.resource_mut::<Players>();
    let Some(player) = players.here.get_mut(&id) else {
        return Err(operations::refuse(OpErrorCode::Denied, "not in this world; join first"));
    };
    if !player.bucket.take(messages::cost(op), tick, rate, &quotas) {
        let message = format!("more than {} operations a second; wait", quotas.ops_per_second);
        return Err(operations::refuse(OpErrorCode::RateLimited, message));
    }
    let actor = Actor::Player(id, player.role);
    operations::check_role(actor, op)?;
    match op {
        Operation::Ask { to, topic, data, timeout_ticks } => {
            let question = Question { op: op_id, to: *to, topic, data, timeout_ticks: *timeout_ticks };
            requests::ask(world, id, &question).map(|()| None)
        }
        _ => operations::apply(world, actor, op).map(Some),
    }
}

fn register(world: &mut World, schema: &ComponentSchema) -> Result<OpDone, OpError> {
    let known = world.resource::<Catalogue>().by_id(schema.id).is_some_and(|entry| *entry.schema == *schema);
    Catalogue::register_dynamic(world, schema.clone())
        .map_err(|error| operations::refuse(OpErrorCode::Invalid, error.to_string()))?;
    if !known {
        world.resource_mut::<TickOutput>().events.push(WorldEvent::Registered { schema: schema.clone() });
    }
    Ok(OpDone::default())
}
