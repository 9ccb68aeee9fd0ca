//! Where a value is expected to be: the rule by which both ends go on from what both know.
//!
//! From the values at two ticks a quantity is drawn on in a straight line, and a rotation turns on as it turned. All in
//! integers and in exact roots, so that both ends expect the same.

use hd1_schema::quantise::QUAT_STEP;

use crate::shapes::{Motion, Shape};

/// Units of a quaternion's length 1.
const QUAT_ONE: i32 = (1.0 / QUAT_STEP) as i32;
/// Components of a quaternion.
const COMPONENTS: usize = 4;
/// Bits after the point of [`Onward`] and of what it is made into.
const POINT: u32 = 16;
/// Greatest ratio: farther on nothing goes on as it went.
const RATIO_MAX: i64 = 8 << POINT;

/// How far to go on: the time from the base, in units of the time from the tick before it to the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Onward {
    /// In units of 2^-16.
    ratio: i64,
}

impl Onward {
    /// Nothing goes on.
    pub const NONE: Onward = Onward { ratio: 0 };

    /// `ahead` ticks from the base, which is `back` ticks after the one before it. With none there, or too near, nothing
    /// goes on.
    #[must_use]
    pub fn new(ahead: u64, back: u64) -> Self {
        let ratio = (ahead.min(1 << 31) << POINT) as i64;
        let ratio = ratio.checked_div(back.min(1 << 31) as i64).unwrap_or(0);
        Onward { ratio: if ratio <= RATIO_MAX { ratio } else { 0 } }
    }

    /// Is it as far from the base as the base is from the tick before it? It mostly is.
    #[inline]
    pub(crate) fn is_as_far_again(self) -> bool {
        self.ratio == 1 << POINT
    }

    #[inline]
    fn on(self, before: i32, base: i32) -> i32 {
        let way = i64::from(base.wrapping_sub(before)).wrapping_mul(self.ratio);
        base.wrapping_add(rounded(way) as i32)
    }
}

#[inline]
fn rounded(value: i64) -> i64 {
    value.wrapping_add(1 << (POINT - 1)) >> POINT
}

/// What quantities are expected to be.
#[inline]
pub(crate) fn steady<const N: usize>(base: [i32; N], before: [i32; N], onward: Onward) -> [i32; N] {
    std::array::from_fn(|i| onward.on(before[i], base[i]))
}

/// As [`steady`], where they go on [as far again](Onward::is_as_far_again).
#[inline]
pub(crate) fn as_far_again<const N: usize>(base: [i32; N], before: [i32; N]) -> [i32; N] {
    std::array::from_fn(|i| base[i].wrapping_mul(2).wrapping_sub(before[i]))
}

/// What a rotation is expected to be, of four lanes.
#[inline]
pub(crate) fn turn(base: [i32; COMPONENTS], before: [i32; COMPONENTS], onward: Onward) -> [i32; COMPONENTS] {
    if onward.ratio == 0 || before == base { base } else { turn_on(before, base, onward) }
}

/// Puts into `out` what is expected of a value that was `base`, and `before` at the tick before that; `base` again
/// where that is not known. All three fill the shape.
#[inline]
pub fn expect(shape: &Shape, base: &[i32], before: &[i32], onward: Onward, out: &mut [i32]) {
    out.copy_from_slice(base);
    if onward.ratio == 0 {
        return;
    }
    for group in shape.groups() {
        match (group.motion, group.lanes) {
            (Motion::Held, _) => {}
            (Motion::Turn, _) => {
                let at = usize::from(group.at) - 1;
                out[at..at + COMPONENTS].copy_from_slice(&turn(lanes(base, at), lanes(before, at), onward));
            }
            (Motion::Steady, _) => {
                for i in group.range() {
                    out[i] = onward.on(before[i], base[i]);
                }
            }
        }
    }
}

/// `N` lanes from `at` on; zeros where there are not so many.
#[inline]
pub(crate) fn lanes<const N: usize>(all: &[i32], at: usize) -> [i32; N] {
    all.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().unwrap_or([0; N])
}

/// Turns on along the great circle through `before` and `base`.
///
/// With the angle `a` between them and the ratio `r`, where it goes is `base · sin((1+r)a)/sin(a) − before · sin(ra)/
/// sin(a)`. Both factors are taken to the second order in `a`, whose square is that of the chord.
#[inline]
fn turn_on(before: [i32; COMPONENTS], base: [i32; COMPONENTS], onward: Onward) -> [i32; COMPONENTS] {
    let old = without(before, base[0]);
    let new = [base[1], base[2], base[3]];
    let square = |v: i32| i64::from(v).wrapping_mul(i64::from(v));
    let chord = square(left_out(old).wrapping_sub(left_out(new)));
    let chord = (0..3).fold(chord, |sum, i| sum.wrapping_add(square(new[i].wrapping_sub(old[i]))));
    // In units of 2^-16 of a radian squared; half a turn and more between two ticks is no turn to go on with.
    let angle_squared = (chord << POINT) / (i64::from(QUAT_ONE) * i64::from(QUAT_ONE));
    if !(0..2 << POINT).contains(&angle_squared) {
        return base;
    }
    let ratio = onward.ratio;
    let one = 1i64 << POINT;
    let times = |a: i64, b: i64| (a * b) >> POINT;
    let bent = |by: i64| by - times(times(angle_squared / 6, times(by, by) - one), by);
    let (ahead, back) = (bent(one + ratio), bent(ratio));
    let there = |i: usize| {
        let there = i64::from(new[i]).wrapping_mul(ahead).wrapping_sub(i64::from(old[i]).wrapping_mul(back));
        rounded(there) as i32
    };
    [base[0], there(0), there(1), there(2)]
}

