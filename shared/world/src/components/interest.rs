//! Who is shown what.

use crate::{choices, components};

choices! {
    /// For whom an [`Audience`] is.
    pub enum Watchers {
        /// Whoever is near.
        #[default]
        Everyone = "everyone",
        /// The player that the entity's Owner names.
        Owner = "owner",
        /// Players whose Channels have one of `channels`.
        Channels = "channels",
    }
}

components! {
    /// Who is shown an entity. Without one it is shown to everyone who is near, or as its parent is; what someone is not
    /// to know never reaches their client.
    pub struct Audience(16, Reliable, internal) {
        /// For whom.
        watchers: Watchers = Watchers::Everyone, choice(Watchers::NAMES);
        /// Bits of channels.
        channels: u32 = 0, whole(0, i32::MAX as u32);
        /// Is it shown however far away it is?
        everywhere: bool = false, flag;
    }

    /// The channels that a player hears, on its avatar: a team, a squad, those who may see through walls.
    pub struct Channels(17, Reliable, internal) {
        /// Bits of channels.
        bits: u32 = 0, whole(0, i32::MAX as u32);
    }
}
