//! Hooks: functions that are asked before something happens, or told that it has.
//!
//! A [`macro@crate::filter`] is asked, and answers with a [`Verdict`]; a [`macro@crate::action`] is told, and may leave
//! commands. Which of them a function is, and where it is called, follows from what it takes first. Beside it a filter
//! takes `&Step` and a `&` to its plugin's config, an action [`Commands`](crate::Commands) and [`Say`](crate::Say) as
//! well. What a world has in its entities no hook is handed: a system is for that.
//!
//! ```
//! use hd1_sdk::prelude::*;
//! use hd1_sdk::testing::{Answered, Bench};
//!
//! /// Nobody shouts.
//! #[filter]
//! fn hush(chat: &mut Chat) -> Verdict {
//!     if chat.text() == "HEY" {
//!         return Verdict::Refuse("please do not shout");
//!     }
//!     chat.change(|line, new| line.split('!').for_each(|part| new.push_str(part)));
//!     Verdict::Pass
//! }
//!
//! let mut bench = Bench::new();
//! let line = |text| (Player(1), "Ada", text);
//! assert_eq!(bench.filter::<hush>(line("hi!!")), Ok(Answered::Changed("hi".into())));
//! assert_eq!(bench.filter::<hush>(line("HEY")), Ok(Answered::Refused("please do not shout".into())));
//! ```

#![allow(unsafe_code)]

use std::fmt::{self, Display, Write};

use crate::log;
use crate::plan::HookPlan;
use crate::system::{Ended, Run};
use crate::{Entity, Player};

/// A hook, made by [`macro@crate::filter`] or [`macro@crate::action`].
pub trait Hook {
    /// What it asks for.
    const PLAN: HookPlan;
    /// What it is asked or told.
    type Told: Told;
    /// Calls it.
    fn call(run: &Run, told: &mut Self::Told) -> Ended;
}

/// What a filter says to what is about to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may happen, as it is or as it was changed.
    Pass,
    /// It does not happen, and who asked for it is told why.
    Refuse(&'static str),
}

/// What a filter may return: a verdict, or a `Result` whose error is logged and leaves all as it was.
#[diagnostic::on_unimplemented(
    message = "a filter cannot return `{Self}`",
    note = "it returns Verdict, or Result<Verdict, E> where E can be displayed"
)]
pub trait FilterOutcome {
    /// Writes it down.
    #[doc(hidden)]
    fn ended(self, handed: &mut Handed) -> Ended;
}

impl FilterOutcome for Verdict {
    fn ended(self, handed: &mut Handed) -> Ended {
        match self {
            Verdict::Pass => Ended::WELL,
            Verdict::Refuse(reason) => {
                handed.write(|room| room.push_str(cut(reason, REASON_BYTES_MAX)));
                Ended::REFUSED
            }
        }
    }
}

impl<E: Display> FilterOutcome for Result<Verdict, E> {
    fn ended(self, handed: &mut Handed) -> Ended {
        match self {
            Ok(verdict) => verdict.ended(handed),
            Err(error) => {
                log::write(log::Level::Error, format_args!("{error}"));
                Ended::NO_ANSWER
            }
        }
    }
}

const REASON_BYTES_MAX: usize = 256;
const COMMAND_BYTES_MAX: usize = 4 * 1024;

fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// Calls a hook; 0 is success, and what else a filter may say.
///
/// # Safety
/// What this very hook is handed lies at `base`, as the interface says, and is this call's alone.
pub unsafe fn call<H: Hook>(base: *mut u8) -> i32 {
    // SAFETY: the caller's.
    let run = unsafe { Run::new(base) };
    let mut told = H::Told::of(Handed { fields: run.table(), base, room: run.text_room(), used: None, is_full: false });
    let ended = H::call(&run, &mut told);
    if H::Told::IS_FILTER { told.handed().end(ended, &run) } else { run.end(ended) }
}

