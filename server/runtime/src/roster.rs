//! Who is in a world: seats that outlive connections, the grace period, and the joins and leaves that ticks apply.
//!
//! A seat binds a participant to a player number and so to an avatar. It is kept while its holder is connected or
//! expected back; it travels in snapshots. Nothing here knows of sockets or of the simulation.

use std::collections::BTreeMap;

use hd1_core::{ParticipantId, PlayerId};
use hd1_protocol::InputSample;
use hd1_protocol::message::Participant;
use hd1_replication::ClientKey;
use hd1_sim::Command;

use crate::observer::Presence;
use crate::snapshot::{Seat, Seats};
use crate::time::Nanos;

/// The seats of a live world.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    seats: BTreeMap<PlayerId, Held>,
    last_player: u32,
    /// Joins and leaves for the next tick, in the order they happened.
    pending: Vec<Command>,
    news: Vec<News>,
}

#[derive(Debug)]
struct Held {
    seat: Seat,
    holder: Holder,
    /// Has a tick applied its join?
    seen: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Connected(ClientKey),
    AbsentSince(Nanos),
}

/// What the observer is to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub participant: ParticipantId,
    pub presence: Presence,
}

/// Where a newcomer sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entered {
    pub player: PlayerId,
    /// The connection that it takes the place of.
    pub replaced: Option<ClientKey>,
}

/// Who wants in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entrant {
    pub participant: ParticipantId,
    pub name: String,
    pub role: hd1_core::Role,
    pub client: hd1_core::ClientType,
}

impl Roster {
    /// The seats of a snapshot, everybody absent since now.
    pub fn restore(seats: Seats, now_ns: Nanos) -> Self {
        let hold = |seat: Seat| (seat.player, Held { seat, holder: Holder::AbsentSince(now_ns), seen: true });
        Roster {
            last_player: seats.last_player,
            seats: seats.taken.into_iter().map(hold).collect(),
            pending: seats.leaving.into_iter().map(|player| Command::Leave { player }).collect(),
            ..Roster::default()
        }
    }

    /// The seats for a snapshot: as the world knows them, so without joins and with leaves that wait for a tick.
    pub fn seats(&self) -> Seats {
        let leaves = |command: &Command| match command {
            Command::Leave { player } => Some(*player),
            _ => None,
        };
        Seats {
            last_player: self.last_player,
            taken: self.seats.values().filter(|held| held.seen).map(|held| held.seat.clone()).collect(),
            leaving: self.pending.iter().filter_map(leaves).collect(),
        }
    }

    /// Gives somebody a seat, the one it had if it had one.
    pub fn enter(&mut self, entrant: &Entrant, key: ClientKey) -> Entered {
        let holder = Holder::Connected(key);
        let known = self.seats.values_mut().find(|held| held.seat.participant == entrant.participant);
        if let Some(held) = known {
            let replaced = match std::mem::replace(&mut held.holder, holder) {
                Holder::Connected(old) => Some(old),
                Holder::AbsentSince(_) => None,
            };
            let player = held.seat.player;
            held.seat.name.clone_from(&entrant.name);
            held.seat.role = entrant.role;
            held.seat.client = entrant.client;
            // Joining again keeps the avatar, brings a changed name or role, and lets input numbers begin anew.
            self.pending.push(join(&held.seat));
            self.news.push(News { participant: entrant.participant, presence: Presence::Connected });
            return Entered { player, replaced };
        }
        self.last_player += 1;
        let player = PlayerId(self.last_player);
        let Entrant { participant, name, role, client } = entrant.clone();
        let seat = Seat { participant, player, name, role, client };
        self.pending.push(join(&seat));
        self.news.push(News { participant, presence: Presence::Connected });
        self.seats.insert(player, Held { seat, holder, seen: false });
        Entered { player, replaced: None }
    }

    /// A connection is gone. Answers the participant if it still held a seat by it.
    pub fn gone(&mut self, key: ClientKey, for_good: bool, now_ns: Nanos) -> Option<ParticipantId> {
        let held = self.seats.values_mut().find(|held| held.holder == Holder::Connected(key))?;
        held.holder = Holder::AbsentSince(now_ns);
        let (participant, player) = (held.seat.participant, held.seat.player);
        if for_good {
            self.leave(player);
        } else {
            self.news.push(News { participant, presence: Presence::Absent });
        }
        Some(participant)
    }

    /// Is a participant connected?
    pub fn is_connected(&self, participant: ParticipantId) -> bool {
        self.list().any(|(seat, connected)| connected && seat.participant == participant)
    }

    /// Takes a participant's seat away; answers its connection if it has one.
    pub fn remove(&mut self, participant: ParticipantId) -> Option<ClientKey> {
        let held = self.seats.values().find(|held| held.seat.participant == participant)?;
        let key = match held.holder {
            Holder::Connected(key) => Some(key),
            Holder::AbsentSince(_) => None,
        };
        self.leave(held.seat.player);
        key
    }

    /// Takes the seats of those who were absent for longer than `grace_ns`.
    pub fn expire(&mut self, now_ns: Nanos, grace_ns: Nanos) {
        let late = |held: &Held| match held.holder {
            Holder::AbsentSince(since) => now_ns.saturating_sub(since) > grace_ns,
            Holder::Connected(_) => false,
        };
        let players: Vec<_> = self.seats.values().filter(|held| late(held)).map(|held| held.seat.player).collect();
        players.into_iter().for_each(|player| self.leave(player));
    }

