//! One bot: join, walk, measure, leave.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use hd1_client::{Client, ClientOptions, ClientStats, Conditions, Connector, Endpoint, Event, ServerEvent, Trust};
use hd1_core::{ClientType, Tick};
use tokio::{sync::watch, task::spawn_blocking, time::Instant};

use crate::{
    Args, Transport,
    api::{Admission, Api},
    figures::Samples,
    wander::Wander,
};

/// What a bot is given.
#[derive(Clone)]
pub(crate) struct Brief {
    pub(crate) number: u32,
    pub(crate) session: String,
    pub(crate) args: Arc<Args>,
    pub(crate) api: Api,
    pub(crate) connector: Connector,
    pub(crate) samples: Arc<Mutex<Samples>>,
    /// When to measure, once that is known; then until when.
    pub(crate) window: watch::Receiver<Option<(Instant, Instant)>>,
}

/// What a bot did within the window.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) ticks_expected: u64,
    pub(crate) ticks_received: u64,
    pub(crate) bytes_in: u64,
    pub(crate) updates: u64,
    pub(crate) checks: u64,
    pub(crate) desyncs: u64,
    pub(crate) reconnects: u64,
    pub(crate) corrections: u64,
}

impl Brief {
    /// Enters the session.
    pub(crate) async fn enter(&self) -> Result<Client> {
        let (api, session, name) = (self.api.clone(), self.session.clone(), format!("bot {}", self.number));
        let admission = spawn_blocking(move || api.join(&session, &name)).await??;
        let options = ClientOptions {
            client_type: ClientType::Bot,
            // Nothing is drawn: no history beyond what the codec needs.
            keep_ticks: 0,
            blind: !self.args.has_mirror(self.number),
            conditions: self.conditions(),
            ..ClientOptions::new(endpoint(&admission, self.args.transport)?, admission.ticket)
        };
        Client::connect(&self.connector, options).await.context("connecting")
    }

    /// Walks and measures until the window's end; leaves.
    pub(crate) async fn play(mut self, mut client: Client) -> Result<Outcome> {
        let hz = client.welcome().context("no welcome")?.tick_rate.hz();
        let mut wander = Wander::new(self.number);
        let mut steered = Tick(0);
        let mut first: Option<ClientStats> = None;
        let mut last_rtt = 0;
        loop {
            let window = *self.window.borrow_and_update();
            // Looked at after each event of a world that ticks, and also where it does not.
            let wake = match window {
                Some((start, end)) => {
                    if first.is_none() {
                        start
                    } else {
                        end
                    }
                }
                None => Instant::now() + Duration::from_secs(1),
            };
            let event = tokio::time::timeout_at(wake, client.next()).await;
            let now = Instant::now();
            if let Some((start, end)) = window {
                if now >= start && first.is_none() {
                    first = Some(client.stats());
                }
                if now >= end {
                    break;
                }
            }
            let Ok(event) = event else { continue };
            match event.context("playing")? {
                Event::Server(ServerEvent::Tick(tick)) => {
                    // Once a tick, whole or not.
                    if tick > steered {
                        steered = tick;
                        client.steer(wander.step(hz));
                    }
                    if first.is_some() {
                        let mut samples = self.samples();
                        if let Some(interval) = client.tick_interval_us() {
                            samples.intervals.saturating_record(interval);
                        }
                        let rtt = client.clock().rtt_us();
                        if rtt != last_rtt {
                            last_rtt = rtt;
                            samples.rtts.saturating_record(rtt);
                        }
                    }
                }
                Event::Server(ServerEvent::Complete(_)) if first.is_some() => {
                    self.samples().on_complete(&client.stats());
                }
                _ => {}
            }
        }
        let (first, last) = (first.unwrap_or_default(), client.stats());
        client.leave().await;
        let outcome = Outcome {
            ticks_expected: u64::from(hz) * u64::from(self.args.seconds),
            ticks_received: last.ticks_complete - first.ticks_complete,
            bytes_in: last.bytes_in - first.bytes_in,
            updates: last.updates - first.updates,
            // Also what was compared before the window: a difference is one whenever it shows.
            checks: last.checks,
            desyncs: last.desyncs,
            reconnects: last.reconnects,
            corrections: last.corrections - first.corrections,
        };
        if outcome.ticks_received == 0 {
            bail!("not one whole tick came in {} s", self.args.seconds);
        }
        Ok(outcome)
    }

    fn samples(&self) -> MutexGuard<'_, Samples> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn conditions(&self) -> Option<Conditions> {
        let Args { loss, rtt, .. } = *self.args;
        let delay_us = u64::from(rtt) * 500;
        (loss > 0.0 || rtt > 0).then(|| Conditions {
            loss,
            duplicate: 0.0,
            delay_us,
            // A long way is seldom an even one.
            jitter_us: delay_us / 10,
            seed: u64::from(self.number) + 1,
        })
    }
}

fn endpoint(admission: &Admission, transport: Transport) -> Result<Endpoint> {
    let trust = match &admission.certificate_sha256 {
        None => Trust::System,
        Some(text) => {
            let bytes = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
            Trust::Pinned(vec![bytes.with_context(|| format!("certificate hash {text} is not 64 hex digits"))?])
        }
    };
    let endpoints = &admission.endpoints;
    Ok(match transport {
        Transport::Quic => Endpoint::Quic(endpoints.quic.clone(), trust),
        Transport::WebTransport => Endpoint::WebTransport(endpoints.webtransport.clone(), trust),
        Transport::WebSocket => Endpoint::WebSocket(endpoints.websocket.clone()),
    })
}
