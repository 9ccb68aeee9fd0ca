//! The client's own avatar: which entity of the mirror it is, and the prediction of it.

use hd1_core::NetId;
use hd1_movement::math::Vec3;
use hd1_protocol::{InputSample, message::Welcome, mirror::Mirror};
use hd1_schema::ComponentSchema;

use crate::{AvatarState, Prediction, ServerClock};

/// Where the client's own avatar is to be drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Predicted {
    /// The avatar.
    pub entity: NetId,
    /// Metres.
    pub position: Vec3,
    /// About +Y in radians, as the newest input has it; `None` before the first.
    pub yaw: Option<f32>,
}

/// See the module's words.
#[derive(Debug)]
pub(super) struct OwnAvatar {
    player: i32,
    entity: Option<NetId>,
    /// The structure in which it was looked for last.
    searched: Option<u64>,
    yaw: Option<f32>,
    prediction: Prediction,
}

impl OwnAvatar {
    /// `None` where the server does not say how avatars move.
    pub(super) fn of(welcome: &Welcome) -> Option<Self> {
        let prediction = Prediction::new(welcome.movement?, welcome.tick_rate);
        Some(OwnAvatar { player: welcome.player.0 as i32, entity: None, searched: None, yaw: None, prediction })
    }

    pub(super) fn on_input(&mut self, now: u64, sample: &InputSample) {
        self.yaw = Some(sample.yaw);
        self.prediction.on_input(now, sample);
    }

    /// The mirror has a tick whole, in which inputs up to `input_ack` were applied.
    pub(super) fn on_complete(&mut self, now: u64, mirror: &Mirror, clock: &ServerClock, input_ack: u32) {
        let tick = mirror.acked();
        let Some(entity) = self.find(mirror) else { return };
        let found = mirror.transform_reader().zip(mirror.entity(entity));
        let Some(sampled) = found.and_then(|(reader, entity)| reader.at(entity, tick.0 as f64)) else { return };
        let state = AvatarState { tick, position: sampled.position, input_ack };
        self.prediction.on_state(now, state, clock.input_phase_us());
    }

    pub(super) fn predicted(&self, now: u64) -> Option<Predicted> {
        Some(Predicted { entity: self.entity?, position: self.prediction.position(now)?, yaw: self.yaw })
    }

    pub(super) fn prediction(&self) -> &Prediction {
        &self.prediction
    }

    /// Looks through the mirror only where it is not known, and the structure is another than last time.
    fn find(&mut self, mirror: &Mirror) -> Option<NetId> {
        self.entity = self.entity.filter(|entity| mirror.entity(*entity).is_some());
        if self.entity.is_none() && self.searched != Some(mirror.structure_version()) {
            self.searched = Some(mirror.structure_version());
            self.entity = avatar_of(mirror, self.player);
        }
        self.entity
    }
}

/// The entity whose `Avatar` names the player in its first field.
fn avatar_of(mirror: &Mirror, player: i32) -> Option<NetId> {
    let names_player = |schema: &&ComponentSchema| schema.fields.first().is_some_and(|field| field.name == "player");
    let schema = mirror.shapes().by_name("Avatar").filter(names_player)?;
    let of_player = |lanes: &[i32]| lanes.first() == Some(&player);
    let found = mirror.entities().find(|e| e.held(schema.id).is_some_and(|held| of_player(held.parts().0)));
    found.map(|entity| entity.id())
}
