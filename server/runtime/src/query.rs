//! Questions about a live world, answered between two ticks as JSON.

use hd1_sim::{EntityKey, EntityQuery};
use serde_json::{Value as Json, json};

use crate::live::Live;

/// What may be asked.
#[derive(Clone, Debug)]
pub enum WorldQuery {
    /// A page of its entities: `{"entities": [{"id", "components"}…], "total"}`.
    Entities(EntityQuery),
    /// One entity: `{"id", "components"}`, or `null` where there is none.
    Entity(EntityKey),
    /// The world as a scene file.
    Scene,
    /// Who is here, those expected back included:
    /// `[{"participant_id", "player", "name", "role", "client", "connected"}…]`.
    Participants,
}

pub(crate) fn answer(live: &mut Live, query: &WorldQuery) -> Json {
    match query {
        WorldQuery::Entities(query) => {
            let page = live.sim.entities_json(query);
            json!({ "entities": page.entities, "total": page.total })
        }
        WorldQuery::Entity(key) => live.sim.entity_json(key).unwrap_or(Json::Null),
        WorldQuery::Scene => live.sim.scene_json(),
        WorldQuery::Participants => {
            let shown = |(seat, connected): (&crate::snapshot::Seat, bool)| {
                json!({
                    "participant_id": seat.participant,
                    "player": seat.player,
                    "name": seat.name,
                    "role": seat.role,
                    "client": seat.client,
                    "connected": connected,
                })
            };
            live.roster.list().map(shown).collect()
        }
    }
}