/// What a hook is asked or told.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that hooks are asked or told",
    note = "a filter takes &mut Chat, &mut Message or &mut SpawnAsked first",
    note = "an action takes &Joined, &Left, &ChatSaid, &Spawned or &Despawned first"
)]
pub trait Told: Sized {
    /// The point's name in the plan.
    const POINT: &'static str;
    /// Is it asked?
    const IS_FILTER: bool;
    /// The index of the field that may be changed.
    const CHANGES: Option<usize>;
    /// Bytes of the room for what comes back.
    const ROOM_BYTES: usize;
    /// The names of its fields, and whether each is text.
    const FIELDS: &'static [(&'static str, bool)];
    /// What a test gives it: its fields in order.
    type Given<'a>;
    #[doc(hidden)]
    fn of(handed: Handed) -> Self;
    #[doc(hidden)]
    fn handed(&mut self) -> &mut Handed;
    #[doc(hidden)]
    fn parts(given: Self::Given<'_>) -> Vec<Part<'_>>;
}

/// A field as a test gives it.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    Word(u32),
    Text(&'a str),
}

/// What lies in memory while a hook is called.
#[doc(hidden)]
#[derive(Debug)]
pub struct Handed {
    base: *mut u8,
    fields: *const u32,
    room: (*mut u8, usize),
    /// Bytes of the room that hold what a text is to become.
    used: Option<usize>,
    is_full: bool,
}

impl Handed {
    fn word(&self, at: usize) -> u32 {
        // SAFETY: `told!` gives the places of the fields that the interface says.
        unsafe { self.fields.add(at).read() }
    }

    fn text(&self, at: usize) -> &str {
        // SAFETY: the host has laid UTF-8 there, and nobody writes it.
        unsafe {
            let bytes = std::slice::from_raw_parts(self.base.add(self.word(at) as usize), self.word(at + 1) as usize);
            std::str::from_utf8_unchecked(bytes)
        }
    }

    fn change(&mut self, at: usize, write: impl FnOnce(&str, &mut NewText<'_>)) {
        // SAFETY: what is handed over lies apart from the room, and nobody writes it.
        let text = unsafe { &*std::ptr::from_ref(self.text(at)) };
        self.write(|new| write(text, new));
    }

    fn write(&mut self, write: impl FnOnce(&mut NewText<'_>)) {
        // SAFETY: the room is the hook's, and the borrow of `self` is the only one.
        let room = unsafe { std::slice::from_raw_parts_mut(self.room.0, self.room.1) };
        let mut text = NewText { room, len: 0, is_full: false };
        write(&mut text);
        (self.used, self.is_full) = (Some(text.len), text.is_full);
    }

    fn end(&mut self, ended: Ended, run: &Run) -> i32 {
        if self.is_full {
            log::write(log::Level::Error, format_args!("what it made is longer than there is room for"));
            return Ended::NO_ANSWER.code();
        }
        run.use_bytes(self.used.unwrap_or_default());
        match self.used {
            Some(_) if ended == Ended::WELL => Ended::CHANGED.code(),
            _ => ended.code(),
        }
    }
}

/// A text that a filter writes. What is longer than there may be makes the call count for nothing.
#[derive(Debug)]
pub struct NewText<'a> {
    room: &'a mut [u8],
    len: usize,
    is_full: bool,
}

impl NewText<'_> {
    /// More of it.
    pub fn push_str(&mut self, text: &str) {
        match self.room.get_mut(self.len..self.len + text.len()) {
            Some(room) => {
                room.copy_from_slice(text.as_bytes());
                self.len += text.len();
            }
            None => self.is_full = true,
        }
    }

    /// One letter more.
    pub fn push(&mut self, letter: char) {
        self.push_str(letter.encode_utf8(&mut [0; 4]));
    }
}

impl Write for NewText<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        if self.is_full { Err(fmt::Error) } else { Ok(()) }
    }
}

