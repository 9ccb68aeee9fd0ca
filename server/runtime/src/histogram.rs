//! Counting durations and sizes: fixed buckets for the whole server, a short window for one world.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::STATS_WINDOW_TICKS;
use crate::time::Nanos;

/// Upper bounds of the duration buckets in microseconds; what is above the last goes to an open one.
pub const DURATION_BUCKETS_US: [u64; 16] =
    [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 16_000, 25_000, 50_000, 100_000, 500_000, 2_000_000];

/// A histogram that many threads add to.
#[derive(Debug, Default)]
pub struct Durations {
    buckets: [AtomicU64; DURATION_BUCKETS_US.len() + 1],
    sum_us: AtomicU64,
}

/// A histogram's counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct DurationCounts {
    /// `(upper bound in µs, how many at or below it)`, ascending; the last bound is `None`: everything.
    pub cumulative: Vec<(Option<u64>, u64)>,
    /// All durations together, in microseconds.
    pub sum_us: u64,
    /// How many.
    pub count: u64,
}

impl Durations {
    /// Adds one duration.
    pub fn add_ns(&self, ns: Nanos) {
        let us = ns / 1_000;
        let bucket = DURATION_BUCKETS_US.partition_point(|bound| *bound < us);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// The counts now.
    #[must_use]
    pub fn counts(&self) -> DurationCounts {
        let mut count = 0;
        let bounds = DURATION_BUCKETS_US.iter().copied().map(Some).chain([None]);
        let cumulative = bounds
            .zip(&self.buckets)
            .map(|(bound, bucket)| {
                count += bucket.load(Ordering::Relaxed);
                (bound, count)
            })
            .collect();
        DurationCounts { cumulative, sum_us: self.sum_us.load(Ordering::Relaxed), count }
    }
}

/// The last few tick durations of one world. Empty until the first tick, so that idle worlds hold nothing.
#[derive(Clone, Debug, Default)]
pub struct Window {
    us: Vec<u32>,
    next: usize,
}

impl Window {
    /// Adds one duration, forgetting the oldest.
    pub fn add_ns(&mut self, ns: Nanos) {
        let us = u32::try_from(ns / 1_000).unwrap_or(u32::MAX);
        if self.us.len() < STATS_WINDOW_TICKS {
            self.us.push(us);
        } else {
            self.us[self.next] = us;
            self.next = (self.next + 1) % STATS_WINDOW_TICKS;
        }
    }

    /// The durations in microseconds below which each of the given fractions lies; 0 where nothing was added.
    #[must_use]
    pub fn percentiles<const N: usize>(&self, fractions: [f64; N]) -> [u32; N] {
        let mut sorted = self.us.clone();
        sorted.sort_unstable();
        fractions.map(|fraction| {
            let rank = (fraction * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(0)
        })
    }

    /// Forgets everything and the memory.
    pub fn clear(&mut self) {
        *self = Window::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_count_at_their_bound_and_above_the_last() {
        let durations = Durations::default();
        for us in [0, 10, 11, 3_000_000] {
            durations.add_ns(us * 1_000);
        }
        let counts = durations.counts();
        assert_eq!(counts.cumulative[0], (Some(10), 2));
        assert_eq!(counts.cumulative[1], (Some(25), 3));
        assert_eq!(counts.cumulative.last(), Some(&(None, 4)));
        assert_eq!((counts.count, counts.sum_us), (4, 3_000_021));
    }

    #[test]
    fn a_window_forgets_the_oldest() {
        let mut window = Window::default();
        assert_eq!(window.percentiles([0.5]), [0]);
        for us in 0..STATS_WINDOW_TICKS as u64 + 10 {
            window.add_ns(us * 1_000);
        }
        let [least, p50, most] = window.percentiles([0.0, 0.5, 1.0]);
        assert_eq!((least, most), (10, STATS_WINDOW_TICKS as u32 + 9));
        assert_eq!(p50, 10 + STATS_WINDOW_TICKS as u32 / 2 - 1);
    }
}
