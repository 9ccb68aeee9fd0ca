//! The scenes, each with the question it puts.

use crate::motion::Motion;

/// Which bodies change in a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changing {
    /// None ever.
    Nothing,
    /// All in every tick.
    All,
    /// So many in a thousand, others each tick, until every body has had its turn.
    Permille(u32),
}

/// A scene: what there is, who looks on, what happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Its name on every command line.
    pub name: &'static str,
    /// Bodies.
    pub entity_count: usize,
    /// Clients that are there from the start.
    pub client_count: usize,
    /// Ticks a second.
    pub hz: u32,
    /// Bodies stay within ± this, metres an axis.
    pub half_m: [f32; 3],
    /// How they move.
    pub motion: Motion,
    /// Which do.
    pub changing: Changing,
    /// Positions are shown at least this exact, metres.
    pub position_step_m: f32,
    /// Clients that come one after another and go again.
    pub join_count: usize,
    /// How far a client sees, metres across the ground; none: everything.
    pub view_m: Option<f32>,
    /// Clients look from bodies that begin within ± this of the middle, metres an axis of the ground; none: from anywhere.
    pub gathered_m: Option<f32>,
}

/// A square kilometre of ground.
const GROUND: Scene = Scene {
    name: "",
    entity_count: 1_000,
    client_count: 1,
    hz: 30,
    half_m: [500.0, 10.0, 500.0],
    motion: Motion::Wander,
    changing: Changing::All,
    position_step_m: 0.001,
    join_count: 0,
    view_m: None,
    gathered_m: None,
};

/// Ten square kilometres, of which a client sees what it sees of one.
const LARGE: Scene = Scene {
    entity_count: 100_000,
    client_count: 1_000,
    half_m: [1_581.1, 10.0, 1_581.1],
    view_m: Some(56.4),
    ..GROUND
};

/// All of them.
pub const SCENES: &[Scene] = &[
    // What does one update cost, where nothing can be shared?
    Scene { name: "s1", ..GROUND },
    // What does showing everything to many cost?
    Scene { name: "s2", client_count: 100, ..GROUND },
    // And where almost nothing changes?
    Scene { name: "s3", entity_count: 10_000, client_count: 100, changing: Changing::Permille(10), ..GROUND },
    // What does one who comes late cost those who are there?
    Scene {
        name: "s4",
        entity_count: 10_000,
        client_count: 100,
        changing: Changing::Permille(10),
        join_count: 12,
        ..GROUND
    },
    // How few bytes does a body need whose motion could be foreseen?
    Scene {
        name: "asteroids",
        entity_count: 250,
        half_m: [100.0; 3],
        motion: Motion::Tumble,
        position_step_m: 0.01,
        ..GROUND
    },
    // What does a client cost that sees about 100 of many?
    Scene { name: "aoi", entity_count: 10_000, client_count: 1_000, view_m: Some(56.4), ..GROUND },
    // The same, with ten times the world around them: what nobody sees should cost next to nothing.
    Scene { name: "aoi_around", gathered_m: Some(500.0), ..LARGE },
    // The same, spread over ten times the world: what the clients see together is six times as much.
    Scene { name: "aoi_large", ..LARGE },
    // All see all.
    Scene { name: "crowd", client_count: 1_000, ..GROUND },
    // What does a client cost to whom nothing happens?
    Scene { name: "idle", entity_count: 100_000, client_count: 1_000, changing: Changing::Nothing, ..GROUND },
    // What does losing packets cost?
    Scene { name: "loss", entity_count: 10_000, changing: Changing::Permille(10), ..GROUND },
];

impl Scene {
    /// The scene of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Scene> {
        SCENES.iter().find(|scene| scene.name == name)
    }

    /// Seconds per tick.
    #[must_use]
    pub fn dt_s(&self) -> f32 {
        1.0 / self.hz as f32
    }

    /// Bodies that change in a tick.
    #[must_use]
    pub fn changing_count(&self) -> usize {
        match self.changing {
            Changing::Nothing => 0,
            Changing::All => self.entity_count,
            Changing::Permille(permille) => (self.entity_count * permille as usize / 1000).max(1),
        }
    }

    /// Ticks to run before measuring, and ticks to measure. Small scenes run longer, so that each run lasts alike.
    #[must_use]
    pub fn ticks(&self, quick: bool) -> (usize, usize) {
        let pairs = self.entity_count * self.client_count;
        let measured = match pairs {
            0..=9_999 => 600,
            10_000..=99_999 => 200,
            _ => 60,
        };
        (10, if quick { measured / 3 } else { measured })
    }
}
