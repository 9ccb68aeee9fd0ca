//! Token buckets per address in bounded memory.
//!
//! It stands alone because of its one promise: whatever addresses come, it remembers at most so many. When the table
//! is full and nobody in it has recovered, newcomers share one bucket: under attack from everywhere the limit gets
//! coarse instead of the memory large.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::addresses::AddressKey;
use crate::limits::ADDRESSES_MAX;

/// How much is allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// How many at once.
    pub burst: u32,
    /// How many more each second.
    pub per_s: f64,
}

/// Buckets of one kind.
#[derive(Debug)]
pub struct RateLimiter {
    rate: Rate,
    capacity: usize,
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    buckets: HashMap<AddressKey, Bucket>,
    shared: Bucket,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn refill(&mut self, rate: Rate, now: Instant) {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * rate.per_s;
        self.left = (self.left + gained).min(f64::from(rate.burst));
        self.at = now;
    }

    fn wait(&self, rate: Rate) -> Duration {
        Duration::from_secs_f64(((1.0 - self.left) / rate.per_s).clamp(0.001, 3_600.0))
    }
}

impl RateLimiter {
    /// Full buckets for everybody.
    #[must_use]
    pub fn new(rate: Rate, now: Instant) -> Self {
        Self::with_capacity(rate, ADDRESSES_MAX, now)
    }

    fn with_capacity(rate: Rate, capacity: usize, now: Instant) -> Self {
        let shared = Bucket { left: f64::from(rate.burst), at: now };
        Self { rate, capacity, table: Mutex::new(Table { buckets: HashMap::new(), shared }) }
    }

    /// Takes one from the address's bucket.
    ///
    /// # Errors
    /// How long to wait when it is empty; nothing is taken then.
    pub fn take(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.with(address, now, |bucket, rate| {
            if bucket.left < 1.0 {
                return Err(bucket.wait(rate));
            }
            bucket.left -= 1.0;
            Ok(())
        })
    }

    /// Looks whether the address's bucket holds one, and takes nothing.
    ///
    /// # Errors
    /// How long to wait when it is empty.
    pub fn check(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let (rate, key) = (self.rate, AddressKey::from(address));
        let full = table.buckets.len() >= self.capacity;
        let bucket = match table.buckets.get_mut(&key) {
            Some(bucket) => bucket,
            None if full => &mut table.shared,
            None => return Ok(()),
        };
        bucket.refill(rate, now);
        if bucket.left < 1.0 { Err(bucket.wait(rate)) } else { Ok(()) }
    }

    fn with<T>(&self, address: IpAddr, now: Instant, act: impl FnOnce(&mut Bucket, Rate) -> T) -> T {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let (rate, key) = (self.rate, AddressKey::from(address));
        if !table.buckets.contains_key(&key) && table.buckets.len() >= self.capacity {
            // Whoever has recovered is as good as never seen.
            table.buckets.retain(|_, bucket| {
                bucket.refill(rate, now);
                bucket.left < f64::from(rate.burst)
            });
        }
        let full = table.buckets.len() >= self.capacity;
        let fresh = Bucket { left: f64::from(rate.burst), at: now };
        let bucket = match table.buckets.get_mut(&key) {
            Some(_) => table.buckets.get_mut(&key).expect("just seen"),
            None if full => &mut table.shared,
            None => table.buckets.entry(key).or_insert(fresh),
        };
        bucket.refill(rate, now);
        act(bucket, rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> IpAddr {
        std::net::Ipv4Addr::from(0x0a00_0000 + n).into()
    }

    #[test]
    fn a_burst_then_the_rate() {
        let start = Instant::now();
        let limiter = RateLimiter::new(Rate { burst: 3, per_s: 0.5 }, start);
        for _ in 0..3 {
            assert_eq!(limiter.take(address(1), start), Ok(()));
        }
        assert_eq!(limiter.take(address(1), start), Err(Duration::from_secs(2)));
        assert!(limiter.check(address(1), start).is_err());
        assert_eq!(limiter.take(address(2), start), Ok(()), "others are not touched");
        assert_eq!(limiter.take(address(1), start + Duration::from_secs(2)), Ok(()));
        assert!(limiter.take(address(1), start + Duration::from_secs(2)).is_err());
    }

    #[test]
    fn memory_is_bounded_and_the_limit_holds_all_the_same() {
        let start = Instant::now();
        let limiter = RateLimiter::with_capacity(Rate { burst: 2, per_s: 1.0 }, 4, start);
        let admitted = (0..1_000).filter(|&n| limiter.take(address(n), start).is_ok()).count();
        assert_eq!(limiter.table.lock().unwrap().buckets.len(), 4);
        assert_eq!(admitted, 4 + 2, "four addresses of their own, then one shared bucket");
        let later = start + Duration::from_secs(10);
        assert_eq!(limiter.take(address(5_000), later), Ok(()), "the recovered make room");
        assert_eq!(limiter.table.lock().unwrap().buckets.len(), 1);
    }
}
