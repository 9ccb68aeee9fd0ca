//! How many requests each plugin sends: so many at once, and so many a minute after a burst.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hd1_host::service::Failure;

use super::limits::{AT_ONCE_MAX, BURST, PER_S};

/// What every plugin has left, by its id.
#[derive(Debug, Default)]
pub(super) struct Budgets(Mutex<HashMap<String, Budget>>);

#[derive(Debug)]
struct Budget {
    under_way: u32,
    left: f64,
    at: Instant,
}

/// One request under way; it has ended when this is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    budgets: Arc<Budgets>,
    plugin: String,
}

impl Budgets {
    /// Takes one of a plugin's requests.
    ///
    /// # Errors
    /// [`Failure::Limit`] where it has none left now.
    pub(super) fn take(self: &Arc<Self>, plugin: &str, now: Instant) -> Result<Permit, Failure> {
        let mut all = self.lock();
        if !all.contains_key(plugin) {
            // Whoever has everything again is as good as never seen, so that those that are gone leave nothing.
            all.retain(|_, budget| {
                budget.refill(now);
                budget.under_way > 0 || budget.left < f64::from(BURST)
            });
        }
        let fresh = || Budget { under_way: 0, left: f64::from(BURST), at: now };
        let budget = all.entry(plugin.to_owned()).or_insert_with(fresh);
        budget.refill(now);
        if budget.under_way >= AT_ONCE_MAX {
            return Err(Failure::Limit(format!("{AT_ONCE_MAX} requests of the plugin are under way already")));
        }
        if budget.left < 1.0 {
            let per_minute = PER_S * 60.0;
            return Err(Failure::Limit(format!("the plugin may send {BURST} requests, then {per_minute} a minute")));
        }
        budget.left -= 1.0;
        budget.under_way += 1;
        Ok(Permit { budgets: Arc::clone(self), plugin: plugin.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Budget>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Budget {
    fn refill(&mut self, now: Instant) {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * PER_S;
        self.left = (self.left + gained).min(f64::from(BURST));
        self.at = now;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(budget) = self.budgets.lock().get_mut(&self.plugin) {
            budget.under_way -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn so_many_at_once_and_so_many_a_minute() {
        let (budgets, now) = (Arc::new(Budgets::default()), Instant::now());
        let held: Vec<_> = (0..AT_ONCE_MAX).map(|_| budgets.take("a", now).unwrap()).collect();
        assert!(matches!(budgets.take("a", now), Err(Failure::Limit(why)) if why.contains("under way")));
        assert!(budgets.take("b", now).is_ok(), "another one's are its own");
        drop(held);
        (AT_ONCE_MAX..BURST).for_each(|_| drop(budgets.take("a", now).unwrap()));
        assert!(matches!(budgets.take("a", now), Err(Failure::Limit(why)) if why.contains("60 a minute")));
        let later = now + Duration::from_secs(2);
        assert!(budgets.take("a", later).is_ok() && budgets.take("a", later).is_ok());
        assert!(budgets.take("a", later).is_err());
        // Those who have recovered are forgotten when a new one comes.
        assert!(budgets.take("c", now + Duration::from_secs(3_600)).is_ok());
        assert_eq!(budgets.lock().len(), 1);
    }
}
