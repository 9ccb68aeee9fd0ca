//! The exported functions: handles and lengths in, numbers and two shared buffers out.
//!
//! What is handed over goes through the *inbox* (the page asks for room, writes, then calls with the length), what is
//! given back through the *outbox* (its place and length are asked for after a call that filled it). Both hold until
//! the next call. A handle is a number from [`hd1_open`]; one that is not open is answered −1 or 0, never trusted.

use std::cell::RefCell;

use hd1_core::NetId;
use hd1_protocol::{Pose, PoseVelocity};

use crate::{Client, ClientOptions, limits};

/// The version of this interface; the page refuses to run with another.
pub const ABI_VERSION: u32 = 2;

#[derive(Default)]
struct State {
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    clients: Vec<Option<Client>>,
}

thread_local! {
    /// One module instance has one thread; this is its whole memory of the page.
    static STATE: RefCell<State> = RefCell::default();
}

impl State {
    /// The first `len` bytes of the inbox, copied so that the client may keep them.
    fn taken(&self, len: u32) -> Option<Vec<u8>> {
        self.inbox.get(..len as usize).map(<[u8]>::to_vec)
    }

    fn client(&mut self, handle: i32) -> Option<&mut Client> {
        let idx = usize::try_from(handle).ok()?.checked_sub(1)?;
        self.clients.get_mut(idx)?.as_mut()
    }

    fn answer(&mut self, bytes: impl Into<Vec<u8>>) -> i32 {
        self.outbox = bytes.into();
        1
    }

    fn fail(&mut self, reason: &str) -> i32 {
        self.answer(reason);
        -1
    }
}

fn with<T>(act: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(act)
}

fn with_client<T>(handle: i32, none: T, act: impl FnOnce(&mut Client) -> T) -> T {
    with(|state| state.client(handle).map_or(none, act))
}

/// Microseconds of the page's clock; negative or absurd ones count as 0.
fn micros(now_us: f64) -> u64 {
    now_us as u64
}

/// [`ABI_VERSION`].
#[unsafe(no_mangle)]
pub extern "C" fn hd1_abi() -> u32 {
    ABI_VERSION
}

/// Room for `len` bytes to hand over, valid until the next call; null where that is more than
/// [`limits::INBOX_BYTES_MAX`].
#[unsafe(no_mangle)]
pub extern "C" fn hd1_inbox(len: u32) -> *mut u8 {
    if len as usize > limits::INBOX_BYTES_MAX {
        return std::ptr::null_mut();
    }
    with(|state| {
        state.inbox.resize(len as usize, 0);
        state.inbox.as_mut_ptr()
    })
}

/// Where the last answer lies.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_outbox() -> *const u8 {
    with(|state| state.outbox.as_ptr())
}

/// How long the last answer is.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_outbox_len() -> u32 {
    with(|state| state.outbox.len() as u32)
}

/// Begins a connection with the options whose JSON lies in the inbox; a handle ≥ 1, or −1 with the reason in the outbox.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_open(options_len: u32, now_us: f64) -> i32 {
    with(|state| {
        let Some(json) = state.taken(options_len) else { return state.fail("the options are not in the inbox") };
        let options: ClientOptions = match serde_json::from_slice(&json) {
            Ok(options) => options,
            Err(error) => return state.fail(&format!("the options are malformed: {error}")),
        };
        let idx = state.clients.iter().position(Option::is_none).unwrap_or(state.clients.len());
        if idx >= limits::CLIENTS_MAX {
            return state.fail("too many connections are open: drop one");
        }
        if idx == state.clients.len() {
            state.clients.push(None);
        }
        state.clients[idx] = Some(Client::new(micros(now_us), options));
        idx as i32 + 1
    })
}

/// Forgets a connection.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_drop(handle: i32) {
    with(|state| {
        if state.client(handle).is_some() {
            state.clients[handle as usize - 1] = None;
        }
    });
}

/// Takes the frame of `len` bytes in the inbox; 0, or −1 where it is not there. What is wrong with a frame is told by
/// a `close` event.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_receive(handle: i32, len: u32, now_us: f64) -> i32 {
    with(|state| {
        let Some(frame) = state.taken(len) else { return state.fail("the frame is not in the inbox") };
        match state.client(handle) {
            Some(client) => client.receive(micros(now_us), frame),
            None => return state.fail("no such connection"),
        }
        0
    })
}

