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
/// Steps that are remembered.
const STEPS_MAX: usize = 16;

/// See the module's words.
#[derive(Clone, Debug)]
pub(super) struct Fare {
    /// Where it stood, and where it stands.
    steps: VecDeque<Step>,
    /// The newest faults, and the newest times that it was left out.
    faults: VecDeque<Duration>,
    restarts: VecDeque<Duration>,
    out: Out,
    reason: Option<String>,
}

/// A state, since when, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub state: ServiceState,
    pub since: Duration,
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Out {
    No,
    Until(Duration),
    ForGood,
}

impl Fare {
    /// One that begins now; `before` is how the same plugin fared.
    pub fn new(now: Duration, before: Option<&Fare>) -> Self {
        let steps = before.map(|before| before.steps.clone()).unwrap_or_default();
        let (faults, restarts) = (VecDeque::new(), VecDeque::new());
        let mut fare = Fare { steps, faults, restarts, out: Out::No, reason: None };
        fare.push(Step { state: ServiceState::Started, since: now, reason: None });
        fare
    }

    /// May it be called?
    pub fn may_run(&mut self, now: Duration) -> bool {
        self.look(now);
        self.out == Out::No
    }

    /// A call broke down. Answers whether it is left out for it.
    pub fn fault(&mut self, reason: &str, now: Duration) -> bool {
        self.look(now);
        self.reason = Some(reason.to_owned());
        self.faults.push_back(now);
        self.faults.retain(|at| *at + FAULT_WINDOW >= now);
        if self.out != Out::No || self.faults.len() < FAULTS_MAX {
            self.look(now);
            return false;
        }
        self.faults.clear();
        self.restarts.push_back(now);
        self.restarts.retain(|at| *at + RESTART_WINDOW >= now);
        let times = self.restarts.len();
        let pause = (PAUSE * 2_u32.pow(times.min(8) as u32 - 1)).min(PAUSE_MAX);
        self.out = if times >= RESTARTS_MAX { Out::ForGood } else { Out::Until(now + pause) };
        self.look(now);
        true
    }

    /// Its states, the newest last, which is the one that it is in.
    pub fn steps(&mut self, now: Duration) -> &VecDeque<Step> {
        self.look(now);
        &self.steps
    }

    /// Notes what has changed by the time alone.
    fn look(&mut self, now: Duration) {
        if let Out::Until(until) = self.out
            && until <= now
        {
            self.out = Out::No;
            self.step(ServiceState::Degraded, until, self.reason.clone());
        }
        let newest = self.faults.back().max(self.restarts.back()).copied();
        let (state, since) = match (self.out, newest) {
            (Out::ForGood, _) => (ServiceState::Suspended, now),
            (Out::Until(_), _) => (ServiceState::Restarting, now),
            (Out::No, Some(newest)) if newest + FAULT_WINDOW >= now => (ServiceState::Degraded, newest),
            (Out::No, Some(newest)) => (ServiceState::Started, newest + FAULT_WINDOW),
            (Out::No, None) => return,
        };
        let reason = self.reason.clone().filter(|_| state != ServiceState::Started);
        self.step(state, since, reason);
    }

    /// Goes on to another state; in the same one only the reason may be new.
    fn step(&mut self, state: ServiceState, since: Duration, reason: Option<String>) {
        match self.steps.back_mut() {
            Some(last) if last.state == state => last.reason = reason,
            _ => self.push(Step { state, since, reason }),
        }
    }

    fn push(&mut self, step: Step) {
        self.steps.push_back(step);
        if self.steps.len() > STEPS_MAX {
            self.steps.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn shown(fare: &mut Fare, now: Duration) -> (ServiceState, Duration, Option<String>) {
        let Step { state, since, reason } = fare.steps(now).back().unwrap().clone();
        (state, since, reason)
    }

    #[test]
    fn who_faults_is_left_out_longer_each_time_and_at_last_for_good() {
        let (mut fare, mut now) = (Fare::new(S, None), S);
        assert_eq!(shown(&mut fare, now), (ServiceState::Started, S, None));
        for pause in [1, 2, 4, 8] {
            assert!(!fare.fault("a", now) && !fare.fault("b", now));
            assert_eq!(shown(&mut fare, now).0, ServiceState::Degraded);
            assert!(fare.fault("it trapped", now));
            assert_eq!(shown(&mut fare, now), (ServiceState::Restarting, now, Some("it trapped".to_owned())));
            assert!(!fare.may_run(now + S * pause - Duration::from_millis(1)), "after {pause} s");
            now += S * pause;
            assert!(fare.may_run(now));
        }
        let times = (0..3).filter(|_| fare.fault("it trapped", now)).count();
        assert_eq!(times, 1);
        assert_eq!(shown(&mut fare, now + S * 1_000).0, ServiceState::Suspended);
    }

    #[test]
    fn faults_far_apart_leave_nobody_out() {
        let mut fare = Fare::new(Duration::ZERO, None);
        for minute in 1..20 {
            assert!(!fare.fault("a", S * minute * 40));
        }
        assert_eq!(shown(&mut fare, S * 19 * 40).0, ServiceState::Degraded);
        assert_eq!(shown(&mut fare, S * 2_000).0, ServiceState::Started);
    }

    #[test]
    fn where_it_stood_is_remembered_over_a_restart() {
        let mut fare = Fare::new(S, None);
        for _ in 0..3 {
            let _ = fare.fault("it trapped", S * 5);
        }
        let mut again = Fare::new(S * 20, Some(&fare));
        let told: Vec<_> = again.steps(S * 200).iter().map(|step| (step.state, step.since)).collect();
        let (started, degraded, out) = (ServiceState::Started, ServiceState::Degraded, ServiceState::Restarting);
        assert_eq!(told, [(started, S), (degraded, S * 5), (out, S * 5), (started, S * 20)]);
        // By the time alone: left out for a second, watched for a minute, well again.
        let told: Vec<_> = fare.steps(S * 200).iter().map(|step| (step.state, step.since)).collect();
        assert_eq!(told[3..], [(degraded, S * 6), (started, S * 65)]);
        for minute in 1..100 {
            let _ = fare.fault("again", S * 300 * minute);
        }
        assert_eq!(fare.steps(S * 40_000).len(), STEPS_MAX);
    }
}
