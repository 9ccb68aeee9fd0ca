//! The plugin that is measured: `position += velocity * dt`, as any author would write it.

use hd1_sdk::prelude::*;

/// Where something is.
#[derive(Component)]
#[component(delivery = "hidden")]
#[repr(C)]
pub struct Place {
    /// In metres.
    #[field(min = -100000, max = 100000, step = 0.001)]
    pub at: [f32; 3],
}

/// How fast it goes.
#[derive(Component)]
#[component(delivery = "hidden")]
#[repr(C)]
pub struct Speed {
    /// In metres a second.
    #[field(min = -1000, max = 1000, step = 0.001)]
    pub linear: [f32; 3],
}

/// The same ten times under ten names: worlds with many systems.
macro_rules! drifts {
    ($($name:ident)+) => { $(
        /// Moves what has a speed.
        #[system]
        pub fn $name(step: &Step, mut moving: Query<(&mut Place, &Speed)>) {
            moving.for_each(|(place, speed)| {
                for axis in 0..3 {
                    place.at[axis] += speed.linear[axis] * step.dt;
                }
            });
        }
    )+ };
}

drifts!(drift_0 drift_1 drift_2 drift_3 drift_4 drift_5 drift_6 drift_7 drift_8 drift_9);

plugin! {
    components: [Place, Speed],
    systems: [drift_0, drift_1, drift_2, drift_3, drift_4, drift_5, drift_6, drift_7, drift_8, drift_9],
}
