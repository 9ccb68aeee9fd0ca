//! Systems: functions whose parameters say what they need.

#![allow(unsafe_code)]

use std::fmt::Display;

use crate::commands::Room;
use crate::plan::{ParamPlan, Place, SystemPlan};
use crate::{Config, Step, log};

/// A system, made by [`macro@crate::system`].
pub trait System {
    /// What it asks for.
    const PLAN: SystemPlan;
    /// Calls it with what it asks for.
    fn run(run: &Run) -> Ended;
}

/// What a system can be handed.
///
/// # Safety
/// What [`SystemParam::get`] hands out is what [`SystemParam::PLAN`] asks for, so that no other parameter has it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no parameter of a system",
    label = "cannot be handed to a system",
    note = "a system takes &Step, Query<..>, Gather<..>, Commands<..>, Messages<..>, Say<..>, and a & to its config"
)]
pub unsafe trait SystemParam<'r>: Sized {
    /// As the plan says it.
    const PLAN: ParamPlan;
    /// # Safety
    /// `place` is this parameter's in the plan of the system that runs, and it is asked for once.
    unsafe fn get(run: &'r Run, place: Place) -> Self;
}

/// A batch while a system works on it.
#[derive(Debug)]
pub struct Run {
    base: *mut u8,
    room: Room,
}

/// Words of the header.
const TABLE: usize = 6;
const CONFIG: usize = 7;
const ROOM: usize = 8;
const ROOM_BYTES: usize = 9;
const USED_BYTES: usize = 10;

impl Run {
    /// # Safety
    /// A batch of the system lies at `base`, as the interface says, and is this run's alone.
    pub(crate) unsafe fn new(base: *mut u8) -> Self {
        // SAFETY: the caller's.
        let word = |word| unsafe { header(base, word) };
        // SAFETY: the room for commands lies in the batch at its offset.
        let room = unsafe { Room::new(base.add(word(ROOM)).cast(), word(ROOM_BYTES) / 4) };
        Run { base, room }
    }

    fn header(&self, word: usize) -> usize {
        // SAFETY: the batch is at `base` as long as the run is.
        unsafe { header(self.base, word) }
    }

    pub(crate) fn base(&self) -> *mut u8 {
        self.base
    }

    pub(crate) fn table(&self) -> *const u32 {
        // SAFETY: the table lies in the batch at its offset.
        unsafe { self.base.add(self.header(TABLE)).cast() }
    }

    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    /// The room as bytes, for who commands nothing.
    pub(crate) fn text_room(&self) -> (*mut u8, usize) {
        // SAFETY: the room lies in the batch at its offset.
        (unsafe { self.base.add(self.header(ROOM)) }, self.header(ROOM_BYTES))
    }

    /// Says how many bytes of the room hold something.
    pub(crate) fn use_bytes(&self, bytes: usize) {
        // SAFETY: the header has 16 words, and this one is the module's to write.
        unsafe { self.base.cast::<u32>().add(USED_BYTES).write(bytes as u32) };
    }

    /// Says how much was commanded, and whether all is well.
    pub(crate) fn end(self, ended: Ended) -> i32 {
        if self.room.is_full() {
            log::write(log::Level::Error, format_args!("its commands are more than there is room for"));
            return Ended::FAILED.0;
        }
        self.use_bytes(self.room.used_words() * 4);
        ended.0
    }
}

/// # Safety
/// A batch lies at `base`, and `word` is one of its header's 16.
unsafe fn header(base: *mut u8, word: usize) -> usize {
    // SAFETY: the caller's.
    unsafe { base.cast::<u32>().add(word).read() as usize }
}

/// Runs a system on a batch; 0 is success.
///
/// # Safety
/// A batch of this very system lies at `base`, as the interface says, and is this run's alone.
pub unsafe fn run<S: System>(base: *mut u8) -> i32 {
    // SAFETY: the caller's.
    let run = unsafe { Run::new(base) };
    let ended = S::run(&run);
    run.end(ended)
}

/// Hands out a parameter; for the macro.
///
/// # Safety
/// As for [`SystemParam::get`].
#[doc(hidden)]
pub unsafe fn param<'r, P: SystemParam<'r>>(run: &'r Run, place: Place) -> P {
    // SAFETY: the caller's.
    unsafe { P::get(run, place) }
}

// SAFETY: the begin of the header, which nobody writes.
unsafe impl<'r> SystemParam<'r> for &'r Step {
    const PLAN: ParamPlan = ParamPlan::Step;

    unsafe fn get(run: &'r Run, _: Place) -> Self {
        // SAFETY: a `Step` is what the header begins with.
        unsafe { &*run.base.cast() }
    }
}

// SAFETY: the config, which nobody writes.
unsafe impl<'r, C: Config> SystemParam<'r> for &'r C {
    const PLAN: ParamPlan = ParamPlan::Config(C::ID);

    unsafe fn get(run: &'r Run, _: Place) -> Self {
        // SAFETY: the plan declares a config of this type, so it lies in the batch at its offset.
        unsafe { &*run.base.add(run.header(CONFIG)).cast() }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended(i32);

impl Ended {
    /// What it did counts.
    pub const WELL: Ended = Ended(0);
    /// It counts for nothing.
    pub const FAILED: Ended = Ended(1);
    /// A filter has changed something.
    pub(crate) const CHANGED: Ended = Ended(1);
    /// A filter refuses.
    pub(crate) const REFUSED: Ended = Ended(2);
    /// A filter has no answer.
    pub(crate) const NO_ANSWER: Ended = Ended(3);

    pub(crate) const fn code(self) -> i32 {
        self.0
    }
}

/// What a system may return: nothing, or a `Result` whose error is logged and undoes the run.
#[diagnostic::on_unimplemented(
    message = "a system cannot return `{Self}`",
    note = "it returns nothing, or Result<(), E> where E can be displayed"
)]
pub trait Outcome {
    /// How it ended.
    fn ended(self) -> Ended;
}

impl Outcome for () {
    fn ended(self) -> Ended {
        Ended::WELL
    }
}

impl<E: Display> Outcome for Result<(), E> {
    fn ended(self) -> Ended {
        match self {
            Ok(()) => Ended::WELL,
            Err(error) => {
                log::write(log::Level::Error, format_args!("{error}"));
                Ended::FAILED
            }
        }
    }
}
