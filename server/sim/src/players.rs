//! Who is in the world: joining, leaving, and what each is asking for.

use std::collections::BTreeMap;

use bevy_ecs::query::Without;
use bevy_ecs::resource::Resource;
use bevy_ecs::world::World;
use hd1_abi::Point;
use hd1_core::{ClientType, NetId, PlayerId, Role};
use hd1_protocol::InputSample;
use hd1_protocol::limits::NAME_BYTES_MAX;
use hd1_protocol::message::Participant;
use hd1_world::components::{Avatar, Owner};
use hd1_world::math::Vec3;
use hd1_world::movement::Intent;
use serde::{Deserialize, Serialize};

use crate::authority::Hold;
use crate::output::{TickOutput, WorldEvent};
use crate::plugins::hooks::{self, Happened};
use crate::quotas::Bucket;
use crate::scene_info::SceneInfo;
use crate::{authority, avatar, entities, requests};

/// Everyone who is here, and how many entities each player owns, here or not.
#[derive(Resource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Players {
    /// By number.
    pub here: BTreeMap<PlayerId, Player>,
    /// Entities by owner; reckoned anew from a snapshot's entities.
    #[serde(skip)]
    pub owned: BTreeMap<PlayerId, u32>,
}

/// Someone who is here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Player {
    /// Shown name.
    pub name: String,
    /// Rights.
    pub role: Role,
    /// Kind of program.
    pub client: ClientType,
    /// The avatar, unless a viewer.
    pub avatar: Option<NetId>,
    /// The newest input's number.
    pub input_seq: u32,
    /// What it asked for.
    #[serde(with = "IntentForm")]
    pub intent: Intent,
    /// Operations left.
    pub bucket: Bucket,
    /// Where a viewer looks from, in metres; who has an avatar has a `CameraView` on it instead.
    #[serde(default)]
    pub camera: Option<Vec3>,
    /// The newest poses' number.
    #[serde(default)]
    pub drive_seq: u32,
    /// The entities that it drives; each has an `Authority` that names it.
    #[serde(default)]
    pub held: BTreeMap<NetId, Hold>,
}

/// How an intent is written down.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Intent")]
struct IntentForm {
    strafe: f32,
    forward: f32,
    yaw: f32,
    pitch: f32,
    buttons: u16,
}

/// Someone is here now, or again.
pub(crate) fn join(world: &mut World, id: PlayerId, name: &str, role: Role, client: ClientType) {
    let name = shown_name(name);
    requests::came_back(world, id);
    if role == Role::Viewer {
        authority::take_all_back(world, id);
    }
    let before = world.resource::<Players>().here.get(&id);
    let is_new = before.is_none();
    let before = before.map(|player| (player.avatar, player.bucket, player.camera, player.held.clone()));
    let (kept, bucket, camera, held) = before.unwrap_or_default();
    let first_look = || world.resource::<SceneInfo>().first_look();
    let camera = (role == Role::Viewer).then(|| camera.unwrap_or_else(first_look));
    if role == Role::Viewer
        && let Some(avatar) = kept
    {
        entities::despawn(world, avatar);
    }
    let avatar = match kept {
        _ if role == Role::Viewer => None,
        Some(avatar) => Some(avatar),
        None => Some(avatar::spawn(world, id, &name)),
    };
    let (name_told, intent) = (name.clone(), Intent::default());
    let player = Player { name, role, client, avatar, input_seq: 0, intent, bucket, camera, drive_seq: 0, held };
    world.resource_mut::<Players>().here.insert(id, player);
    let mut output = world.resource_mut::<TickOutput>();
    if let Some(avatar) = avatar {
        output.avatars.push((id, avatar));
    }
    output.events.push(WorldEvent::Joined(Participant { player: id, name: name_told.clone(), role, client }));
    if is_new {
        let avatar = avatar.unwrap_or(NetId::NONE);
        hooks::note(world, Point::Joined, |_| Happened::Joined { player: id, avatar, role, name: name_told });
    }
}

/// Someone is gone.
pub(crate) fn leave(world: &mut World, id: PlayerId) {
    authority::take_all_back(world, id);
    let Some(player) = world.resource_mut::<Players>().here.remove(&id) else { return };
    if let Some(avatar) = player.avatar {
        entities::despawn(world, avatar);
    }
    requests::left(world, id);
    world.resource_mut::<TickOutput>().events.push(WorldEvent::Left { player: id });
    hooks::note(world, Point::Left, |_| Happened::Left { player: id, name: player.name });
}

/// A newer sample replaces the older; those out of order are dropped.
pub(crate) fn input(world: &mut World, id: PlayerId, sample: InputSample) {
    let mut players = world.resource_mut::<Players>();
    let Some(player) = players.here.get_mut(&id).filter(|player| sample.seq > player.input_seq) else { return };
    let InputSample { seq, strafe, forward, yaw, pitch, buttons } = sample;
    player.input_seq = seq;
    player.intent = Intent { strafe, forward, yaw, pitch, buttons }.sane();
    let mut output = world.resource_mut::<TickOutput>();
    match output.input_acks.iter_mut().find(|(player, _)| *player == id) {
        Some((_, newest)) => *newest = seq,
        None => output.input_acks.push((id, seq)),
    }
}

/// Counts afresh who owns how much.
pub(crate) fn count_owned(world: &mut World) {
    let mut owned = BTreeMap::new();
    let mut owners = world.query_filtered::<&Owner, Without<Avatar>>();
    for owner in owners.iter(world) {
        *owned.entry(owner.player).or_default() += 1;
    }
    world.resource_mut::<Players>().owned = owned;
}

/// A name without control characters, cut to what the protocol carries.
fn shown_name(name: &str) -> String {
    let mut shown = String::new();
    for c in name.chars().filter(|c| !c.is_control()) {
        if shown.len() + c.len_utf8() > NAME_BYTES_MAX {
            break;
        }
        shown.push(c);
    }
    shown
}
