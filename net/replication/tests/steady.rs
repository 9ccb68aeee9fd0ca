//! A tick like the one before it takes no memory: neither where it is taken in, nor where frames are made of it.

#![allow(unsafe_code, reason = "an allocator that counts is one")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use hd1_core::{NetId, PlayerId, Tick};
use hd1_protocol::Acks;
use hd1_replication::{ClientKey, Interest, Outgoing, Replicator, Tracked, Viewer};
use hd1_schema::Row;
use hd1_world::{components::Transform, described::Described};

thread_local! {
    /// How often this thread took memory.
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    // A thread that ends has none any more.
    let _ = TAKEN.try_with(|taken| taken.set(taken.get() + 1));
}

// SAFETY: the system's allocator does all the work; counting takes no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller promised.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Ticks until all that is kept has been kept once, check sums of all pages among them.
const WARM_TICKS: u64 = 400;
const MEASURED_TICKS: u64 = 200;

/// One that goes round in circles, each at its own pace.
fn transform(id: u32, tick: u64, row: &mut Row) {
    let at = f64::from(id) * 0.7 + tick as f64 * (0.01 + f64::from(id % 7) * 0.003);
    let (sin, cos) = at.sin_cos();
    row.clear();
    row.vec3([f64::from(id % 30) as f32 + cos as f32, 0.0, f64::from(id / 30) as f32 + sin as f32], 0.001);
    row.quat([0.0, (at / 2.0).sin() as f32, 0.0, (at / 2.0).cos() as f32]);
    row.vec3([1.0; 3], 0.001);
}

fn feed(tracked: &mut Tracked, row: &mut Row, tick: u64, entity_count: u32, one_in: u64) {
    for id in (1..=entity_count).filter(|id| (u64::from(*id) + tick).is_multiple_of(one_in)) {
        transform(id, tick, row);
        tracked.set(NetId(id), Transform::ID, row);
    }
}

/// How often memory is taken in the measured ticks, with so many entities of which one in so many changes each tick.
fn taken(entity_count: u32, one_in: u64, client_count: u64) -> u64 {
    let mut row = Row::default();
    let mut server = Replicator::new(hd1_world::builtin_schemas(), Interest::EVERYTHING);
    server
        .tick(Tick(1), |tracked| {
            (1..=entity_count).for_each(|id| tracked.spawned(NetId(id)));
            feed(tracked, &mut row, 0, entity_count, 1);
        })
        .unwrap();
    for client in 0..client_count {
        server
            .add_client(ClientKey(client), Viewer { player: PlayerId(client as u32 + 1), ..Viewer::default() })
            .unwrap();
    }
    let mut acks = Acks::of(Tick(1));
    let mut outs = vec![Outgoing::default(); client_count as usize];
    let mut before = 0;
    for tick in 2..WARM_TICKS + MEASURED_TICKS {
        if tick == WARM_TICKS {
            before = TAKEN.get();
        }
        (0..client_count).for_each(|client| server.ack(ClientKey(client), acks));
        server.tick(Tick(tick), |tracked| feed(tracked, &mut row, tick, entity_count, one_in)).unwrap();
        for (client, out) in outs.iter_mut().enumerate() {
            out.clear();
            server.assemble(ClientKey(client as u64), 0, out).unwrap();
            assert!(!out.state.is_empty(), "there is something to tell");
        }
        acks.insert(Tick(tick));
    }
    TAKEN.get() - before
}

#[test]
fn a_steady_tick_takes_no_memory() {
    assert_eq!(taken(1_000, 1, 1), 0, "one client, all moves");
    assert_eq!(taken(1_000, 1, 20), 0, "many clients");
    assert_eq!(taken(3_000, 100, 20), 0, "little moves");
}
