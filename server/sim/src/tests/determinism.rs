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
