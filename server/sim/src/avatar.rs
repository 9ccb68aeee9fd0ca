//! Avatars: made when a player joins, moved by what the player asks for.

use bevy_app::App;
use bevy_ecs::change_detection::DetectChangesMut;
use bevy_ecs::resource::Resource;
use bevy_ecs::system::{Query, Res};
use bevy_ecs::world::World;
use hd1_core::{NetId, PlayerId};
use hd1_scenes::Settings;
use hd1_schema::{ComponentId, Record};
use hd1_world::components::*;
use hd1_world::described::{Color, Described};
use hd1_world::movement::{MoveMode, MoveRules, Mover, step_avatar};
use hd1_world::phases::Simulate;
use hd1_world::{NetIndex, math};

use crate::entities;
use crate::players::Players;
use crate::scene_info::SceneInfo;
use crate::step::Step;

/// Metres a second per second at which a jump ends where the scene has no gravity of its own.
const FALL_M_S2: f32 = 9.81;

/// How avatars of this world move and look.
#[derive(Resource, Clone, Debug)]
pub(crate) struct AvatarRules {
    pub(crate) rules: MoveRules,
    components: Vec<(ComponentId, Record)>,
}

/// Adds the feature.
pub(crate) fn plugin(app: &mut App) {
    let settings = &app.world().resource::<SceneInfo>().settings;
    let rules = AvatarRules::of(settings);
    app.insert_resource(rules);
    app.add_systems(Simulate, walk);
}

impl AvatarRules {
    fn of(settings: &Settings) -> Self {
        let geometry = Geometry { shape: Shape::Cylinder, radius: 0.4, height: 1.8, ..Geometry::default() };
        let mut components = vec![(Geometry::ID, geometry.to_record())];
        if settings.gravity.is_some() {
            let body = RigidBody { kind: BodyKind::Kinematic, ..RigidBody::default() };
            components.push((RigidBody::ID, body.to_record()));
        }
        for (id, record) in &settings.avatar {
            components.retain(|(other, _)| other != id);
            components.push((*id, record.clone()));
        }
        let form =
            components.iter().find(|(id, _)| *id == Geometry::ID).map(|(_, record)| Geometry::from_record(record));
        let half = form.map_or(0.9, |form| match form.shape {
            Shape::Box | Shape::Asset => form.size[1] * 0.5,
            Shape::Sphere => form.radius,
            Shape::Cylinder => form.height * 0.5,
            Shape::Plane => 0.0,
        });
        let movement = settings.movement;
        let rules = MoveRules {
            mode: movement.mode,
            speed: movement.speed,
            sprint: movement.sprint,
            jump: movement.jump,
            fall: settings.gravity.map_or(FALL_M_S2, |g| -g[1]).max(0.1),
            floor: movement.floor + half,
            min: settings.bounds.min,
            max: settings.bounds.max,
        };
        AvatarRules { rules, components }
    }
}

/// Makes a player's avatar at its spawn point.
pub(crate) fn spawn(world: &mut World, player: PlayerId, name: &str) -> NetId {
    let points = &world.resource::<SceneInfo>().settings.spawn_points;
    let turn = player.0.wrapping_sub(1) as usize;
    let point = points[turn % points.len()];
    // Those who share a point stand in a spiral about it (Vogel's), so that nobody appears inside another.
    let round = (turn / points.len()) as f32;
    let (angle, reach) = (round * 2.399_963, 1.1 * libm::sqrtf(round));
    let AvatarRules { rules, components } = world.resource::<AvatarRules>().clone();
    let mut position = math::add(point.position, [reach * libm::cosf(angle), 0.0, reach * libm::sinf(angle)]);
    if rules.mode == MoveMode::Walk {
        position[1] = position[1].max(rules.floor - half_height(&rules, world)) + half_height(&rules, world);
    }
    let transform = Transform {
        position: math::clamp(position, rules.min, rules.max),
        rotation: math::quat_yaw(point.yaw),
        ..Transform::default()
    };
    let mut parts = vec![
        (Transform::ID, transform.to_record()),
        (Velocity::ID, Velocity::default().to_record()),
        (Name::ID, Name { text: name.to_owned() }.to_record()),
        (Label::ID, Label { text: name.to_owned(), offset: 1.3, ..Label::default() }.to_record()),
        (Material::ID, Material { color: player_color(player), ..Material::default() }.to_record()),
    ];
    for (id, record) in components {
        parts.retain(|(other, _)| *other != id);
        parts.push((id, record));
    }
    parts.push((Avatar::ID, Avatar { player, yaw: point.yaw, pitch: 0.0 }.to_record()));
    parts.push((Owner::ID, Owner { player }.to_record()));
    entities::spawn(world, &parts, None)
}

fn half_height(rules: &MoveRules, world: &World) -> f32 {
    rules.floor - world.resource::<SceneInfo>().settings.movement.floor
}

/// A hue of its own for each player: steps of the golden ratio lie far apart.
fn player_color(player: PlayerId) -> Color {
    let hue = (player.0 as f32 * 0.618_034).fract() * 6.0;
    let channel = |offset: f32| {
        let k = (offset + hue) % 6.0;
        0.85 - 0.65 * k.min(4.0 - k).clamp(0.0, 1.0)
    };
    Color([channel(5.0), channel(3.0), channel(1.0)])
}

fn walk(
    players: Res<Players>,
    index: Res<NetIndex>,
    rules: Res<AvatarRules>,
    step: Res<Step>,
    mut avatars: Query<(&mut Transform, &mut Velocity, &mut Avatar)>,
) {
    // An avatar that has not been asked for anything stays as it was made, or left.
    for player in players.here.values().filter(|player| player.input_seq > 0) {
        let entity = player.avatar.and_then(|id| index.entity(id));
        let Some(Ok((mut transform, mut velocity, mut avatar))) = entity.map(|e| avatars.get_mut(e)) else { continue };
        let mover = Mover { position: transform.position, rise: velocity.linear[1] };
        let next = step_avatar(mover, player.intent, step.dt, &rules.rules);
        let linear = [0.0, next.rise, 0.0];
        let moved =
            Transform { position: next.position, rotation: math::quat_yaw(player.intent.yaw), scale: transform.scale };
        transform.set_if_neq(moved);
        let looking = Avatar { player: avatar.player, yaw: player.intent.yaw, pitch: player.intent.pitch };
        avatar.set_if_neq(looking);
        velocity.set_if_neq(Velocity { linear, angular: velocity.angular });
    }
}
