//! A sun that rises, sets and changes its colour.
//!
//! Where it stands follows from the tick alone, so nothing is kept and every copy of a world has the same hour.

use std::f32::consts::{FRAC_PI_2, TAU};

use hd1_sdk::math::{lerp, sin_cos};
use hd1_sdk::prelude::*;

/// Makes a light go round with the day. The light shines along its entity's -Z.
#[derive(Component, Debug, PartialEq)]
#[component(delivery = "reliable", writable)]
#[repr(C)]
pub struct Sun {
    /// How far behind the sun it is, in days: a moon is 0.5 behind.
    #[field(min = 0, max = 1, step = 0.001)]
    pub behind: f32,
    /// Its strength when it stands highest.
    #[field(min = 0, max = 1000, step = 0.01, default = 1)]
    pub strength: f32,
    /// Its colour when it stands high.
    #[field(default = "#fff8ee")]
    pub high: Color,
    /// Its colour at the horizon.
    #[field(default = "#ff7a2e")]
    pub low: Color,
}

/// What an operator sets.
#[derive(Config, Debug)]
#[repr(C)]
pub struct DayConfig {
    /// How long a day is.
    #[field(min = 1, max = 86400, step = 0.1, default = 600, unit = "s")]
    pub day_seconds: f32,
    /// The hour at which the world begins: 0.25 is sunrise, 0.5 is noon.
    #[field(min = 0, max = 1, step = 0.001, default = 0.3)]
    pub first_hour: f32,
    /// How far the sun's path leans from the zenith.
    #[field(min = 0, max = 1.5, step = 0.001, default = 0.4, unit = "rad")]
    pub lean: f32,
}

/// Moves every sun to where it stands in this tick.
#[system]
pub fn turn(step: &Step, config: &DayConfig, mut suns: Query<(&mut Transform, &mut Light, &Sun)>) {
    // Days in `f64`: after a year of ticks an `f32` would make the sun jump.
    let days = step.seconds() / f64::from(config.day_seconds) + f64::from(config.first_hour);
    let lean = Quat::from_axis_angle([1.0, 0.0, 0.0], config.lean);
    suns.for_each(|(place, light, sun)| {
        let hour = days - f64::from(sun.behind);
        let angle = (hour - hour.floor()) as f32 * TAU - FRAC_PI_2;
        let (height, east) = sin_cos(angle);
        let toward = lean.rotate([east, height, 0.0]);
        place.rotation = Quat::looking(scale(toward, -1.0));
        let up = toward[1].clamp(0.0, 1.0);
        // It is at its full strength a sixth of the way up, and its colour is that of noon a third of the way up.
        light.intensity = in_steps(sun.strength * smaller(up * 6.0, 1.0), 100.0);
        let noon = smaller(up * 3.0, 1.0);
        light.color = Color(std::array::from_fn(|part| in_steps(lerp(sun.low.0[part], sun.high.0[part], noon), 255.0)));
        light.kind = LightKind::Directional;
    });
}

/// Clients are told of lights reliably, one change after the other: what they could not tell apart is no change.
fn in_steps(value: f32, per_one: f32) -> f32 {
    (value * per_one).round_ties_even() / per_one
}

plugin! {
    components: [Sun],
    config: DayConfig,
    systems: [turn],
}

#[cfg(test)]
mod tests {
    use hd1_sdk::testing::Bench;

    use super::*;

    /// A day of 100 ticks that begins at midnight, and the sun's entity.
    fn day() -> (Bench, Entity) {
        let config = DayConfig { day_seconds: 10.0, first_hour: 0.0, lean: 0.3 };
        let mut bench = Bench::new().hz(10).config(config);
        let sun = bench.spawn((Transform::default(), Light::default(), Sun::default()));
        (bench, sun)
    }

    /// Where its light goes, and how strong it is, `ticks` after midnight.
    fn shine(ticks: u64) -> ([f32; 3], Light) {
        let (mut bench, sun) = day();
        bench.run_ticks::<turn>(ticks).unwrap();
        (bench.of::<Transform>(sun).rotation.rotate([0.0, 0.0, -1.0]), bench.of(sun))
    }

    #[test]
    fn at_noon_it_shines_down_in_full() {
        let (way, light) = shine(50);
        assert!(way[1] < -0.95 && way[0].abs() < 1.0e-3, "{way:?}");
        assert_eq!((light.intensity, light.color, light.kind), (1.0, Sun::default().high, LightKind::Directional));
    }

    #[test]
    fn at_night_it_is_dark() {
        let (way, light) = shine(100);
        assert!(way[1] > 0.95, "{way:?}");
        assert_eq!((light.intensity, light.color), (0.0, Sun::default().low));
    }

    #[test]
    fn in_the_morning_it_is_red_and_comes_from_one_side_and_in_the_evening_from_the_other() {
        let ((morning, light), (evening, _)) = (shine(26), shine(74));
        assert!(morning[0] < -0.9 && evening[0] > 0.9, "{morning:?} {evening:?}");
        assert!(light.color.0[2] < 0.5 && light.intensity > 0.0 && light.intensity < 1.0, "{light:?}");
    }

    #[test]
    fn from_tick_to_tick_the_light_mostly_stays() {
        let config = DayConfig { first_hour: 0.26, ..DayConfig::default() };
        let mut bench = Bench::new().config(config);
        let sun = bench.spawn((Transform::default(), Light::default(), Sun::default()));
        let mut changes = 0;
        for _ in 0..600 {
            let before = bench.of::<Light>(sun);
            bench.run_ticks::<turn>(1).unwrap();
            changes += u32::from(bench.of::<Light>(sun) != before);
        }
        // At sunrise, when it changes fastest; without steps it would be all 600.
        assert!(changes > 5 && changes < 300, "{changes}");
    }

    #[test]
    fn a_moon_is_half_a_day_behind() {
        let (mut bench, _) = day();
        let moon = bench.spawn((Transform::default(), Light::default(), Sun { behind: 0.5, ..Sun::default() }));
        bench.run_ticks::<turn>(100).unwrap();
        assert_eq!(bench.of::<Light>(moon).intensity, 1.0);
    }
}