    /// Takes the joins and leaves for a tick.
    pub fn drain(&mut self, commands: &mut Vec<Command>) {
        commands.append(&mut self.pending);
        self.seats.values_mut().for_each(|held| held.seen = true);
    }

    /// An absent player's avatar stands still, looking where it looked; the next join counts inputs from 1 again.
    pub fn halt(&mut self, player: PlayerId, last: Option<InputSample>) {
        if let Some(last) = last {
            let sample = InputSample { seq: u32::MAX, strafe: 0.0, forward: 0.0, buttons: 0, ..last };
            self.pending.push(Command::Input { player, sample });
        }
    }

    /// Who sits under a number.
    pub fn seat(&self, player: PlayerId) -> Option<&Seat> {
        self.seats.get(&player).map(|held| &held.seat)
    }

    /// Takes what the observer is to hear.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Everybody here, those expected back included.
    pub fn participants(&self) -> Vec<Participant> {
        self.seats.values().map(|held| shown(&held.seat)).collect()
    }

    /// Everybody here with whether they are connected.
    pub fn list(&self) -> impl Iterator<Item = (&Seat, bool)> {
        self.seats.values().map(|held| (&held.seat, matches!(held.holder, Holder::Connected(_))))
    }

    fn leave(&mut self, player: PlayerId) {
        let Some(held) = self.seats.remove(&player) else { return };
        self.pending.push(Command::Leave { player });
        let participant = held.seat.participant;
        self.news.push(News { participant, presence: Presence::Left });
    }
}

fn join(seat: &Seat) -> Command {
    Command::Join { player: seat.player, name: seat.name.clone(), role: seat.role, client_type: seat.client }
}

fn shown(seat: &Seat) -> Participant {
    Participant { player: seat.player, name: seat.name.clone(), role: seat.role, client: seat.client }
}

#[cfg(test)]
mod tests {
    use hd1_core::{ClientType, Role};

    use super::*;

    fn entrant(name: &str) -> Entrant {
        let participant = ParticipantId::generate();
        Entrant { participant, name: name.into(), role: Role::Participant, client: ClientType::Bot }
    }

    fn commands(roster: &mut Roster) -> Vec<(char, u32)> {
        let mut commands = Vec::new();
        roster.drain(&mut commands);
        let short = |command| match command {
            Command::Join { player, .. } => ('+', player.0),
            Command::Leave { player } => ('-', player.0),
            other => panic!("{other:?}"),
        };
        commands.into_iter().map(short).collect()
    }

    #[test]
    fn a_seat_waits_for_its_holder_and_no_longer() {
        let (mut roster, ada) = (Roster::default(), entrant("ada"));
        assert_eq!(roster.enter(&ada, ClientKey(1)), Entered { player: PlayerId(1), replaced: None });
        assert_eq!(roster.gone(ClientKey(1), false, 10), Some(ada.participant));
        roster.expire(110, 100);
        assert_eq!(roster.enter(&ada, ClientKey(2)), Entered { player: PlayerId(1), replaced: None });
        assert_eq!(commands(&mut roster), [('+', 1), ('+', 1)]);
        roster.gone(ClientKey(2), false, 200);
        roster.expire(301, 100);
        assert_eq!(commands(&mut roster), [('-', 1)]);
        assert_eq!(roster.enter(&ada, ClientKey(3)).player, PlayerId(2), "numbers are never used twice");
    }

    #[test]
    fn the_newer_connection_replaces_and_the_older_one_leaving_changes_nothing() {
        let (mut roster, ada) = (Roster::default(), entrant("ada"));
        roster.enter(&ada, ClientKey(1));
        let entered = roster.enter(&ada, ClientKey(2));
        assert_eq!(entered, Entered { player: PlayerId(1), replaced: Some(ClientKey(1)) });
        assert_eq!(roster.gone(ClientKey(1), true, 5), None);
        assert_eq!(commands(&mut roster), [('+', 1), ('+', 1)]);
        assert_eq!(roster.list().map(|(_, connected)| connected).collect::<Vec<_>>(), [true]);
    }

    #[test]
    fn seats_survive_a_snapshot_but_not_those_the_world_never_saw() {
        let (mut roster, ada, bob) = (Roster::default(), entrant("ada"), entrant("bob"));
        roster.enter(&ada, ClientKey(1));
        commands(&mut roster);
        roster.enter(&bob, ClientKey(2));
        let mut restored = Roster::restore(roster.seats(), 0);
        assert_eq!(restored.participants().len(), 1);
        assert_eq!(restored.enter(&ada, ClientKey(3)).player, PlayerId(1));
        assert_eq!(commands(&mut restored), [('+', 1)]);
        assert_eq!(restored.enter(&bob, ClientKey(4)).player, PlayerId(3), "2 may be known elsewhere");
        restored.remove(ada.participant);
        let mut again = Roster::restore(restored.seats(), 0);
        assert_eq!(commands(&mut restored), [('+', 3), ('-', 1)]);
        assert_eq!(commands(&mut again), [('-', 1)], "a leave that no tick saw is not forgotten");
    }
}
