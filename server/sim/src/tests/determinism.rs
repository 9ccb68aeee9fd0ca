//! The same inputs give the same states: twice, in another process, and after a snapshot.

use super::*;

const SCENES: [&str; 4] = ["lobby", "asteroids", "cubes", "city"];

#[test]
fn the_same_inputs_give_the_same_hashes() {
    for scene in SCENES {
        let (mut a, mut b) = (sim(scene), sim(scene));
        assert_eq!(a.state_hash(), b.state_hash());
        for tick in 1..=120 {
            let input = crowd_input(tick);
            assert_eq!(a.tick(&input), b.tick(&input));
            assert_eq!(a.state_hash(), b.state_hash(), "{scene} at tick {tick}");
        }
        // What changed is hashed as it changes; hashed all at once it is the same.
        let mut fresh = Sim::from_snapshot(&a.snapshot()).unwrap();
        assert_eq!(a.state_hash(), fresh.state_hash(), "{scene} hashed afresh");
    }
}

#[test]
fn a_snapshot_in_the_middle_changes_nothing() {
    for scene in SCENES {
        let mut a = sim(scene);
        for tick in 1..=60 {
            a.tick(&crowd_input(tick));
        }
        let bytes = a.snapshot();
        let mut b = Sim::from_snapshot(&bytes).unwrap();
        assert_eq!(a.state_hash(), b.state_hash(), "{scene} restored");
        assert_eq!(bytes, b.snapshot(), "{scene} written again");
        for tick in 61..=180 {
            let input = crowd_input(tick);
            assert_eq!(a.tick(&input), b.tick(&input));
            assert_eq!(a.state_hash(), b.state_hash(), "{scene} at tick {tick}");
        }
    }
}

/// Every 100th hash of 2,000 ticks of `cubes` with eight players pushing.
fn long_run(snapshots: bool) -> Vec<u64> {
    let mut world = sim("cubes");
    let mut hashes = Vec::new();
    for tick in 1..=2000 {
        world.tick(&crowd_input(tick));
        if tick % 100 == 0 {
            hashes.push(world.state_hash());
        }
        if snapshots && tick % 250 == 0 {
            world = Sim::from_snapshot(&world.snapshot()).unwrap();
        }
    }
    hashes
}

const CHILD: &str = "HD1_SIM_TEST_CHILD";

#[test]
fn two_thousand_ticks_of_cubes_are_the_same_in_another_process_and_across_snapshots() {
    if std::env::var_os(CHILD).is_some() {
        println!("hashes {:?} end", long_run(true));
        return;
    }
    let program = std::env::current_exe().unwrap();
    let name = "two_thousand_ticks_of_cubes_are_the_same_in_another_process_and_across_snapshots";
    let child = std::process::Command::new(program)
        .args([&format!("tests::determinism::{name}"), "--exact", "--nocapture"])
        .env(CHILD, "1")
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let here = format!("hashes {:?} end", long_run(false));
    let there = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(there.contains(&here), "here {here}, there {there}");
}

#[test]
fn a_damaged_or_foreign_snapshot_is_refused() {
    let mut world = sim("lobby");
    let bytes = world.snapshot();
    let refused = |bytes: &[u8]| Sim::from_snapshot(bytes).err().map(|error| error.to_string()).unwrap_or_default();
    for cut in [0, 5, 37, 38, bytes.len() / 2, bytes.len() - 1] {
        assert!(!refused(&bytes[..cut]).is_empty(), "cut at {cut}");
    }
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(refused(&flipped), "snapshot is damaged: its hash differs; use an older one");
    let mut newer = bytes.clone();
    newer[4] = 99;
    assert_eq!(refused(&newer), "snapshot version 99: this server reads version 2; use the server that wrote it");
    assert_eq!(
        refused(b"not a snapshot, but long enough to have a header"),
        "not a world snapshot: does not begin with HD1S"
    );
}
