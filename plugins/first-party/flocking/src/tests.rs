//! A flock flies together, apart, and within its box.

use hd1_sdk::testing::Bench;

use super::*;

/// So many boids anywhere in the box, flying anywhere.
fn flock_of(count: usize, config: FlockConfig) -> (Bench, Vec<Entity>) {
    let mut bench = Bench::new().hz(20).config(config);
    let mut rng = Rng::new(7);
    let boids = (0..count).map(|_| {
        let place: [f32; 3] = std::array::from_fn(|axis| {
            let half = config.half_extents[axis];
            config.center[axis] + rng.between(-half, half)
        });
        let way = Velocity { linear: rng.vec3(-8.0, 8.0), ..Velocity::default() };
        bench.spawn((Transform { position: place, ..Transform::default() }, way, Boid))
    });
    let boids = boids.collect();
    (bench, boids)
}

/// How much they fly the same way: 1 is all, 0 is none.
fn order(bench: &Bench, boids: &[Entity]) -> f32 {
    let ways = boids.iter().map(|boid| normalize(bench.of::<Velocity>(*boid).linear));
    length(ways.fold([0.0; 3], add)) / boids.len() as f32
}

fn small() -> FlockConfig {
    FlockConfig { half_extents: [20.0; 3], ..FlockConfig::default() }
}

#[test]
fn they_come_to_fly_the_same_way() {
    let (mut bench, boids) = flock_of(300, small());
    let before = order(&bench, &boids);
    bench.run_ticks::<flock>(60).unwrap();
    let after = order(&bench, &boids);
    assert!(before < 0.2 && after > before * 2.0, "{before} {after}");
}

#[test]
fn they_stay_in_their_box_and_within_their_speeds() {
    let config = FlockConfig { half_extents: [6.0, 3.0, 9.0], ..FlockConfig::default() };
    let (mut bench, boids) = flock_of(200, config);
    for _ in 0..100 {
        assert_eq!(bench.run::<flock>().unwrap().refused, 0);
        bench.next_tick();
    }
    for boid in boids {
        let off = sub(bench.of::<Transform>(boid).position, config.center);
        assert!((0..3).all(|axis| off[axis].abs() <= config.half_extents[axis] + 1.0e-4), "{off:?}");
        let speed = length(bench.of::<Velocity>(boid).linear);
        assert!(speed > config.speed_min - 1.0e-3 && speed < config.speed_max + 1.0e-3, "{speed}");
    }
}

#[test]
fn two_that_are_too_near_part() {
    let (mut bench, _) = flock_of(0, FlockConfig { alignment: 0.0, cohesion: 0.0, ..small() });
    let ahead = Velocity { linear: [0.0, 0.0, -5.0], ..Velocity::default() };
    let [a, b] =
        [-0.1, 0.1].map(|x| bench.spawn((Transform { position: [x, 50.0, 1.0], ..Transform::default() }, ahead, Boid)));
    bench.run_ticks::<flock>(10).unwrap();
    let [a, b] = [a, b].map(|boid| bench.of::<Transform>(boid).position);
    assert!(b[0] - a[0] > 0.5, "{a:?} {b:?}");
}

#[test]
fn they_look_where_they_fly() {
    let (mut bench, boids) = flock_of(50, small());
    bench.run_ticks::<flock>(5).unwrap();
    for boid in boids {
        let looks = bench.of::<Transform>(boid).rotation.rotate([0.0, 0.0, -1.0]);
        let flies = normalize(bench.of::<Velocity>(boid).linear);
        assert!(distance_squared(looks, flies) < 1.0e-5, "{looks:?} {flies:?}");
    }
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let run = |reversed: bool| {
        let (bench, boids) = flock_of(100, small());
        let mut bench = if reversed { bench.reversed() } else { bench };
        bench.run_ticks::<flock>(20).unwrap();
        boids.into_iter().map(|boid| bench.of::<Transform>(boid).position.map(f32::to_bits)).collect::<Vec<_>>()
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn what_is_no_boid_stays() {
    let (mut bench, _) = flock_of(10, small());
    let stone = bench.spawn((Transform::default(), Velocity::default()));
    bench.run_ticks::<flock>(3).unwrap();
    assert_eq!(bench.of::<Transform>(stone), Transform::default());
}

#[test]
fn without_elbow_room_they_fly_all_the_same() {
    let (mut bench, boids) = flock_of(50, FlockConfig { elbow_room: 0.0, ..small() });
    bench.run_ticks::<flock>(20).unwrap();
    for boid in boids {
        let Velocity { linear, .. } = bench.of::<Velocity>(boid);
        assert!(linear.iter().all(|axis| axis.is_finite()) && length(linear) > 1.0, "{linear:?}");
    }
}
