//! What a client measures of its own connection; the figures of `hd1 bots` are sums over these.

/// Counters since the first connection, and the newest of what varies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClientStats {
    /// Ticks of which a fragment came.
    pub ticks_seen: u64,
    /// Ticks whose state came whole, those in which there was nothing to send among them.
    pub ticks_complete: u64,
    /// Microseconds from tick to tick between the arrivals of the first frames of the last two new ones.
    pub tick_interval_us: Option<u64>,
    /// How old the newest tick was when it was whole, in microseconds.
    pub staleness_us: Option<u64>,
    /// Microseconds of the last round trip.
    pub rtt_us: u64,
    /// Microseconds of the shortest of the last round trips.
    pub rtt_min_us: u64,
    /// Bytes of frames received.
    pub bytes_in: u64,
    /// Bytes of frames sent.
    pub bytes_out: u64,
    /// Component values applied from state.
    pub updates: u64,
    /// Check sums compared.
    pub checks: u64,
    /// Check sums that differed.
    pub desyncs: u64,
    /// Connections after the first.
    pub reconnects: u64,
    /// How far the drawn moment lies behind the newest tick, in microseconds: see [`hd1_session::ServerClock::delay_us`].
    pub interpolation_delay_us: u64,
    /// Jitter of the last arrivals, in microseconds.
    pub jitter_us: u64,
    /// Metres between the own avatar in the newest whole tick and what was predicted for it; `None` where no input was
    /// for that tick.
    pub prediction_error_m: Option<f32>,
    /// States that moved the prediction of the own avatar.
    pub corrections: u64,
    /// Inputs that the server has not confirmed.
    pub pending_inputs: usize,
}

/// Turns arrivals into intervals.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrivals {
    last_us: Option<u64>,
}

impl Arrivals {
    /// The time since the last arrival. A tick that was lost between makes it longer: nothing is smoothed over.
    pub(crate) fn on_tick(&mut self, now: u64) -> Option<u64> {
        self.last_us.replace(now).map(|last| now - last)
    }

    pub(crate) fn forget(&mut self) {
        self.last_us = None;
    }
}
