//! A client that may be sent little: what is its own and what is near stays fresh, and nothing waits for too long.

mod world;

use std::collections::BTreeMap;

use hd1_core::{NetId, PlayerId, Tick};
use hd1_protocol::Mirror;
use hd1_replication::{Budget, ClientKey, Interest, Outgoing, Replicator, Viewer};
use world::{PLACE, lanes, schemas};

const HZ: u32 = 30;
/// 128 kbit/s.
const BYTES_PER_S: u32 = 16_000;
const KEY: ClientKey = ClientKey(1);
const OWN: NetId = NetId(1);

/// Entities on rings about the client's own, which all move as noise does: each takes many bytes.
fn place(id: u32, tick: u64) -> [i32; 3] {
    let noise = |salt: u64| (u64::from(id) * 7_919 + tick * 104_729 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52;
    let ring = f64::from(id / 40) * 1_000.0;
    let (sin, cos) = (f64::from(id) * 0.157).sin_cos();
    let at = |v: f64, salt| (v * ring) as i32 + noise(salt) as i32 % 300;
    [at(cos, 1), noise(2) as i32, at(sin, 3)]
}

#[test]
fn a_narrow_link_keeps_the_near_fresh_and_starves_nobody() {
    let mut server = Replicator::new(schemas(), Interest { view_m: Some(120.0), cell_m: Some(15.0) });
    let ids = 1..=400u32;
    let feed = |tracked: &mut hd1_replication::Tracked, now: u64, spawn: bool| {
        for id in ids.clone() {
            if spawn {
                tracked.spawned(NetId(id));
            }
            tracked.set(NetId(id), PLACE, &lanes(&place(id, now)));
        }
    };
    server.tick(Tick(1), |tracked| feed(tracked, 1, true)).unwrap();
    let mut mirror = Mirror::new(schemas());
    let viewer = Viewer { player: PlayerId(1), avatar: Some(OWN), at: None };
    for frame in server.add_client(KEY, viewer).unwrap() {
        mirror.apply_snapshot_chunk(&frame).unwrap();
    }
    server.set_budget(KEY, Some(Budget::new(BYTES_PER_S, HZ)));
    // When each entity was last as it is.
    let mut fresh: BTreeMap<u32, u64> = ids.clone().map(|id| (id, 1)).collect();
    let (mut bytes, mut stale_by_ring) = (0usize, [0; 11]);
    let seconds = 20;
    let last = 1 + seconds * u64::from(HZ);
    for now in 2..=last {
        server.ack(KEY, mirror.acks());
        server.tick(Tick(now), |tracked| feed(tracked, now, false)).unwrap();
        let mut out = Outgoing::default();
        server.assemble(KEY, 0, &mut out).unwrap();
        for frame in &out.reliable {
            mirror.apply_reliable(frame).unwrap();
        }
        for frame in &out.state {
            bytes += frame.len();
            mirror.apply_state(frame).unwrap();
        }
        for id in ids.clone() {
            match mirror.row(NetId(id), PLACE) {
                Some(row) if row.lanes.as_slice() == place(id, now) => fresh.insert(id, now),
                // Out of view: it is not stale, it is not there.
                None => fresh.insert(id, now),
                Some(_) => None,
            };
        }
        if now > 60 {
            for (id, at) in &fresh {
                let most = &mut stale_by_ring[(*id / 40) as usize];
                *most = (now - at).max(*most);
            }
        }
    }
    let rate = bytes as f64 / seconds as f64;
    assert!(rate < f64::from(BYTES_PER_S) * 1.15, "{rate:.0} bytes a second");
    assert!(rate > f64::from(BYTES_PER_S) * 0.7, "{rate:.0} bytes a second: the test moves too little");
    let [near, ..] = stale_by_ring;
    assert!(near <= 1, "its own entity, or one beside it, is {near} ticks behind");
    let most = stale_by_ring.into_iter().max();
    assert!(most <= Some(u64::from(HZ)), "ticks behind, by ring of 10 m: {stale_by_ring:?}");
    assert_eq!(mirror.stats().desyncs, 0);
}
