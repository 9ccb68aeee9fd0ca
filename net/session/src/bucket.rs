//! A token bucket in whole numbers: so many a second, so many at once.

/// Grants `per_s` a second and up to `burst` at once.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    per_s: u64,
    /// In millionths of a token, so that a microsecond of any rate is a whole number.
    capacity: u64,
    level: u64,
    filled_us: u64,
}

const TOKEN: u64 = 1_000_000;

impl Bucket {
    /// Full at `now`, in microseconds.
    #[must_use]
    pub fn new(now: u64, per_s: u32, burst: u32) -> Self {
        let capacity = u64::from(burst) * TOKEN;
        Bucket { per_s: per_s.into(), capacity, level: capacity, filled_us: now }
    }

    /// Takes one; `false` where there is none.
    pub fn take(&mut self, now: u64) -> bool {
        let passed = now.saturating_sub(self.filled_us);
        self.filled_us = self.filled_us.max(now);
        self.level = self.level.saturating_add(passed.saturating_mul(self.per_s)).min(self.capacity);
        let granted = self.level >= TOKEN;
        if granted {
            self.level -= TOKEN;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let mut bucket = Bucket::new(0, 10, 3);
        let granted = |bucket: &mut Bucket, now| (0..10).filter(|_| bucket.take(now)).count();
        assert_eq!(granted(&mut bucket, 0), 3);
        assert_eq!(granted(&mut bucket, 100_000), 1);
        assert_eq!(granted(&mut bucket, 90_000), 0, "a clock that steps back grants nothing");
        assert_eq!(granted(&mut bucket, u64::MAX), 3);
    }
}
