//! Lines for the plugin's log: `log::info!("{n} are gone")`.
//!
//! A run may log 16 lines of 1,024 bytes. A line is made where the stack is, so nothing is allocated.

#![allow(unsafe_code)]

use std::fmt;

pub use crate::{hd1_debug as debug, hd1_error as error, hd1_info as info, hd1_warn as warn};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something is broken.
    Error,
    /// Something is odd.
    Warn,
    /// Something happened.
    Info,
    /// For the author alone.
    Debug,
}

/// Bytes of a line.
const LINE_BYTES_MAX: usize = 1024;

/// Writes a line; what is too long is cut.
pub fn write(level: Level, line: fmt::Arguments<'_>) {
    if let Some(text) = line.as_str() {
        return send(level, text.as_bytes());
    }
    let mut bytes = [0; LINE_BYTES_MAX];
    let mut buffer = Line::new(&mut bytes);
    // An error says that it was cut.
    let _ = fmt::write(&mut buffer, line);
    let len = buffer.len();
    send(level, &bytes[..len]);
}

#[cfg(target_arch = "wasm32")]
fn send(level: Level, line: &[u8]) {
    #[link(wasm_import_module = "hd1_sim_1")]
    unsafe extern "C" {
        fn log(level: i32, at: *const u8, bytes: usize);
    }
    // SAFETY: the bytes of a slice, which the host reads before it returns.
    unsafe { log(level as i32, line.as_ptr(), line.len()) }
}

#[cfg(not(target_arch = "wasm32"))]
fn send(level: Level, line: &[u8]) {
    crate::testing::logged(level, &String::from_utf8_lossy(line));
}

/// Text made in a slice of bytes.
pub(crate) struct Line<'a> {
    bytes: &'a mut [u8],
    len: usize,
}

impl<'a> Line<'a> {
    pub(crate) fn new(bytes: &'a mut [u8]) -> Self {
        Line { bytes, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl fmt::Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let rest = &mut self.bytes[self.len..];
        let fits = text.len().min(rest.len());
        rest[..fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.len += fits;
        if fits == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// Something is broken.
#[macro_export]
#[doc(hidden)]
macro_rules! hd1_error {
    ($($line:tt)+) => { $crate::log::write($crate::log::Level::Error, ::core::format_args!($($line)+)) };
}

/// Something is odd.
#[macro_export]
#[doc(hidden)]
macro_rules! hd1_warn {
    ($($line:tt)+) => { $crate::log::write($crate::log::Level::Warn, ::core::format_args!($($line)+)) };
}

/// Something happened.
#[macro_export]
#[doc(hidden)]
macro_rules! hd1_info {
    ($($line:tt)+) => { $crate::log::write($crate::log::Level::Info, ::core::format_args!($($line)+)) };
}

/// For the author alone.
#[macro_export]
#[doc(hidden)]
macro_rules! hd1_debug {
    ($($line:tt)+) => { $crate::log::write($crate::log::Level::Debug, ::core::format_args!($($line)+)) };
}
