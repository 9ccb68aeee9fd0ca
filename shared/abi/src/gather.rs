//! What a system may look up of other entities while it runs.
//!
//! A system that is handed a hundred rows may need the place of one entity among a hundred thousand. Its plan names the
//! components; it asks for them by `hd1_sim_1.gather`, and is given what they were when the run began. Whoever runs the
//! system lends a [`Gather`] for the run.

/// Components of other entities, as they were when a run began.
pub trait Gather {
    /// Words of a row of a component: its index in the system's list. `None` where there is no such.
    fn words(&self, component: usize) -> Option<usize>;

    /// Copies an entity's row of a component, as it lies in a column. `false` where it has none: `row` is as it was.
    ///
    /// # Panics
    /// There is no such component, or `row` has other bytes than its words.
    fn copy(&self, component: usize, entity: u32, row: &mut [u8]) -> bool;
}

/// For systems that look nothing up.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoGather;

impl Gather for NoGather {
    fn words(&self, _: usize) -> Option<usize> {
        None
    }

    fn copy(&self, component: usize, _: u32, _: &mut [u8]) -> bool {
        panic!("there is no component {component} to look up")
    }
}
