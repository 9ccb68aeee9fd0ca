//! What a system or an action wants done, under the rules that hold for the control plane's operations.

use bevy_ecs::world::World;
use hd1_abi::{Command, Valued, value};
use hd1_core::{NetId, PlayerId};
use hd1_protocol::Operation;
use hd1_protocol::message::OpError;
use hd1_protocol::said::To;
use hd1_schema::Record;
use hd1_world::ComponentEntry;

use crate::messages;
use crate::operations::{self, Actor, Changes};

/// Commands that were not carried out.
#[derive(Debug, Default)]
pub(super) struct PassedOver {
    pub count: u32,
    /// Why the first was not.
    pub first: Option<String>,
}

/// Carries them out, one after the other.
pub(super) fn all(
    world: &mut World,
    topics: &[String],
    components: &[ComponentEntry],
    commands: Vec<Command>,
) -> PassedOver {
    let mut passed_over = PassedOver::default();
    for command in commands {
        if let Err(reason) = one(world, topics, components, command) {
            passed_over.count = passed_over.count.saturating_add(1);
            passed_over.first.get_or_insert(reason);
        }
    }
    passed_over
}

fn one(world: &mut World, topics: &[String], components: &[ComponentEntry], command: Command) -> Result<(), String> {
    let said = |error: OpError| error.message;
    match command {
        Command::Despawn { entity } => {
            let op = Operation::Despawn { entity: NetId(entity) };
            operations::apply(world, Actor::Admin, &op).map(drop).map_err(said)
        }
        Command::Remove { entity, component } => {
            let changes = vec![(components[component].clone(), None)];
            operations::change(world, Actor::Admin, NetId(entity), changes).map(drop).map_err(said)
        }
        Command::Insert { entity, value } => {
            let changes = vec![change(components, value)?];
            operations::change(world, Actor::Admin, NetId(entity), changes).map(drop).map_err(said)
        }
        Command::Spawn { values } => {
            let changes = values.into_iter().map(|value| change(components, value)).collect::<Result<Changes, _>>()?;
            operations::make(world, Actor::Admin, changes).map(drop).map_err(said)
        }
        Command::Say { player, topic, json } => {
            let data = serde_json::from_str(&json).map_err(|error| format!("a message is not JSON: {error}"))?;
            let to = if player == 0 { To::Everyone } else { To::Player(PlayerId(player)) };
            messages::send_bounded(world, &topics[topic], &to, &data).map_err(said)
        }
    }
}

fn change(components: &[ComponentEntry], valued: Valued) -> Result<(ComponentEntry, Option<Record>), String> {
    let entry = &components[valued.component];
    Ok((entry.clone(), Some(value::record_of(&entry.schema, &valued.words)?)))
}
