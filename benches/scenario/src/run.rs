//! A scene that moves.

use crate::{Body, Random, Scene, scene::Changing};

/// One run of a scene: its bodies now.
#[derive(Clone, Debug)]
pub struct Run {
    scene: Scene,
    random: Random,
    bodies: Vec<Body>,
    /// All bodies in a random order, walked through by [`Changing::Permille`].
    order: Vec<u32>,
    next_in_order: usize,
    changed: Vec<u32>,
    /// The bodies that clients may look from.
    vantages: Vec<u32>,
}

impl Run {
    /// At its spawns.
    #[must_use]
    pub fn new(scene: &Scene, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let bodies: Vec<Body> =
            (0..scene.entity_count).map(|_| scene.motion.spawn(scene.half_m, &mut random)).collect();
        let reach_m = scene.gathered_m.unwrap_or(f32::INFINITY);
        let is_vantage = |body: &Body| body.position[0].abs() <= reach_m && body.position[2].abs() <= reach_m;
        let vantages = (0u32..).zip(&bodies).filter(|(_, body)| is_vantage(body)).map(|(i, _)| i).collect();
        let mut order: Vec<u32> = (0..scene.entity_count as u32).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, random.below(i + 1));
        }
        Run { scene: scene.clone(), random, bodies, order, next_in_order: 0, changed: Vec::new(), vantages }
    }

    /// What it is a run of.
    #[must_use]
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// All bodies as they are now.
    #[must_use]
    pub fn bodies(&self) -> &[Body] {
        &self.bodies
    }

    /// The bodies that clients look from, by ascending index.
    #[must_use]
    pub fn vantages(&self) -> &[u32] {
        &self.vantages
    }

    /// The bodies that the last step changed, by ascending index.
    pub fn changed(&self) -> impl ExactSizeIterator<Item = (usize, &Body)> {
        self.changed.iter().map(|&i| (i as usize, &self.bodies[i as usize]))
    }

    /// One tick.
    pub fn step(&mut self) {
        self.changed.clear();
        match self.scene.changing {
            Changing::Nothing => {}
            Changing::All => self.changed.extend(0..self.bodies.len() as u32),
            Changing::Permille(_) => {
                for _ in 0..self.scene.changing_count() {
                    self.changed.push(self.order[self.next_in_order]);
                    self.next_in_order = (self.next_in_order + 1) % self.order.len();
                }
                self.changed.sort_unstable();
            }
        }
        for &i in &self.changed {
            let body = &mut self.bodies[i as usize];
            self.scene.motion.step(body, self.scene.half_m, self.scene.dt_s(), &mut self.random);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::SCENES;

    #[test]
    fn the_same_seed_is_the_same_run() {
        let scene = Scene::named("asteroids").expect("a scene");
        let (mut one, mut other, mut third) = (Run::new(scene, 1), Run::new(scene, 1), Run::new(scene, 2));
        for _ in 0..50 {
            one.step();
            other.step();
            third.step();
        }
        assert_eq!(one.bodies(), other.bodies());
        assert_ne!(one.bodies(), third.bodies());
    }

    #[test]
    fn bodies_stay_inside_and_keep_unit_rotations() {
        for scene in SCENES.iter().filter(|scene| scene.entity_count <= 10_000) {
            let mut run = Run::new(scene, 3);
            for _ in 0..100 {
                run.step();
            }
            for body in run.bodies() {
                assert!(body.position.iter().zip(scene.half_m).all(|(p, half)| p.abs() <= half), "{body:?}");
                let norm: f32 = body.rotation.iter().map(|v| v * v).sum();
                assert!((norm - 1.0).abs() < 1e-4, "{body:?}");
            }
        }
    }

    #[test]
    fn so_many_change_and_each_in_its_turn() {
        let scene = Scene::named("s3").expect("a scene");
        let mut run = Run::new(scene, 1);
        let mut seen = vec![0; scene.entity_count];
        for _ in 0..100 {
            run.step();
            assert_eq!(run.changed().len(), 100);
            run.changed().for_each(|(i, _)| seen[i] += 1);
        }
        assert!(seen.iter().all(|&times| times == 1));
    }
}
