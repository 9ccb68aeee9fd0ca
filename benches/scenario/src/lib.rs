//! What every measured engine is fed with and asked for, so that figures may stand side by side.
//!
//! Seeded, pure data: the same scene and seed are the same bodies, motions, views, arrivals and losses in every
//! engine, whatever its language. [`scene`] is the list, [`run`] a scene that moves, [`frames`] the same as a file,
//! [`figures`] what an engine says of it. Nothing here knows an engine; separate workspaces use it by path.

pub mod command;
pub mod figures;
pub mod frames;
pub mod loss;
pub mod motion;
pub mod random;
pub mod run;
pub mod scene;
pub mod views;

pub use command::SEED;
pub use figures::{Figures, Sent, Tally, median};
pub use motion::Body;
pub use random::Random;
pub use run::Run;
pub use scene::Scene;
