//! The component catalogue as bevy components, and the phases of a tick.