/// Lets time pass: pings, repeated input, timeouts. 0, or −1 for an unknown handle.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_advance(handle: i32, now_us: f64) -> i32 {
    with_client(handle, -1, |client| {
        client.advance(micros(now_us));
        0
    })
}

/// 1 with the next frame to send in the outbox, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_poll_frame(handle: i32, now_us: f64) -> i32 {
    with(|state| match state.client(handle).and_then(|client| client.poll_frame(micros(now_us))) {
        Some(frame) => state.answer(frame),
        None => 0,
    })
}

/// 1 with the next event's JSON in the outbox, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_poll_event(handle: i32) -> i32 {
    with(|state| match state.client(handle).and_then(Client::poll_event) {
        Some(json) => state.answer(json),
        None => 0,
    })
}

/// Sets what the player wants from now on; 0, or −1 for an unknown handle.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_input(handle: i32, strafe: f32, forward: f32, yaw: f32, pitch: f32, buttons: u32) -> i32 {
    with_client(handle, -1, |client| {
        client.set_input(strafe, forward, yaw, pitch, buttons as u16);
        0
    })
}

/// Says where an entity is whose authority the page holds; the pose lies in the inbox as 10 × f32, little-endian: position,
/// rotation (quaternion x, y, z, w), linear velocity. 0, or −1 where it cannot be said now.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_drive(handle: i32, entity: u32, now_us: f64) -> i32 {
    with(|state| {
        let Some(bytes) = state.taken(40) else { return state.fail("the pose is not in the inbox") };
        let mut numbers = [0.0; 10];
        for (number, bytes) in numbers.iter_mut().zip(bytes.as_chunks().0) {
            *number = f32::from_le_bytes(*bytes);
        }
        let [px, py, pz, rx, ry, rz, rw, vx, vy, vz] = numbers;
        let velocity = Some(PoseVelocity { linear: [vx, vy, vz], angular: [0.0; 3] });
        let pose = Pose { entity: NetId(entity), position: [px, py, pz], rotation: [rx, ry, rz, rw], velocity };
        if state.client(handle).is_some_and(|client| client.drive(micros(now_us), pose)) { 0 } else { -1 }
    })
}

/// Queues the operation whose JSON of `len` bytes lies in the inbox; its id ≥ 1, or −1 with the reason in the outbox.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_op(handle: i32, len: u32, now_us: f64) -> i32 {
    with(|state| {
        let Some(json) = state.taken(len) else { return state.fail("the operation is not in the inbox") };
        let Some(client) = state.client(handle) else { return state.fail("no such connection") };
        match client.op(micros(now_us), &json) {
            Ok(id) => i32::try_from(id).unwrap_or(i32::MAX),
            Err(reason) => state.fail(&reason),
        }
    })
}

/// Leaves for good; the goodbye is then among the frames to send. 0, or −1 for an unknown handle.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_bye(handle: i32) -> i32 {
    with_client(handle, -1, |client| {
        client.bye();
        0
    })
}

/// Brings the columns up to this moment; the number of rows, or −1 for an unknown handle.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_render(handle: i32, now_us: f64) -> i32 {
    with_client(handle, -1, |client| client.render(micros(now_us)) as i32)
}

/// Where a column lies, valid until the next call that takes this handle: 0 ids (u32), 1 matrices (16 × f32, column
/// by column; the own avatar's is where it is predicted), 2 colours (3 × f32, linear), 3 whether a batch moved in the last
/// render (u8 per batch), 4 from how many metres it may be taken (f32; 0 not at all). Null for others.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_column(handle: i32, column: u32) -> *const u8 {
    with_client(handle, std::ptr::null(), |client| {
        let drawing = client.drawing();
        match column {
            0 => drawing.ids().as_ptr().cast(),
            1 => drawing.matrices().as_ptr().cast(),
            2 => drawing.colours().as_ptr().cast(),
            3 => drawing.moved().as_ptr(),
            4 => drawing.reaches().as_ptr().cast(),
            _ => std::ptr::null(),
        }
    })
}