/// A field at its word: a getter, what a test gives for it, and how that is laid.
macro_rules! field {
    (@get $(#[$doc:meta])* $name:ident $at:literal text) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> &str {
            self.0.text($at)
        }
    };
    (@get $(#[$doc:meta])* $name:ident $at:literal player) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> Player {
            Player(self.0.word($at))
        }
    };
    (@get $(#[$doc:meta])* $name:ident $at:literal entity) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> Entity {
            Entity(self.0.word($at))
        }
    };
    (@get $(#[$doc:meta])* $name:ident $at:literal flag) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> bool {
            self.0.word($at) != 0
        }
    };
    (@get $(#[$doc:meta])* $name:ident $at:literal number) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> u32 {
            self.0.word($at)
        }
    };
    (@given $life:lifetime text) => { &$life str };
    (@given $life:lifetime player) => { Player };
    (@given $life:lifetime entity) => { Entity };
    (@given $life:lifetime flag) => { bool };
    (@given $life:lifetime number) => { u32 };
    (@part $value:ident text) => { Part::Text($value) };
    (@part $value:ident player) => { Part::Word($value.0) };
    (@part $value:ident entity) => { Part::Word($value.0) };
    (@part $value:ident flag) => { Part::Word(u32::from($value)) };
    (@part $value:ident number) => { Part::Word($value) };
    (@is_text text) => { true };
    (@is_text $other:ident) => { false };
}

