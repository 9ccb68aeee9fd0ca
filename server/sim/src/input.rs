//! What enters a tick: commands in the order in which they are applied.

use hd1_core::{ClientType, PlayerId, Role};
use hd1_protocol::{Drive, InputSample, Operation};
use hd1_schema::ComponentSchema;
use serde::{Deserialize, Serialize};

use crate::plugins::PluginSpec;

/// Everything from outside that a tick depends on; a recording is a list of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TickInput {
    /// In order.
    pub commands: Vec<Command>,
}

/// One thing that the outside asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// A player is here: makes the avatar, unless a viewer. Again for one who is here: renews name and role, and
    /// counts inputs from 1 again.
    Join {
        /// Number in the world.
        player: PlayerId,
        /// Shown name.
        name: String,
        /// Rights.
        role: Role,
        /// Kind of program.
        client_type: ClientType,
    },
    /// A player is gone: takes the avatar; what the player made stays.
    Leave {
        /// Who.
        player: PlayerId,
    },
    /// A player's intent, held until the next.
    Input {
        /// Who.
        player: PlayerId,
        /// What.
        sample: InputSample,
    },
    /// Where the entities are that a player drives; passed over for those that it does not hold.
    Drive {
        /// Who.
        player: PlayerId,
        /// Where.
        drive: Drive,
    },
    /// A client's operation, checked by role, ownership, schema, ranges, rate and quotas.
    Op {
        /// Who.
        player: PlayerId,
        /// Chosen by the client, echoed.
        id: u32,
        /// What.
        op: Operation,
    },
    /// The control plane's operation: all rights, no rate.
    Admin {
        /// Echoed in the answer.
        request: u64,
        /// What.
        op: Operation,
    },
    /// The control plane says which plugins the world has, in their order.
    Plugins {
        /// Echoed in the answer.
        request: u64,
        /// All of them.
        plugins: Vec<PluginSpec>,
    },
    /// The control plane registers a component.
    Register {
        /// Echoed in the answer.
        request: u64,
        /// Its schema.
        schema: ComponentSchema,
    },
}
