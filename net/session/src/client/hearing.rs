//! What the server says in messages: some of it is taken in, the rest is told to the program in its time.

use hd1_core::Tick;
use hd1_protocol::ServerMessage;
use hd1_protocol::message::{OpError, OpErrorCode};

use super::held::Progress;
use super::{ClientConnection, Phase, ServerEvent};
use crate::Closing;

impl ClientConnection {
    pub(super) fn message(&mut self, now: u64, message: ServerMessage) -> Result<(), Closing> {
        match message {
            ServerMessage::Welcome(welcome) => return self.on_welcome(now, welcome),
            ServerMessage::OpResult { id, ok, tick, entity, data, error } => {
                self.ops_pending = self.ops_pending.saturating_sub(1);
                let result = match error {
                    None if ok => Ok(entity),
                    error => Err(error.unwrap_or_else(|| OpError {
                        code: OpErrorCode::Invalid,
                        message: "refused without a reason".into(),
                        path: None,
                    })),
                };
                let event = ServerEvent::OpResult { id, tick, result, data };
                match tick {
                    Some(tick) => self.said(now, tick, event),
                    None => self.event(event),
                }
            }
            ServerMessage::Pong { client_us, server_us, tick } => {
                self.clock.on_pong(now, client_us, server_us, tick);
                self.echoed_us = self.echoed_us.max(client_us.min(now));
            }
            ServerMessage::Chat { tick, player, name, text } => {
                self.said(now, tick, ServerEvent::Chat { tick, player, name, text });
            }
            ServerMessage::Message { tick, from, topic, data } => {
                self.said(now, tick, ServerEvent::Message { tick, from, topic, data });
            }
            ServerMessage::Request { tick, id, from, topic, data, until } => {
                self.said(now, tick, ServerEvent::Request { tick, id, from, topic, data, until });
            }
            ServerMessage::Joined { tick, participant } => {
                self.said(now, tick, ServerEvent::Joined { tick, participant });
            }
            ServerMessage::Left { tick, player } => self.said(now, tick, ServerEvent::Left { tick, player }),
            ServerMessage::Registered { schema } => {
                self.mirror.register(schema.clone());
                self.event(ServerEvent::Registered(schema));
            }
            ServerMessage::Close { code, reason } => return Err(Closing::new(code, reason)),
        }
        Ok(())
    }

    /// Something was said of a tick; [`ClientConnection::tell_held`] tells it in time.
    fn said(&mut self, now: u64, tick: Tick, event: ServerEvent) {
        self.held.put(now, tick, event);
    }

    pub(super) fn tell_held(&mut self, now: u64) {
        let progress = Progress {
            is_ready: self.mirror.is_ready(),
            whole: self.mirror.acks().newest(),
            drawn: self.clock.render_tick(now),
            echoed_us: self.echoed_us,
            period_us: self.clock.period_us(),
        };
        while let Some(event) = self.held.pop(now, &progress) {
            self.event(event);
        }
        let echo_from_us = self.held.echo_from_us().filter(|from_us| self.pinged_us < *from_us);
        if let Some(from_us) = echo_from_us.filter(|_| self.phase == Phase::Live) {
            self.ping_due_us = self.ping_due_us.min(from_us);
        }
    }

    pub(super) fn tell_all_held(&mut self) {
        while let Some(event) = self.held.pop_any() {
            self.event(event);
        }
    }
}
