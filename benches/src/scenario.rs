//! Seeded, pure data: bodies that move, to feed any engine with the same work.

/// One body: metres and a unit quaternion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Body {
    /// Where.
    pub position: [f32; 3],
    /// Metres a second.
    pub velocity: [f32; 3],
    /// x, y, z, w.
    pub rotation: [f32; 4],
}

/// Bodies on a plane under random acceleration: their next step cannot be learnt.
#[derive(Clone, Debug)]
pub struct Scenario {
    random: u64,
    /// Seconds per tick.
    pub dt_s: f32,
    /// Share of the bodies that move in a tick, in thousandths.
    pub moving_permille: u32,
    /// All of them.
    pub bodies: Vec<Body>,
}

impl Scenario {
    /// `count` bodies in a square of 100 m, at 30 Hz.
    #[must_use]
    pub fn new(seed: u64, count: usize, moving_permille: u32) -> Self {
        let mut scenario = Scenario { random: seed | 1, dt_s: 1.0 / 30.0, moving_permille, bodies: Vec::new() };
        for _ in 0..count {
            let position = [scenario.unit() * 50.0, scenario.unit() * 2.0, scenario.unit() * 50.0];
            let velocity = [scenario.unit() * 4.0, 0.0, scenario.unit() * 4.0];
            scenario.bodies.push(Body { position, velocity, rotation: [0.0, 0.0, 0.0, 1.0] });
        }
        scenario
    }

    /// −1 to 1.
    fn unit(&mut self) -> f32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// One tick; the indices of the bodies that moved, ascending.
    pub fn step(&mut self) -> Vec<usize> {
        let stride = (1000 / self.moving_permille.max(1)) as usize;
        let moved: Vec<usize> = (0..self.bodies.len()).step_by(stride.max(1)).collect();
        let dt_s = self.dt_s;
        for &i in &moved {
            let push = [self.unit() * 8.0, self.unit() * 0.6, self.unit() * 8.0];
            let turn = self.unit() * 0.05;
            let body = &mut self.bodies[i];
            for ((velocity, position), push) in body.velocity.iter_mut().zip(&mut body.position).zip(push) {
                *velocity += (push - *velocity * 0.5) * dt_s;
                *position += *velocity * dt_s;
            }
            let [x, y, z, w] = body.rotation;
            let spun = [x + turn * z, y + turn * w, z - turn * x, w - turn * y];
            let norm = spun.iter().map(|v| v * v).sum::<f32>().sqrt();
            body.rotation = spun.map(|v| v / norm);
        }
        moved
    }
}
