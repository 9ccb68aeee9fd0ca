//! Where the clients of a scene look from: each follows a body of its own.

use crate::Run;

/// One client's view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// The body it follows.
    pub entity_idx: usize,
    /// From where, metres.
    pub position: [f32; 3],
    /// How far across the ground, metres; infinite where it sees everything.
    pub radius_m: f32,
}

impl View {
    /// Of client `client_idx`, now.
    #[must_use]
    pub fn of(run: &Run, client_idx: usize) -> View {
        let scene = run.scene();
        // Spread over all of them, so that no two clients share one while there are enough.
        let vantages = run.vantages();
        let entity_idx = vantages[client_idx * vantages.len() / scene.client_count.max(1) % vantages.len()] as usize;
        let radius_m = scene.view_m.unwrap_or(f32::INFINITY);
        View { entity_idx, position: run.bodies()[entity_idx].position, radius_m }
    }

    /// Is a place within it?
    #[must_use]
    pub fn sees(&self, position: [f32; 3]) -> bool {
        let (x, z) = (position[0] - self.position[0], position[2] - self.position[2]);
        x * x + z * z <= self.radius_m * self.radius_m
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scene;

    #[test]
    fn about_a_hundred_are_visible_whatever_the_world_holds() {
        for name in ["aoi", "aoi_around", "aoi_large"] {
            let run = Run::new(Scene::named(name).expect("a scene"), 1);
            let seen = |client| {
                let view = View::of(&run, client);
                run.bodies().iter().filter(|body| view.sees(body.position)).count()
            };
            let mean = (0..1_000).map(seen).sum::<usize>() as f64 / 1_000.0;
            assert!((85.0..110.0).contains(&mean), "{name}: {mean}");
        }
    }
}