/// How many numbers a column has.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_column_len(handle: i32, column: u32) -> u32 {
    with_client(handle, 0, |client| {
        let drawing = client.drawing();
        let len = match column {
            0 => drawing.ids().len(),
            1 => drawing.matrices().len(),
            2 => drawing.colours().len(),
            3 => drawing.moved().len(),
            4 => drawing.reaches().len(),
            _ => 0,
        };
        len as u32
    })
}

/// The newest tick that is whole; 0 before the first.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_tick(handle: i32) -> f64 {
    with_client(handle, 0.0, |client| client.tick().0 as f64)
}

/// Counts up when rows, shapes, colours or labels change: the table must be read again.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_structure_version(handle: i32) -> u32 {
    with_client(handle, 0, |client| client.drawing().version())
}

/// 1 with the table's JSON in the outbox, 0 for an unknown handle and before anything was drawn.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_table(handle: i32) -> i32 {
    with(|state| match state.client(handle).map(|client| client.drawing().table_json().to_owned()) {
        // Before anything was drawn there is no table.
        Some(json) if !json.is_empty() => state.answer(json),
        _ => 0,
    })
}

/// 1 with the JSON of an entity's components by name in the outbox, 0 where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_entity(handle: i32, id: u32) -> i32 {
    with(|state| match state.client(handle).and_then(|client| client.entity_json(id)) {
        Some(json) => state.answer(json),
        None => 0,
    })
}

/// 1 with the figures of the connection as JSON in the outbox, 0 for an unknown handle.
#[unsafe(no_mangle)]
pub extern "C" fn hd1_stats(handle: i32, now_us: f64) -> i32 {
    with(|state| match state.client(handle).map(|client| client.stats_json(micros(now_us))) {
        Some(json) => state.answer(json),
        None => 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(bytes: &[u8]) -> u32 {
        assert!(!hd1_inbox(bytes.len() as u32).is_null());
        with(|state| state.inbox.copy_from_slice(bytes));
        bytes.len() as u32
    }

    fn outbox() -> String {
        with(|state| String::from_utf8_lossy(&state.outbox).into_owned())
    }

    #[test]
    fn nothing_from_outside_is_trusted() {
        assert!(hd1_inbox(u32::MAX).is_null());
        for handle in [i32::MIN, -1, 0, 1, i32::MAX] {
            assert_eq!((hd1_receive(handle, 0, 0.0), hd1_advance(handle, 0.0), hd1_op(handle, 0, 0.0)), (-1, -1, -1));
            assert_eq!(hd1_drive(handle, 1, 0.0), -1);
            assert_eq!((hd1_poll_frame(handle, 0.0), hd1_poll_event(handle), hd1_entity(handle, 1)), (0, 0, 0));
            assert!(hd1_column(handle, 1).is_null());
            hd1_drop(handle);
        }
        assert_eq!(hd1_open(put(b"{}") + 1, 0.0), -1, "longer than what is in the inbox");
        assert_eq!(hd1_open(put(b"{\"client\":7}"), 0.0), -1);
        assert!(outbox().contains("malformed"), "{}", outbox());
    }

    #[test]
    fn connections_are_bounded_and_reusable() {
        let handles: Vec<i32> =
            (0..limits::CLIENTS_MAX).map(|_| hd1_open(put(b"{\"ticket\":\"t\"}"), f64::NAN)).collect();
        assert!(handles.iter().all(|handle| *handle >= 1), "{handles:?}");
        assert_eq!(hd1_open(put(b"{}"), 0.0), -1);
        hd1_drop(handles[2]);
        assert_eq!(hd1_open(put(b"{}"), 0.0), handles[2]);

        assert_eq!(hd1_table(handles[0]), 0, "nothing was drawn yet");
        assert_eq!(hd1_poll_frame(handles[0], 0.0), 1, "the hello waits");
        assert_eq!(with(|state| state.outbox[0]), hd1_protocol::FrameKind::Message as u8);
        assert_eq!(hd1_receive(handles[0], put(&[9, 9, 9]), 0.0), 0);
        assert_eq!(hd1_poll_event(handles[0]), 1);
        assert!(outbox().contains("\"code\":4020"), "{}", outbox());
    }
}
