//! Boxes that push and slow down what moves in them: wind, currents, honey.
//!
//! Two queries in one system. They share Transform, which neither writes, so nothing need tell their entities apart.

use hd1_sdk::prelude::*;

/// A box about its entity, turned and scaled with it.
#[derive(Component, Debug, PartialEq)]
#[component(delivery = "reliable", writable)]
#[repr(C)]
pub struct Zone {
    /// From its middle to its sides.
    #[field(above = 0, max = 10000, step = 0.01, default = [1, 1, 1], unit = "m")]
    pub half_extents: [f32; 3],
    /// How it pushes, in the axes of the world.
    #[field(min = -1000, max = 1000, step = 0.01, unit = "m/s2")]
    pub force: [f32; 3],
    /// How it slows down.
    #[field(min = 0, max = 100, step = 0.01, unit = "1/s")]
    pub damping: f32,
}

/// The server's bounds of a Velocity: a row beyond them would not be taken at all.
const SPEED_MAX: f32 = 1000.0;

/// Pushes and slows down whatever is in a zone. Where zones overlap, all of them do, in the order of their numbers.
#[system]
pub fn push(
    step: &Step,
    mut zones: Query<(&Transform, &Zone), Ordered>,
    mut movers: Query<(&mut Velocity, &Transform), Without<Zone>>,
) {
    let dt = step.dt;
    zones.iter().for_each(|(middle, zone)| {
        let back = middle.rotation.normalize().inverse();
        let half: [f32; 3] = std::array::from_fn(|axis| zone.half_extents[axis] * middle.scale[axis]);
        let gain = scale(zone.force, dt);
        // Never past a standstill, however strong it is and however long the step.
        let keep = 1.0 / (1.0 + zone.damping * dt);
        movers.for_each(|(velocity, place)| {
            let at = back.rotate(sub(place.position, middle.position));
            if at[0].abs() <= half[0] && at[1].abs() <= half[1] && at[2].abs() <= half[2] {
                let faster = scale(add(velocity.linear, gain), keep);
                velocity.linear = faster.map(|speed| speed.clamp(-SPEED_MAX, SPEED_MAX));
                velocity.angular = scale(velocity.angular, keep);
            }
        });
    });
}

plugin! {
    components: [Zone],
    systems: [push],
}

#[cfg(test)]
mod tests {
    use hd1_sdk::testing::Bench;

    use super::*;

    fn at(position: [f32; 3]) -> Transform {
        Transform { position, ..Transform::default() }
    }

    fn wind() -> Zone {
        Zone { half_extents: [2.0, 1.0, 1.0], force: [0.0, 10.0, 0.0], ..Zone::default() }
    }

    #[test]
    fn what_is_inside_is_pushed() {
        let mut bench = Bench::new().hz(10);
        bench.spawn((at([10.0, 0.0, 0.0]), wind()));
        let inside = bench.spawn((at([11.9, 0.0, 0.0]), Velocity::default()));
        let outside = bench.spawn((at([10.0, 0.0, 1.1]), Velocity::default()));
        bench.run::<push>().unwrap();
        assert_eq!(bench.of::<Velocity>(inside).linear, [0.0, 1.0, 0.0]);
        assert_eq!(bench.of::<Velocity>(outside).linear, [0.0; 3]);
    }

    #[test]
    fn a_zone_turns_and_grows_with_its_entity() {
        let mut bench = Bench::new().hz(10);
        let rotation = Quat::from_axis_angle([0.0, 1.0, 0.0], std::f32::consts::FRAC_PI_2);
        bench.spawn((Transform { rotation, scale: [2.0, 1.0, 1.0], ..Transform::default() }, wind()));
        let ahead = bench.spawn((at([0.0, 0.0, 3.9]), Velocity::default()));
        let aside = bench.spawn((at([1.5, 0.0, 0.0]), Velocity::default()));
        bench.run::<push>().unwrap();
        assert_eq!(bench.of::<Velocity>(ahead).linear[1], 1.0);
        assert_eq!(bench.of::<Velocity>(aside).linear[1], 0.0);
    }

    #[test]
    fn damping_never_turns_anything_round() {
        let mut bench = Bench::new().hz(1);
        let honey = Zone { damping: 100.0, half_extents: [9.0; 3], ..Zone::default() };
        bench.spawn((at([0.0; 3]), honey));
        let fast = Velocity { linear: [900.0, 0.0, 0.0], angular: [0.0, 5.0, 0.0] };
        let stone = bench.spawn((at([0.0; 3]), fast));
        bench.run::<push>().unwrap();
        let slow = bench.of::<Velocity>(stone);
        assert!((0.0..10.0).contains(&slow.linear[0]) && (0.0..0.1).contains(&slow.angular[1]), "{slow:?}");
    }

    #[test]
    fn no_wind_makes_a_velocity_that_is_refused() {
        let mut bench = Bench::new().hz(1);
        bench.spawn((at([0.0; 3]), Zone { force: [1000.0, 0.0, 0.0], ..wind() }));
        let leaf = bench.spawn((at([0.0; 3]), Velocity::default()));
        for _ in 0..3 {
            assert_eq!(bench.run::<push>().unwrap().refused, 0);
        }
        assert_eq!(bench.of::<Velocity>(leaf).linear[0], 1000.0);
    }
}
