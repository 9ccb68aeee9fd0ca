//! What a plugin's systems and hooks did: counters that every run adds to, and the last lines of its log.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hd1_abi::{LogLevel, News, Plan, Ran};

use crate::limits::{COUNTER_BYTES_MAX, COUNTERS_MAX, LOG_LINES_KEPT_MAX, LOG_LINES_PER_S_MAX};

/// Powers of two of nanoseconds, four steps each, from 64 ns on.
const BUCKETS: usize = 4 * 24;
const FIRST_BITS: u32 = 6;

/// One for a plugin's module.
#[derive(Debug)]
pub struct Meter {
    /// Those of systems, then those of hooks.
    systems: Vec<Counts>,
    /// Where hooks begin.
    hooks_at: usize,
    log: Mutex<Log>,
    /// Of a service's own.
    counters: Mutex<BTreeMap<String, u64>>,
    begun: Instant,
}

#[derive(Debug)]
struct Counts {
    name: String,
    runs: AtomicU64,
    nanos: AtomicU64,
    fuel: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// By kind. Seldom, so a lock will do.
    faults: Mutex<BTreeMap<&'static str, u64>>,
    rows_refused: AtomicU64,
    commands_refused: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

#[derive(Debug, Default)]
struct Log {
    lines: VecDeque<LogLine>,
    /// The second under way, and its lines.
    second: u64,
    count: u32,
    /// The number of the next line.
    next: u64,
}

/// A line of a plugin's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Counts up from 0: what follows the last that one has seen.
    pub number: u64,
    /// When.
    pub at: SystemTime,
    /// In which world; 0 for none.
    pub world: u128,
    /// Of which system.
    pub system: String,
    /// How much it matters.
    pub level: LogLevel,
    /// What.
    pub text: String,
}

/// What a system or a hook did since its module was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemFigures {
    /// Its name in the plan.
    pub name: String,
    /// Runs that counted.
    pub runs: u64,
    /// Runs that did not, by the kind of their fault.
    pub faults: BTreeMap<&'static str, u64>,
    /// Bytes that it was handed: columns, messages, room for commands.
    pub bytes_in: u64,
    /// Bytes of columns and commands that were taken back.
    pub bytes_out: u64,
    /// Time of all runs.
    pub total: Duration,
    /// Half of the runs took no longer, within a fifth.
    pub p50: Duration,
    /// All but one of a hundred took no longer, within a fifth.
    pub p99: Duration,
    /// Fuel of all runs.
    pub fuel: u64,
    /// Rows that its world did not take.
    pub rows_refused: u64,
    /// Commands that its world passed over.
    pub commands_refused: u64,
}

impl Meter {
    pub(crate) fn new(plan: &Plan) -> Self {
        let names = plan.systems.iter().map(|system| &system.name).chain(plan.hooks.iter().map(|hook| &hook.name));
        Self::of(names.cloned().collect(), plan.number_of_hook(0))
    }

    /// Counts these apart; hooks begin at `hooks_at`.
    pub(crate) fn of(names: Vec<String>, hooks_at: usize) -> Self {
        let counts = |name: String| Counts {
            name,
            runs: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
            fuel: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            faults: Mutex::default(),
            rows_refused: AtomicU64::new(0),
            commands_refused: AtomicU64::new(0),
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
        };
        let systems = names.into_iter().map(counts).collect();
        Meter { systems, hooks_at, log: Mutex::default(), counters: Mutex::default(), begun: Instant::now() }
    }

    /// A call failed, for a reason of this kind.
    pub(crate) fn failed(&self, system: usize, kind: &'static str) {
        let Some(counts) = self.systems.get(system) else { return };
        *counts.faults.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
    }

    /// A line of the log that is about no world.
    pub(crate) fn say(&self, system: usize, level: LogLevel, text: String) {
        let Some(counts) = self.systems.get(system) else { return };
        self.write(0, counts, level, text);
    }