macro_rules! told {
    ($(
        $(#[$doc:meta])*
        $type:ident is $point:literal, filter: $is_filter:literal, changes: $changes:expr, room: $room:expr,
        { $($(#[$field_doc:meta])* $field:ident @ $at:literal: $of:ident,)* }
    )*) => { $(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $type(Handed);

        impl $type {
            $(field!(@get $(#[$field_doc])* $field $at $of);)*
        }

        impl Told for $type {
            const POINT: &'static str = $point;
            const IS_FILTER: bool = $is_filter;
            const CHANGES: Option<usize> = $changes;
            const ROOM_BYTES: usize = $room;
            const FIELDS: &'static [(&'static str, bool)] = &[$((stringify!($field), field!(@is_text $of)),)*];
            type Given<'a> = ($(field!(@given 'a $of),)*);
            fn of(handed: Handed) -> Self {
                $type(handed)
            }
            fn handed(&mut self) -> &mut Handed {
                &mut self.0
            }
            fn parts(($($field,)*): Self::Given<'_>) -> Vec<Part<'_>> {
                vec![$(field!(@part $field $of)),*]
            }
        }
    )* };
}

told! {
    /// A player's line of chat, before anyone sees it.
    Chat is "chat", filter: true, changes: Some(2), room: 1024, {
        /// Who says it.
        player @ 0: player,
        /// The player's shown name.
        name @ 1: text,
        /// The line as it is.
        text @ 3: text,
    }

    /// What a player's program says or asks under a topic, before anyone hears it; `#[filter(about = "game.*")]` is
    /// asked about those topics alone.
    Message is "message", filter: true, changes: Some(3), room: 16 * 1024, {
        /// Who says it.
        player @ 0: player,
        /// Is it asked? Else it is said.
        is_question @ 1: flag,
        /// What it is about.
        topic @ 2: text,
        /// JSON, as it is.
        data @ 4: text,
    }

    /// An entity that a player asks for.
    SpawnAsked is "spawn", filter: true, changes: None, room: REASON_BYTES_MAX, {
        /// Who asks for it.
        player @ 0: player,
        /// How many entities the player owns already.
        owned @ 1: number,
        /// JSON: an object of components, as they were asked for.
        components @ 2: text,
    }

    /// Someone is here who was not.
    Joined is "joined", filter: false, changes: None, room: COMMAND_BYTES_MAX, {
        /// Who.
        player @ 0: player,
        /// The avatar, or none.
        avatar @ 1: entity,
        /// 0 viewer, 1 participant, 2 moderator, 3 owner.
        role @ 2: number,
        /// The player's shown name.
        name @ 3: text,
    }

    /// Someone is gone, with the avatar.
    Left is "left", filter: false, changes: None, room: COMMAND_BYTES_MAX, {
        /// Who.
        player @ 0: player,
        /// The player's shown name.
        name @ 1: text,
    }

    /// A line of chat, as it was said.
    ChatSaid is "chat_said", filter: false, changes: None, room: COMMAND_BYTES_MAX, {
        /// Who said it; 0 is the server.
        player @ 0: player,
        /// The player's shown name.
        name @ 1: text,
        /// The line.
        text @ 3: text,
    }

    /// An entity came to be.
    Spawned is "spawned", filter: false, changes: None, room: COMMAND_BYTES_MAX, {
        /// Which.
        entity @ 0: entity,
        /// The player who owns it, or 0.
        owner @ 1: player,
    }

    /// An entity is gone.
    Despawned is "despawned", filter: false, changes: None, room: COMMAND_BYTES_MAX, {
        /// Which.
        entity @ 0: entity,
        /// The player who owned it, or 0.
        owner @ 1: player,
    }
}

impl Chat {
    /// Says what the line is to become: `write` is handed the line as it is, and a text to write. What is written last
    /// counts.
    pub fn change(&mut self, write: impl FnOnce(&str, &mut NewText<'_>)) {
        self.0.change(3, write);
    }
}

impl Message {
    /// Says what the data is to become: `write` is handed the JSON as it is, and a text to write. What is written last
    /// counts.
    pub fn change(&mut self, write: impl FnOnce(&str, &mut NewText<'_>)) {
        self.0.change(4, write);
    }
}

#[cfg(test)]
mod tests {
    use hd1_abi::{Point, hook::HookKind};

    use super::*;

    fn is_same<T: Told>(point: Point, places: &[usize]) {
        assert_eq!((T::POINT, T::IS_FILTER), (point.name(), point.is_filter()));
        let fields: Vec<_> = point.fields().iter().map(|field| (field.name, field.is_text)).collect();
        assert_eq!(T::FIELDS, fields, "{}", T::POINT);
        let changes = if let HookKind::Filter { changes } = point.kind() { changes.map(|(at, _)| at) } else { None };
        assert_eq!(T::CHANGES, changes, "{}", T::POINT);
        let told = vec![hd1_abi::Told::Word(0); fields.len()];
        let payload = hd1_abi::Payload { point, told: &told, config: &[], has_commands: true };
        let mut handed = vec![0; payload.bytes()];
        payload.write(&mut handed, hd1_abi::Step { tick: 1, seed: 1, dt: 1.0, hz: 1 });
        assert_eq!(handed[36..40], (T::ROOM_BYTES as u32).to_le_bytes(), "{}", T::POINT);
        let words = fields.iter().scan(0, |at, (_, is_text)| {
            let here = *at;
            *at += 1 + usize::from(*is_text);
            Some(here)
        });
        assert_eq!(words.collect::<Vec<_>>(), places, "{}", T::POINT);
    }

    #[test]
    fn points_are_the_servers() {
        is_same::<Chat>(Point::Chat, &[0, 1, 3]);
        is_same::<Message>(Point::Message, &[0, 1, 2, 4]);
        is_same::<SpawnAsked>(Point::Spawn, &[0, 1, 2]);
        is_same::<Joined>(Point::Joined, &[0, 1, 2, 3]);
        is_same::<Left>(Point::Left, &[0, 1]);
        is_same::<ChatSaid>(Point::ChatSaid, &[0, 1, 3]);
        is_same::<Spawned>(Point::Spawned, &[0, 1]);
        is_same::<Despawned>(Point::Despawned, &[0, 1]);
    }
}
