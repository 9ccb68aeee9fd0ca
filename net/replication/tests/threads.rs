//! Assembled on several threads, every client is shown what it would be shown on one.

mod world;

use std::{collections::BTreeMap, sync::Mutex};

use hd1_core::{NetId, PlayerId, Tick};
use hd1_protocol::Mirror;
use hd1_replication::{ClientKey, Interest, Outgoing, Replicator, Tracked, Viewer};
use world::{PLACE, lanes, schemas};

const CLIENTS: u64 = 400;
const ENTITIES: u32 = 600;
const VIEW_M: f32 = 20.0;
const MOVING_TICKS: u64 = 80;
const QUIET_TICKS: u64 = 20;

/// Everyone walks to and fro on a field of 200 m.
fn place(id: u32, tick: u64) -> [i32; 3] {
    let (home_x, home_z) = ((id % 25) as f64 * 800.0, (id / 25) as f64 * 800.0);
    let (sin, cos) = (tick.min(MOVING_TICKS) as f64 * 0.05 + f64::from(id)).sin_cos();
    [(home_x + cos * 900.0) as i32, 0, (home_z + sin * 900.0) as i32]
}

fn feed(tracked: &mut Tracked, tick: u64) {
    (1..=ENTITIES).for_each(|id| tracked.set(NetId(id), PLACE, &lanes(&place(id, tick))));
}

/// Runs it; the bytes of state that all were sent.
fn run(threads: usize) -> usize {
    let mut server = Replicator::new(schemas(), Interest { view_m: Some(VIEW_M), cell_m: Some(10.0) });
    server
        .tick(Tick(1), |tracked| {
            (1..=ENTITIES).for_each(|id| tracked.spawned(NetId(id)));
            feed(tracked, 1);
        })
        .unwrap();
    let mut mirrors = BTreeMap::new();
    for client in 1..=CLIENTS {
        let viewer = Viewer { player: PlayerId(client as u32), avatar: Some(NetId(client as u32)), at: None };
        let mut mirror = Mirror::new(schemas());
        for frame in server.add_client(ClientKey(client), viewer).unwrap() {
            mirror.apply_snapshot_chunk(&frame).unwrap();
        }
        mirrors.insert(ClientKey(client), mirror);
    }
    let mut bytes = 0;
    for now in 2..MOVING_TICKS + QUIET_TICKS {
        for (key, mirror) in &mirrors {
            server.ack(*key, mirror.receipt());
            server.note_input(*key, now as u32);
        }
        server.tick(Tick(now), |tracked| feed(tracked, now)).unwrap();
        let sent: Mutex<BTreeMap<ClientKey, Outgoing>> = Mutex::default();
        server
            .assemble_each(threads, |key, out| {
                sent.lock().unwrap().insert(key, std::mem::take(out));
            })
            .unwrap();
        let sent = sent.into_inner().unwrap();
        assert_eq!(sent.len(), mirrors.len(), "everyone has its turn, and once");
        for (key, out) in sent {
            let mirror = mirrors.get_mut(&key).unwrap();
            out.reliable.iter().for_each(|frame| assert!(mirror.apply_reliable(frame).is_ok()));
            for frame in &out.state {
                bytes += frame.len();
                mirror.apply_state(frame).unwrap();
            }
        }
    }
    for (key, mirror) in &mirrors {
        let stats = mirror.stats();
        assert!(stats.desyncs == 0 && stats.checks > 0, "{key:?}: {stats:?}");
        let [x, _, z] = place(key.0 as u32, MOVING_TICKS);
        for id in 1..=ENTITIES {
            let at = place(id, MOVING_TICKS);
            let way = f64::from(at[0] - x).hypot(f64::from(at[2] - z));
            if way < f64::from(VIEW_M) * 100.0 {
                let shown = mirror.row(NetId(id), PLACE).map(|row| row.lanes);
                assert_eq!(shown.as_deref(), Some(at.as_slice()), "{key:?} and {id}, {way} steps away");
            }
        }
    }
    bytes
}

#[test]
fn three_threads_show_what_one_shows() {
    let (one, three) = (run(1), run(3));
    assert!(three.abs_diff(one) * 50 < one, "{three} bytes, with one thread {one}");
}
