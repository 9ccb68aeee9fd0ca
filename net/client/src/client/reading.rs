//! What can be read of a client between its events: the world, where to draw it, and the figures.

use hd1_core::NetId;
use hd1_movement::math::quat_yaw;
use hd1_protocol::{
    message::Welcome,
    mirror::{Mirror, SampledTransform},
};
use hd1_session::{Predicted, Prediction, ServerClock};

use super::Client;
use crate::stats::ClientStats;

impl Client {
    /// The world as shown.
    #[must_use]
    pub fn mirror(&self) -> &Mirror {
        self.connection.mirror()
    }

    /// To take the mirror's changes.
    pub fn mirror_mut(&mut self) -> &mut Mirror {
        self.connection.mirror_mut()
    }

    /// Where an entity is to be drawn now: between two ticks that lie behind the newest by the interpolation delay; the
    /// own avatar where it is predicted, and what the client drives where it has it. Before the first pong it is the newest
    /// that the mirror has.
    #[must_use]
    pub fn sample(&self, entity: NetId) -> Option<SampledTransform> {
        let mirror = self.connection.mirror();
        let moment = self.connection.clock().render_tick(self.now_us()).unwrap_or(mirror.acked().0 as f64);
        let mut sampled = mirror.sample_transform(entity, moment)?;
        if let Some(own) = self.predicted().filter(|own| own.entity == entity) {
            sampled.position = own.position;
            sampled.rotation = own.yaw.map_or(sampled.rotation, quat_yaw);
        }
        if let Some(driven) = self.connection.driven(self.now_us()).into_iter().find(|driven| driven.entity == entity) {
            (sampled.position, sampled.rotation) = (driven.position, driven.rotation);
        }
        Some(sampled)
    }

    /// The own avatar, ahead of the mirror by the inputs that are under way: see [`hd1_session::predict`].
    #[must_use]
    pub fn predicted(&self) -> Option<Predicted> {
        self.connection.predicted(self.now_us())
    }

    /// Does the client hold the authority of an entity, as the mirror has it?
    #[must_use]
    pub fn holds(&self, entity: NetId) -> bool {
        self.connection.holds(entity)
    }

    /// The server's clock and ticks.
    #[must_use]
    pub fn clock(&self) -> &ServerClock {
        self.connection.clock()
    }

    /// The newest welcome.
    #[must_use]
    pub fn welcome(&self) -> Option<&Welcome> {
        self.connection.welcome()
    }

    /// The newest input that the world has applied.
    #[must_use]
    pub fn input_ack(&self) -> u32 {
        self.connection.input_ack()
    }

    /// Microseconds since the client was made: the clock of all its figures.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }

    /// Microseconds between the arrivals of the last two new ticks: [`ClientStats::tick_interval_us`] alone.
    #[must_use]
    pub fn tick_interval_us(&self) -> Option<u64> {
        self.stats.tick_interval_us
    }

    /// What it measured.
    #[must_use]
    pub fn stats(&self) -> ClientStats {
        let (bytes_in, bytes_out) = self.connection.bytes();
        let mirror = self.connection.mirror().stats();
        let clock = self.connection.clock();
        let prediction = self.connection.prediction().map(Prediction::stats).unwrap_or_default();
        ClientStats {
            ticks_seen: self.before.ticks_seen + self.stats.ticks_seen,
            ticks_complete: self.before.ticks_complete + self.stats.ticks_complete,
            rtt_us: clock.rtt_us(),
            rtt_min_us: clock.rtt_min_us(),
            bytes_in: self.before.bytes_in + bytes_in,
            bytes_out: self.before.bytes_out + bytes_out,
            updates: self.before.updates + mirror.updates,
            checks: self.before.checks + mirror.checks,
            desyncs: self.before.desyncs + mirror.desyncs,
            reconnects: self.before.reconnects,
            interpolation_delay_us: clock.delay_us(self.now_us()),
            jitter_us: clock.jitter_us(),
            prediction_error_m: prediction.error_m,
            corrections: self.before.corrections + prediction.corrections,
            pending_inputs: prediction.pending_inputs,
            ..self.stats
        }
    }
}
