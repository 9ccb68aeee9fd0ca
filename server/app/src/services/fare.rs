//! How one service fares: what faulted lately, and whether it is left out for it.
//!
//! The same rule as for systems in a world: three faults in a minute leave it out for a second, then for two, four, eight;
//! the fifth time in ten minutes is for good, until somebody restarts it. Times are those since the server began.

use std::collections::VecDeque;
use std::time::Duration;

use hd1_api::ServiceState;

const FAULTS_MAX: usize = 3;
const FAULT_WINDOW: Duration = Duration::from_secs(60);
const RESTARTS_MAX: usize = 5;
const RESTART_WINDOW: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// See the module's words.
#[derive(Clone, Debug)]
pub(super) struct Fare {
    since: Duration,
    /// The newest faults, and the newest times that it was left out.
    faults: VecDeque<Duration>,
    restarts: VecDeque<Duration>,
    out: Out,
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Out {
    No,
    Until(Duration),
    ForGood,
}

impl Fare {
    pub fn new(now: Duration) -> Self {
        Fare { since: now, faults: VecDeque::new(), restarts: VecDeque::new(), out: Out::No, reason: None }
    }

    /// May it be called?
    pub fn may_run(&mut self, now: Duration) -> bool {
        if let Out::Until(until) = self.out
            && until <= now
        {
            (self.out, self.since) = (Out::No, now);
        }
        self.out == Out::No
    }

    /// A call broke down. Answers whether it is left out for it.
    pub fn fault(&mut self, reason: &str, now: Duration) -> bool {
        let was_well = self.faults.back().is_none_or(|last| *last + FAULT_WINDOW < now);
        if was_well {
            self.since = now;
        }
        self.reason = Some(reason.to_owned());
        self.faults.push_back(now);
        self.faults.retain(|at| *at + FAULT_WINDOW >= now);
        if self.out != Out::No || self.faults.len() < FAULTS_MAX {
            return false;
        }
        self.faults.clear();
        self.restarts.push_back(now);
        self.restarts.retain(|at| *at + RESTART_WINDOW >= now);
        let times = self.restarts.len();
        let pause = (PAUSE * 2_u32.pow(times.min(8) as u32 - 1)).min(PAUSE_MAX);
        self.out = if times >= RESTARTS_MAX { Out::ForGood } else { Out::Until(now + pause) };
        self.since = now;
        true
    }

    /// Its state, since when, and why.
    pub fn shown(&mut self, now: Duration) -> (ServiceState, Duration, Option<String>) {
        self.may_run(now);
        let lately = self.faults.back().is_some_and(|last| *last + FAULT_WINDOW >= now)
            || self.restarts.back().is_some_and(|last| *last + FAULT_WINDOW >= now);
        match self.out {
            Out::ForGood => (ServiceState::Suspended, self.since, self.reason.clone()),
            Out::Until(_) => (ServiceState::Restarting, self.since, self.reason.clone()),
            Out::No if lately => (ServiceState::Degraded, self.since, self.reason.clone()),
            Out::No => (ServiceState::Started, self.since, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn who_faults_is_left_out_longer_each_time_and_at_last_for_good() {
        let (mut fare, mut now) = (Fare::new(S), S);
        assert_eq!(fare.shown(now), (ServiceState::Started, S, None));
        for pause in [1, 2, 4, 8] {
            assert!(!fare.fault("a", now) && !fare.fault("b", now));
            assert_eq!(fare.shown(now).0, ServiceState::Degraded);
            assert!(fare.fault("it trapped", now));
            assert_eq!(fare.shown(now), (ServiceState::Restarting, now, Some("it trapped".to_owned())));
            assert!(!fare.may_run(now + S * pause - Duration::from_millis(1)), "after {pause} s");
            now += S * pause;
            assert!(fare.may_run(now));
        }
        let times = (0..3).filter(|_| fare.fault("it trapped", now)).count();
        assert_eq!(times, 1);
        assert_eq!(fare.shown(now + S * 1_000).0, ServiceState::Suspended);
    }

    #[test]
    fn faults_far_apart_leave_nobody_out() {
        let mut fare = Fare::new(Duration::ZERO);
        for minute in 1..20 {
            assert!(!fare.fault("a", S * minute * 40));
        }
        assert_eq!(fare.shown(S * 19 * 40).0, ServiceState::Degraded);
        assert_eq!(fare.shown(S * 2_000).0, ServiceState::Started);
    }
}
