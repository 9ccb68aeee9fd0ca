//! What a plugin says to clients.

#![allow(unsafe_code)]

use std::fmt::{Display, Write};
use std::marker::PhantomData;

use crate::Player;
use crate::commands::Room;
use crate::log::Line;
use crate::plan::{ParamPlan, Place};
use crate::system::{Run, SystemParam};

/// A topic under which clients hear a plugin; see [`derive@crate::Topic`].
#[diagnostic::on_unimplemented(message = "`{Self}` is no topic", note = "a topic is a struct with #[derive(Topic)]")]
pub trait Topic {
    /// As clients know it.
    const NAME: &'static str;
}

/// Speaks under the topic `T`.
#[derive(Debug)]
pub struct Say<'r, T: Topic> {
    room: &'r Room,
    topic: u32,
    marker: PhantomData<fn() -> T>,
}

// SAFETY: messages lie in the room, which only hands out words that nobody has.
unsafe impl<'r, T: Topic> SystemParam<'r> for Say<'r, T> {
    const PLAN: ParamPlan = ParamPlan::Topic(T::NAME);

    unsafe fn get(run: &'r Run, place: Place) -> Self {
        Say { room: run.room(), topic: place.index, marker: PhantomData }
    }
}

impl<T: Topic> Say<'_, T> {
    /// To one player: JSON, as text or whatever displays as it, such as `format_args!`.
    ///
    /// What is displayed must not itself say or command anything.
    pub fn to(&mut self, player: Player, json: impl Display) {
        self.room.put_bytes([5, player.0, self.topic], |rest| {
            let mut line = Line::new(rest);
            write!(line, "{json}").ok().map(|()| line.len())
        });
    }

    /// To everyone.
    pub fn to_everyone(&mut self, json: impl Display) {
        self.to(Player::EVERYONE, json);
    }
}
