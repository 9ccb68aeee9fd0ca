//! Messages in JSON: what the control plane says to the programs of those who are in a session.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Something to be said under a topic. Clients hear it from player 0, the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendMessage {
    /// What it is about: 1 to 64 of `a-z A-Z 0-9 . : / _ -`. The page shows the text of `notice` to the person.
    pub topic: String,
    /// Who hears it. Default `everyone`.
    #[serde(default)]
    pub to: MessageTo,
    /// What: any JSON of at most 16 KiB, nested at most 12 levels deep. Default `null`.
    #[serde(default)]
    pub data: Value,
}

/// Who hears a message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageTo {
    /// Everybody in the world.
    #[default]
    Everyone,
    /// Its moderators and owners.
    Moderators,
    /// One player, by its number in the world.
    Player(u32),
    /// Those whose avatar, or camera where they have none, is near a place.
    Near(NearPlace),
}

/// A place and what is near it; either an entity or a position names it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NearPlace {
    /// Where this entity is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<u32>,
    /// Here: x, y and z in metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<[f32; 3]>,
    /// Metres, above 0 and at most 10,000.
    pub radius: f32,
}
