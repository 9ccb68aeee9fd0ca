//! A column against the rule, and against the plainest thing that follows it.

use super::*;

fn put(column: &mut Column, row: RowId, tick: u64, value: i32, oldest: u64) {
    let when = When { tick: Tick(tick), from: Tick(tick - 1), base: None, oldest: Tick(oldest) };
    column.put(row, when, |_, _, lanes| lanes[0] = value).unwrap();
}

/// Puts in the value at `base`, changed.
fn put_on(column: &mut Column, row: RowId, tick: u64, base: u64, change: impl FnOnce(&mut [i32])) -> Option<()> {
    let base = Base::alone(Tick(base));
    let when = When { tick: Tick(tick), from: Tick(tick - 1), base: Some(base), oldest: base.tick.min(Tick(5)) };
    column.put(row, when, |base, _, lanes| {
        lanes.copy_from_slice(base.unwrap());
        change(lanes);
    })
}

#[inline]
fn at(column: &Column, row: RowId, base: u64) -> Option<i32> {
    column.at(row, Tick(base)).map(|value| value.lanes[0])
}

#[test]
fn the_base_is_the_newest_not_younger() {
    let mut column = Column::new(1);
    let row = column.add(Tick(10), &[1]);
    put(&mut column, row, 14, 3, 0);
    put(&mut column, row, 12, 2, 0);
    assert_eq!(at(&column, row, 13), Some(2));
    assert_eq!(at(&column, row, 5), Some(1), "structure brought it to all who see state on it");
    put(&mut column, row, 15, 4, 12);
    assert_eq!(at(&column, row, 11), None, "what is forgotten is not guessed");
    assert_eq!(column.latest(row).lanes, [4]);
}

#[test]
fn structure_is_what_comes_after_and_what_was_before_is_still_drawn() {
    let mut column = Column::new(1);
    let row = column.add(Tick(10), &[1]);
    for tick in 11..30 {
        put(&mut column, row, tick, tick as i32, 0);
    }
    column.root(row, Tick(30), Tick(20), &[70]);
    assert_eq!(at(&column, row, 15), Some(70), "nothing is coded against what was before");
    assert_eq!((at(&column, row, 30), at(&column, row, 40)), (Some(70), Some(70)));
    let (a, b, alpha) = column.around(row, 29.5);
    assert_eq!((a.lanes[0], b.lanes[0], alpha), (29, 70, 0.5));
    put(&mut column, row, 31, 71, 31);
    assert_eq!(column.around(row, 12.0).0.lanes, [71], "forgotten: {column:?}");
    column.root(row, Tick(31), Tick(0), &[5]);
    assert_eq!((column.latest(row).lanes[0], column.newest_tick(row)), (5, Tick(31)));
}

#[test]
fn what_stood_still_does_not_drift_into_motion() {
    let mut column = Column::new(1);
    let row = column.add(Tick(10), &[0]);
    put(&mut column, row, 100, 8, 0);
    assert_eq!(column.around(row, 50.0).2, 0.0);
    assert_eq!(column.around(row, 99.5).2, 0.5);
}

#[test]
fn deltas_stand_on_their_base_wherever_it_lies() {
    let mut column = Column::new(2);
    let row = column.add(Tick(1), &[100, 7]);
    for tick in 2..40 {
        put_on(&mut column, row, tick, tick - 1, |lanes| lanes[0] += 1).unwrap();
    }
    assert_eq!(column.at(row, Tick(5)).unwrap().lanes, [104, 7], "long not near any more");
    put_on(&mut column, row, 40, 5, |lanes| lanes[1] = 9).unwrap();
    assert_eq!(column.latest(row).lanes, [104, 9]);
    put(&mut column, row, 41, 1, 38);
    assert_eq!(at(&column, row, 37), None);
    assert!(put_on(&mut column, row, 42, 5, |_| ()).is_none());
}

#[test]
fn a_year_passes() {
    let mut column = Column::new(1);
    let (still, moving) = (column.add(Tick(10), &[1]), column.add(Tick(10), &[1]));
    let year = 365 * 86_400 * 128;
    for (value, tick) in [(2, year), (3, 2 * year), (4, 2 * year + 1)] {
        put(&mut column, moving, tick, value, tick - 1);
    }
    assert_eq!(at(&column, moving, 2 * year), Some(3));
    assert_eq!(column.latest(moving).tick, Tick(2 * year + 1));
    assert_eq!(at(&column, still, 2 * year), Some(1));
}

/// Against the plainest thing that follows the rule.
#[test]
fn it_is_what_a_sorted_list_would_be() {
    let mut random = 7u64;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    for _ in 0..300 {
        let mut column = Column::new(1);
        let row = column.add(Tick(10), &[-1]);
        let (mut list, mut rooted, mut oldest) = (vec![(10u64, -1i32)], true, 0u64);
        for step in 0..60 {
            let tick = (10 + step + next(6)).saturating_sub(next(8)).max(11);
            oldest = oldest.max((10 + step).saturating_sub(3 + next(20)));
            put(&mut column, row, tick, step as i32, oldest);
            match list.binary_search_by_key(&tick, |(tick, _)| *tick) {
                Ok(i) => list[i].1 = step as i32,
                Err(i) => list.insert(i, (tick, step as i32)),
            }
            while list.len() > 1 && list[1].0 <= oldest {
                list.remove(0);
                rooted = false;
            }
            for base in oldest..80 {
                let newest = list.iter().rev().find(|(tick, _)| *tick <= base);
                let wanted = newest.or(list.first().filter(|_| rooted)).map(|(_, value)| *value);
                assert_eq!(at(&column, row, base), wanted, "base {base} in {list:?}");
            }
            assert_eq!(column.latest(row).lanes[0], list.last().unwrap().1);
        }
    }
}
