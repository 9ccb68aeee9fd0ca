//! Moves what is boosted faster, and lets players sprint.
//!
//! The plugin to read first: a component of its own, a config, two systems, the input of players, and a test of each.

use hd1_sdk::prelude::*;

/// Makes an entity move faster than its Velocity says.
#[derive(Component, Debug, PartialEq)]
#[component(delivery = "reliable", writable)]
#[repr(C)]
pub struct Boost {
    /// Factor on its speed; below 1 it is slower.
    #[field(min = 0, max = 100, step = 0.01, default = 2)]
    pub factor: f32,
}

/// What an operator sets.
#[derive(Config, Debug)]
#[repr(C)]
pub struct BoostConfig {
    /// No factor counts for more than this.
    #[field(min = 0, max = 100, step = 0.01, default = 10)]
    pub factor_max: f32,
    /// How much faster an avatar is while its player sprints.
    #[field(min = 0, max = 100, step = 0.1, default = 5, unit = "m/s")]
    pub sprint_speed: f32,
}

/// The button of players that means sprint.
const SPRINT: u32 = 2;

/// The server moves an entity by its Velocity; this adds what the factor has beyond 1. What physics or a player moves
/// is theirs.
#[system]
pub fn boost(
    step: &Step,
    config: &BoostConfig,
    mut boosted: Query<(&mut Transform, &Velocity, &Boost), (Without<RigidBody>, Without<Authority>)>,
) {
    boosted.for_each(|(place, velocity, boost)| {
        let more = smaller(boost.factor, config.factor_max) - 1.0;
        place.position = add(place.position, scale(velocity.linear, more * step.dt));
    });
}

/// Moves an avatar on, the way that its player walks, as long as the button is held.
#[system]
pub fn sprint(
    step: &Step,
    config: &BoostConfig,
    inputs: Messages<PlayerInput>,
    mut avatars: Query<(Entity, &mut Transform), (With<Avatar>, Ordered)>,
) {
    for input in inputs {
        if input.buttons & SPRINT == 0 {
            continue;
        }
        if let Some((_, place)) = avatars.get(input.avatar) {
            let facing = Quat::from_axis_angle([0.0, 1.0, 0.0], input.yaw);
            let way = facing.rotate([input.strafe, 0.0, -input.forward]);
            // Diagonals are no faster; a half-pushed stick stays half as fast.
            let reach = config.sprint_speed * step.dt / larger(length(way), 1.0);
            place.position = add(place.position, scale(way, reach));
        }
    }
}

plugin! {
    components: [Boost],
    config: BoostConfig,
    systems: [boost, sprint],
}

#[cfg(test)]
mod tests {
    use hd1_sdk::testing::Bench;

    use super::*;

    fn bench() -> Bench {
        Bench::new().hz(10).config(BoostConfig { factor_max: 4.0, ..BoostConfig::default() })
    }

    fn moving(speed: f32) -> (Transform, Velocity) {
        (Transform::default(), Velocity { linear: [speed, 0.0, 0.0], ..Velocity::default() })
    }

    #[test]
    fn what_is_boosted_goes_further() {
        let mut bench = bench();
        let (place, velocity) = moving(2.0);
        let twice = bench.spawn((place, velocity, Boost { factor: 2.0 }));
        let capped = bench.spawn((place, velocity, Boost { factor: 50.0 }));
        let plain = bench.spawn((place, velocity));
        let body = bench.spawn((place, velocity, Boost::default()));
        bench.mark::<RigidBody>(body);
        bench.run_ticks::<boost>(10).unwrap();
        let x = |entity| bench.of::<Transform>(entity).position[0];
        assert!((x(twice) - 2.0).abs() < 1.0e-5 && (x(capped) - 6.0).abs() < 1.0e-5, "{} {}", x(twice), x(capped));
        assert_eq!((x(plain), x(body)), (0.0, 0.0));
    }

    #[test]
    fn a_player_who_sprints_goes_where_they_look() {
        let mut bench = bench();
        let avatar = bench.spawn((Transform::default(), Avatar { player: Player(7), ..Avatar::default() }));
        let ahead = PlayerInput { player: Player(7), avatar, buttons: SPRINT, forward: 1.0, ..PlayerInput::default() };
        bench.tell(ahead);
        bench.tell(PlayerInput { player: Player(8), avatar: Entity::NONE, ..ahead });
        bench.run::<sprint>().unwrap();
        assert_eq!(bench.of::<Transform>(avatar).position, [0.0, 0.0, -0.5]);
        bench.next_tick();
        bench.tell(PlayerInput { yaw: std::f32::consts::FRAC_PI_2, ..ahead });
        bench.run::<sprint>().unwrap();
        let position = bench.of::<Transform>(avatar).position;
        assert!((position[0] + 0.5).abs() < 1.0e-6 && (position[2] + 0.5).abs() < 1.0e-6, "{position:?}");
        bench.next_tick();
        bench.tell(PlayerInput { buttons: 0, ..ahead });
        bench.run::<sprint>().unwrap();
        assert_eq!(bench.of::<Transform>(avatar).position, position);
    }
}
