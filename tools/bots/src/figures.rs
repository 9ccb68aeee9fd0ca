//! What the bots measured, in the words of the contract.

use hd1_client::ClientStats;
use hdrhistogram::Histogram;
use serde::Serialize;

/// The JSON object that `hd1 bots --json` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Bots that entered and stayed to the end.
    pub clients_connected: u32,
    /// Bots that did not enter, or did not stay.
    pub clients_failed: u32,
    /// Ticks the bots should have had: seconds × rate, summed.
    pub ticks_expected: u64,
    /// Ticks whose state came whole.
    pub ticks_received: u64,
    /// Between the arrivals of new ticks.
    pub tick_interval_ms: Percentiles,
    /// Round trips.
    pub rtt_ms: Percentiles,
    /// Age of each tick, since the server made it, when it was whole.
    pub state_staleness_ms: Percentiles,
    /// How far what a client draws lies behind the newest tick: a tick, and the jitter of the last arrivals.
    pub interpolation_delay_ms: Percentiles,
    /// Between a bot's avatar in a whole tick and what was predicted for it when the input for that tick left, in metres.
    pub prediction_error_m: Percentiles,
    /// States that moved the prediction of an avatar by a centimetre or more, of all clients in a second.
    pub corrections_per_s: f64,
    /// Bytes of frames to one client in a second.
    pub bytes_per_client_per_s: f64,
    /// Component values applied by all clients in a second.
    pub entity_updates_per_s: f64,
    /// Compared check sums that differed; 0 is the only pass.
    pub desyncs: u64,
    /// Compared check sums.
    pub hash_checks: u64,
    /// Bots that kept a mirror to compare, of those that were asked for.
    pub clients_checked: u32,
}

/// What so many of a hundred stay below, in the unit that the field's name ends with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
    /// 99 of 100.
    pub p99: f64,
}

/// What all bots of the process put their samples into: microseconds, but for the last in micrometres.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) intervals: Histogram<u64>,
    pub(crate) rtts: Histogram<u64>,
    pub(crate) staleness: Histogram<u64>,
    pub(crate) delays: Histogram<u64>,
    pub(crate) errors: Histogram<u64>,
}

/// Larger ones count as this: a minute, or sixty metres.
const SAMPLE_MAX: u64 = 60_000_000;

impl Samples {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let histogram = || Histogram::new_with_bounds(1, SAMPLE_MAX, 3);
        Ok(Samples {
            intervals: histogram()?,
            rtts: histogram()?,
            staleness: histogram()?,
            delays: histogram()?,
            errors: histogram()?,
        })
    }

    /// A client has a tick whole.
    pub(crate) fn on_complete(&mut self, stats: &ClientStats) {
        if let Some(staleness_us) = stats.staleness_us {
            self.staleness.saturating_record(staleness_us);
        }
        self.delays.saturating_record(stats.interpolation_delay_us);
        if let Some(error_m) = stats.prediction_error_m {
            self.errors.saturating_record((f64::from(error_m) * 1.0e6) as u64);
        }
    }
}

impl Percentiles {
    /// Milliseconds of microseconds, to two places.
    pub(crate) fn ms(histogram: &Histogram<u64>) -> Self {
        Self::of(histogram, |us| (us as f64 / 10.0).round() / 100.0)
    }

    /// Metres of micrometres, to the millimetre.
    pub(crate) fn metres(histogram: &Histogram<u64>) -> Self {
        Self::of(histogram, |um| (um as f64 / 1_000.0).round() / 1_000.0)
    }

    fn times(&self, factor: f64) -> Self {
        Percentiles { p50: self.p50 * factor, p95: self.p95 * factor, p99: self.p99 * factor }
    }

    fn of(histogram: &Histogram<u64>, shown: impl Fn(u64) -> f64) -> Self {
        let at = |quantile| shown(histogram.value_at_quantile(quantile));
        Percentiles { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let row = |p: &Percentiles| format!("p50 {:>8.2}   p95 {:>8.2}   p99 {:>8.2}", p.p50, p.p95, p.p99);
        writeln!(f, "clients            {} connected, {} failed", self.clients_connected, self.clients_failed)?;
        writeln!(f, "ticks              {} of {}", self.ticks_received, self.ticks_expected)?;
        writeln!(f, "tick interval, ms  {}", row(&self.tick_interval_ms))?;
        writeln!(f, "round trip, ms     {}", row(&self.rtt_ms))?;
        writeln!(f, "staleness, ms      {}", row(&self.state_staleness_ms))?;
        writeln!(f, "draw delay, ms     {}", row(&self.interpolation_delay_ms))?;
        writeln!(f, "mispredicted, cm   {}", row(&self.prediction_error_m.times(100.0)))?;
        writeln!(f, "corrections        {:.1} per second", self.corrections_per_s)?;
        writeln!(f, "bytes              {:.0} per client and second", self.bytes_per_client_per_s)?;
        writeln!(f, "entity updates     {:.0} per second", self.entity_updates_per_s)?;
        write!(f, "check sums         {} compared, {} differed", self.hash_checks, self.desyncs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_has_the_fields_of_the_contract() {
        let json = serde_json::to_value(Figures::default()).unwrap();
        for field in [
            "clients_connected",
            "clients_failed",
            "ticks_expected",
            "ticks_received",
            "tick_interval_ms",
            "rtt_ms",
            "state_staleness_ms",
            "interpolation_delay_ms",
            "prediction_error_m",
            "corrections_per_s",
            "bytes_per_client_per_s",
            "entity_updates_per_s",
            "desyncs",
            "hash_checks",
        ] {
            assert!(json.get(field).is_some(), "{field}");
        }
        assert!(json["rtt_ms"]["p95"].is_number());
    }
}
