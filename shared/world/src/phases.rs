//! The phases of a tick: the only order that features share.
//!
//! Each phase is a schedule of its own. Inside one, a feature orders its systems among themselves and relies on no
//! other feature's.

use bevy_ecs::schedule::ScheduleLabel;

/// What came from outside is applied: joins, leaves, inputs, operations.
#[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ingress;

/// The world moves by one fixed step.
#[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Simulate;

/// Systems that came with plugins.
#[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Plugins;

/// Consequences: what has ended goes, what was torn is mended.
#[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resolve;

/// The tick's results are read; nothing is changed any more.
#[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replicate;