/// The largest component, from the others.
#[inline]
fn left_out(three: [i32; 3]) -> i32 {
    let square = |v: i32| {
        let v = v.clamp(-QUAT_ONE, QUAT_ONE);
        v * v
    };
    let rest = QUAT_ONE * QUAT_ONE - three.iter().map(|v| square(*v)).sum::<i32>();
    // Whole below 2^24 and the root is correctly rounded: the same on every machine.
    (rest.max(0) as f32).sqrt() as i32
}

/// The three components of a rotation (four lanes) that are left when the one numbered `index` is left out.
#[inline]
#[must_use]
pub fn without(turn: [i32; COMPONENTS], index: i32) -> [i32; 3] {
    let three = [turn[1], turn[2], turn[3]];
    let is_component = |index: i32| (0..COMPONENTS as i32).contains(&index);
    if turn[0] == index || !is_component(turn[0]) || !is_component(index) {
        return three;
    }
    turned(three, turn[0] as usize, index as usize)
}

#[cold]
fn turned(three: [i32; 3], from: usize, to: usize) -> [i32; 3] {
    let mut four = [0; COMPONENTS];
    let others = (0..COMPONENTS).filter(|i| *i != from);
    others.zip(three).for_each(|(i, v)| four[i] = v);
    four[from] = left_out(three);
    let sign = if four[to] < 0 { -1 } else { 1 };
    let mut left = (0..COMPONENTS).filter(|i| *i != to).map(|i| four[i].wrapping_mul(sign));
    std::array::from_fn(|_| left.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_way_goes_on() {
        let onward = Onward::new(3, 2);
        assert_eq!(onward.on(10, 20), 35);
        assert_eq!(onward.on(20, 10), -5);
        assert_eq!(Onward::new(u64::MAX, 1).on(1, 7), 7, "too far ahead: it stays");
        assert_eq!(Onward::new(5, 0).on(1, 7), 7, "from one tick alone: it stays");
        assert_eq!(Onward::new(1, 1).on(i32::MIN, i32::MAX), i32::MAX - 1, "it wraps and does not panic");
    }

    #[test]
    fn as_far_again_is_no_special_case() {
        let (before, base) = ([5, i32::MIN, -7, 3, 9, -20, 100], [6, i32::MAX, -9, 3, 12, -24, 110]);
        assert!(Onward::new(4, 4).is_as_far_again() && !Onward::new(4, 3).is_as_far_again());
        assert_eq!(as_far_again(base, before), steady(base, before, Onward::new(4, 4)));
        assert_eq!(steady([12, -24], [9, -20], Onward::new(1, 2)), [14, -26], "half as far again");
    }

    /// A rotation by `angle` radians about a slanted axis.
    fn turn(angle: f64) -> [i32; 4] {
        let (sin, cos) = (angle / 2.0).sin_cos();
        let components = [0.6 * sin, -0.48 * sin, 0.64 * sin, cos];
        let largest = (0..4).max_by(|a, b| components[*a].abs().total_cmp(&components[*b].abs())).unwrap();
        let sign = components[largest].signum();
        let three = (0..4).filter(|i| *i != largest).map(|i| (components[i] * sign / f64::from(QUAT_STEP)).round());
        let three: Vec<i32> = three.map(|v| v as i32).collect();
        [largest as i32, three[0], three[1], three[2]]
    }

    #[test]
    fn a_rotation_turns_on_as_it_turned() {
        for (ahead, back) in [(1, 1), (3, 3), (2, 3), (3, 1)] {
            for step in [0.01, 0.05, 0.2] {
                for start in 0..60 {
                    let angle = |ticks: i32| f64::from(start) / 10.0 + step * f64::from(ticks);
                    let (before, base) = (turn(angle(0)), turn(angle(back)));
                    let out = turn_on(before, base, Onward::new(ahead as u64, back as u64));
                    let there = without(turn(angle(back + ahead)), base[0]);
                    let off = (0..3).map(|i| (out[i + 1] - there[i]).abs()).max().unwrap();
                    // The rounding of both ends, blown up by the ratio; of a large angle also the order left out.
                    let allowed = 2 + 2 * ahead / back + if step * f64::from(ahead) > 0.5 { 8 } else { 0 };
                    assert!(
                        off <= allowed,
                        "{off} off, {ahead} after {back} of {step} from {start}: {out:?} {there:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_rotation_is_the_same_whichever_component_is_left_out() {
        // x = 0.1, y = -0.5, z = 0.3, w by the length: 0.806.
        let turn = [3, 205, -1024, 614];
        let [x, z, w] = without(turn, 1);
        // y must be positive now, so all change sign.
        assert_eq!([x, z], [-205, -614]);
        assert!((w + 1651).abs() <= 1, "{w}");
        let back = without([1, x, z, w], 3);
        assert!(back.iter().zip(&turn[1..]).all(|(a, b)| (a - b).abs() <= 2), "{back:?}");
        assert_eq!(without([9, 1, 2, 3], 1), [1, 2, 3], "no rotation at all is left as it is");
    }

    #[test]
    fn no_numbers_are_too_wild() {
        let wild = [i32::MIN, -1 << 20, -3, 0, 1, 3, 1 << 20, i32::MAX];
        for i in 0..wild.len() {
            let turn = |n: usize| [n as i32 % 5, wild[(i + n) % 8], wild[(i * 3 + n) % 8], wild[(i * 5 + n) % 8]];
            for n in 0..8 {
                let _ = without(turn(n), 2);
                turn_on(turn(n), turn(n + 1), Onward::new(8, 1));
            }
        }
    }
}
