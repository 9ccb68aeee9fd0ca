//! What a system is told of this tick.

#![allow(unsafe_code)]

use std::ops::Deref;

use crate::plan::{ParamPlan, Place};
use crate::system::{Run, SystemParam};
use crate::{Entity, Player};

/// Two entities touch from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ContactStarted {
    /// The one with the lesser number.
    pub first: Entity,
    /// The other.
    pub second: Entity,
}

/// Two entities touch no longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ContactStopped {
    /// The one with the lesser number.
    pub first: Entity,
    /// The other.
    pub second: Entity,
}

/// What a player wants in this tick; one for each who is here.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct PlayerInput {
    /// Who.
    pub player: Player,
    /// Its body, or none.
    pub avatar: Entity,
    /// Bits of buttons.
    pub buttons: u32,
    /// To the right, -1 to 1.
    pub strafe: f32,
    /// Ahead, -1 to 1.
    pub forward: f32,
    /// View direction about +Y; 0 looks along -Z.
    pub yaw: f32,
    /// View direction up (+) or down (-).
    pub pitch: f32,
}

/// What can be told.
///
/// # Safety
/// It is `repr(C)` and made of the words that the interface says.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no message",
    note = "messages are ContactStarted, ContactStopped and PlayerInput"
)]
pub unsafe trait Message: Copy + 'static {
    /// Its name in the plan.
    const NAME: &'static str;
    /// Words of one.
    const WORDS: usize = size_of::<Self>() / 4;
}

macro_rules! messages {
    ($($name:ident: $words:literal,)*) => { $(
        // SAFETY: words in the order of the interface.
        unsafe impl Message for $name {
            const NAME: &'static str = stringify!($name);
        }
        const _: () = assert!(size_of::<$name>() == $words * 4);
    )* };
}

messages! { ContactStarted: 2, ContactStopped: 2, PlayerInput: 7, }

/// This tick's messages of a sort: a slice of them.
#[derive(Clone, Copy, Debug)]
pub struct Messages<'r, M> {
    messages: &'r [M],
}

// SAFETY: the messages that its place in the table names, which nobody writes.
unsafe impl<'r, M: Message> SystemParam<'r> for Messages<'r, M> {
    const PLAN: ParamPlan = ParamPlan::Messages(M::NAME);

    unsafe fn get(run: &'r Run, place: Place) -> Self {
        // SAFETY: the host lays the table as the plan says it, and this is the place of these messages in it.
        let messages = unsafe {
            let entry = run.table().add(place.table);
            let first = run.base().add(entry.add(1).read() as usize);
            std::slice::from_raw_parts(first.cast(), entry.read() as usize)
        };
        Messages { messages }
    }
}

impl<M> Deref for Messages<'_, M> {
    type Target = [M];

    fn deref(&self) -> &[M] {
        self.messages
    }
}

impl<'r, M> IntoIterator for Messages<'r, M> {
    type Item = &'r M;
    type IntoIter = std::slice::Iter<'r, M>;

    fn into_iter(self) -> Self::IntoIter {
        self.messages.iter()
    }
}
