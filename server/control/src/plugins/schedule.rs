//! When jobs are due by themselves.

use std::str::FromStr as _;

use chrono::DateTime;
use croner::Cron;
use hd1_core::Micros;

/// The least time between two runs.
const EVERY_S_MIN: u32 = 10;

/// When a job is due.
#[derive(Clone, Debug)]
pub(super) enum Schedule {
    /// So many seconds after it was done.
    Every(u32),
    /// By a pattern of five parts, in UTC.
    Cron(Box<Cron>),
}

impl Schedule {
    /// `every 90s`, `every 5m`, `every 2h`, or a cron pattern.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(every) = text.strip_prefix("every ") {
            let wrong = || format!("{text:?}: write every 90s, every 5m or every 2h, at least every {EVERY_S_MIN}s");
            let unit = every.chars().last().ok_or_else(wrong)?;
            let factor = match unit {
                's' => 1,
                'm' => 60,
                'h' => 3_600,
                'd' => 86_400,
                _ => return Err(wrong()),
            };
            let number: u32 = every[..every.len() - 1].parse().map_err(|_| wrong())?;
            let seconds = number.checked_mul(factor).filter(|s| (EVERY_S_MIN..=31 * 86_400).contains(s));
            return seconds.map(Schedule::Every).ok_or_else(wrong);
        }
        if text.split_whitespace().count() != 5 {
            return Err(format!("{text:?}: write every 5m, or five parts: minute, hour, day, month, day of the week"));
        }
        Cron::from_str(text).map(|cron| Schedule::Cron(Box::new(cron))).map_err(|error| format!("{text:?}: {error}"))
    }

    /// When it is due next after a moment; `None` where never, as on the 30th of February.
    pub fn after(&self, now: Micros) -> Option<Micros> {
        match self {
            Schedule::Every(seconds) => Some(now.plus_s(i64::from(*seconds))),
            Schedule::Cron(cron) => {
                let next = cron.find_next_occurrence(&DateTime::from_timestamp_micros(now.0)?, false).ok()?;
                Some(Micros(next.timestamp_micros()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str, at: &str) -> String {
        let at = DateTime::parse_from_rfc3339(at).unwrap().timestamp_micros();
        let next = Schedule::parse(text).unwrap().after(Micros(at)).unwrap();
        DateTime::from_timestamp_micros(next.0).unwrap().to_rfc3339()
    }

    #[test]
    fn what_is_due_by_a_pattern_is_due_in_utc_after_now() {
        assert_eq!(after("every 90s", "2026-01-01T00:00:00Z"), "2026-01-01T00:01:30+00:00");
        assert_eq!(after("every 2h", "2026-01-01T00:00:00Z"), "2026-01-01T02:00:00+00:00");
        assert_eq!(after("*/15 * * * *", "2026-01-01T00:15:00Z"), "2026-01-01T00:30:00+00:00");
        assert_eq!(after("0 3 * * MON", "2026-01-01T00:00:00Z"), "2026-01-05T03:00:00+00:00");
        assert_eq!(after("59 23 31 12 *", "2026-12-31T23:59:00Z"), "2027-12-31T23:59:00+00:00");
    }

    #[test]
    fn what_is_no_schedule_says_what_would_be() {
        for text in ["every", "every 5", "every 1s", "every -5m", "every 5 m", "every 99999999h", "hourly", "every m"] {
            let told = Schedule::parse(text).unwrap_err();
            assert!(told.contains("every 5m"), "{text}: {told}");
        }
        for text in ["61 * * * *", "* * * *", "* * * * * *", "a b c d e"] {
            assert!(Schedule::parse(text).is_err(), "{text}");
        }
    }
}
