//! The same inputs give the same states.

use super::*;

#[test]
fn the_same_inputs_give_the_same_hashes() {
    for scene in ["lobby", "asteroids", "cubes", "city"] {
        let (mut a, mut b) = (sim(scene), sim(scene));
        assert_eq!(a.state_hash(), b.state_hash());
        for tick in 1..=120 {
            let input = crowd_input(tick);
            assert_eq!(a.tick(&input), b.tick(&input));
            assert_eq!(a.state_hash(), b.state_hash(), "{scene} at tick {tick}");
        }
    }
}

#[test]
fn a_snapshot_in_the_middle_changes_nothing() {
    for scene in ["lobby", "asteroids", "cubes", "city"] {
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