    /// Adds to a counter of the plugin's own. Names beyond the limit are not kept.
    pub(crate) fn count(&self, name: &str, by: u64) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = counters.get_mut(name) {
            *counter = counter.saturating_add(by);
        } else if counters.len() < COUNTERS_MAX && is_counter(name) {
            counters.insert(name.to_owned(), by);
        }
    }

    /// Counters of the plugin's own.
    #[must_use]
    pub fn counters(&self) -> BTreeMap<String, u64> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn ran(&self, system: usize, ran: Ran) {
        let Some(counts) = self.systems.get(system) else { return };
        counts.runs.fetch_add(1, Ordering::Relaxed);
        counts.nanos.fetch_add(ran.nanos, Ordering::Relaxed);
        counts.fuel.fetch_add(ran.fuel, Ordering::Relaxed);
        counts.buckets[bucket_of(ran.nanos)].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn ran_hook(&self, hook: usize, ran: Ran) {
        self.ran(self.hooks_at + hook, ran);
    }

    pub(crate) fn tell(&self, world: u128, system: usize, news: News<'_>) {
        let Some(counts) = self.systems.get(system) else { return };
        match news {
            News::Moved { bytes_in, bytes_out } => {
                counts.bytes_in.fetch_add(bytes_in as u64, Ordering::Relaxed);
                counts.bytes_out.fetch_add(bytes_out as u64, Ordering::Relaxed);
            }
            News::Said(level, text) => self.write(world, counts, level, text.to_owned()),
            News::Unsaid(count) => {
                self.write(world, counts, LogLevel::Warn, format!("{count} more lines of this run are not kept"));
            }
            News::Fault(fault) => {
                *counts.faults.lock().unwrap_or_else(PoisonError::into_inner).entry(fault.kind()).or_default() += 1;
                self.write(world, counts, LogLevel::Error, format!("fault, its run counts for nothing: {fault}"));
            }
            News::Rows(count, first) => {
                counts.rows_refused.fetch_add(count.into(), Ordering::Relaxed);
                self.write(world, counts, LogLevel::Warn, format!("{count} rows were not taken, the first: {first}"));
            }
            News::Commands(count, first) => {
                counts.commands_refused.fetch_add(count.into(), Ordering::Relaxed);
                let text = format!("{count} commands were passed over, the first: {first}");
                self.write(world, counts, LogLevel::Warn, text);
            }
        }
    }

    fn write(&self, world: u128, counts: &Counts, level: LogLevel, text: String) {
        let second = self.begun.elapsed().as_secs();
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.second != second {
            (log.second, log.count) = (second, 0);
        }
        log.count += 1;
        if log.count > LOG_LINES_PER_S_MAX {
            return;
        }
        if log.lines.len() >= LOG_LINES_KEPT_MAX {
            log.lines.pop_front();
        }
        let last = log.count == LOG_LINES_PER_S_MAX;
        let text = if last { format!("{text} (no more are kept in this second)") } else { text };
        let number = log.next;
        log.next += 1;
        let system = counts.name.clone();
        log.lines.push_back(LogLine { number, at: SystemTime::now(), world, system, level, text });
    }

    /// The newest lines of the log, oldest first, at most `limit`.
    #[must_use]
    pub fn log(&self, limit: usize) -> Vec<LogLine> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.lines.iter().skip(log.lines.len().saturating_sub(limit)).cloned().collect()
    }

    /// What each system did, and then each hook, in the order of the plan.
    #[must_use]
    pub fn figures(&self) -> Vec<SystemFigures> {
        self.systems.iter().map(Counts::figures).collect()
    }
}

impl Counts {
    fn figures(&self) -> SystemFigures {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let buckets: Vec<u64> = self.buckets.iter().map(of).collect();
        let total: u64 = buckets.iter().sum();
        let quantile = |share: f64| {
            let wanted = (total as f64 * share).ceil() as u64;
            let mut seen = 0;
            let found = buckets.iter().position(|count| {
                seen += count;
                seen >= wanted && seen > 0
            });
            Duration::from_nanos(found.map_or(0, end_of))
        };
        SystemFigures {
            name: self.name.clone(),
            runs: of(&self.runs),
            faults: self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            bytes_in: of(&self.bytes_in),
            bytes_out: of(&self.bytes_out),
            total: Duration::from_nanos(of(&self.nanos)),
            p50: quantile(0.5),
            p99: quantile(0.99),
            fuel: of(&self.fuel),
            rows_refused: of(&self.rows_refused),
            commands_refused: of(&self.commands_refused),
        }
    }
}

/// What metrics call a name.
fn is_counter(name: &str) -> bool {
    let is_fit = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    !name.is_empty() && name.len() <= COUNTER_BYTES_MAX && name.bytes().all(is_fit)
}

fn bucket_of(nanos: u64) -> usize {
    let bits = 63 - nanos.max(1 << FIRST_BITS).leading_zeros();
    let quarter = (nanos.max(1 << FIRST_BITS) >> (bits - 2)) & 3;
    (((bits - FIRST_BITS) * 4) as usize + quarter as usize).min(BUCKETS - 1)
}

/// The least time that is beyond a bucket.
fn end_of(bucket: usize) -> u64 {
    let (bits, quarter) = (bucket as u32 / 4 + FIRST_BITS, bucket as u64 % 4);
    (1 << bits) + ((quarter + 1) << (bits - 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_ends_before_the_next() {
        assert_eq!((bucket_of(0), bucket_of(64), bucket_of(80)), (0, 0, 1));
        for nanos in [64, 79, 100, 1_000, 123_456, 5_000_000, 900_000_000] {
            let end = end_of(bucket_of(nanos));
            assert!(end > nanos && end <= nanos + nanos / 4 + 1, "{nanos} ends at {end}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }
}
