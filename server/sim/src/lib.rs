//! One world: App, phases, one file per feature; tick(input) -> output.
