//! What waits at a world's door for its next tick: bounded, and drained in an order that does not depend on threads.
//!
//! Connections and the control plane push at any time; the world drains once per tick. Of a player's input samples only
//! the newest waits, and of each entity that it drives the newest pose. Operations wait in arrival order per player;
//! players are taken in ascending order, then the control plane's operations in arrival order. That order is what the
//! recording logs.
//!
//! Each connection numbers what it says from 1. So once another connection of the same player is admitted, nothing is heard
//! any more of where the one before it wanted to go, and nobody is told of what it asked for last, though that is done.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hd1_core::PlayerId;
use hd1_protocol::limits::DRIVE_POSES_MAX;
use hd1_protocol::message::NO_OP_ID;
use hd1_protocol::{Drive, InputSample, Operation};
use hd1_replication::ClientKey;
use hd1_sim::Command;

use crate::limits::{MAILBOX_ADMIN_MAX, MAILBOX_COMMANDS_MAX, MAILBOX_COMMANDS_PER_PLAYER_MAX};

/// Why the door did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailboxError {
    /// This player has too many operations waiting; its next one may be tried after a tick.
    #[error("too many operations of this player wait for the next tick")]
    PlayerFull,
    /// The world has too many operations waiting.
    #[error("too many operations wait for this world's next tick")]
    Full,
    /// The world does not tick.
    #[error("the world is not running")]
    Closed,
}

/// One world's door.
#[derive(Debug, Default)]
pub(crate) struct Mailbox(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    open: bool,
    /// The connection that speaks for each player.
    voices: BTreeMap<PlayerId, ClientKey>,
    players: BTreeMap<PlayerId, PlayerQueue>,
    operation_count: usize,
    admin: VecDeque<(u64, Operation)>,
}

#[derive(Debug, Default)]
struct PlayerQueue {
    sample: Option<InputSample>,
    drive: Option<Drive>,
    operations: Vec<(u32, Operation)>,
}

impl Waiting {
    fn speaks(&self, player: PlayerId, key: ClientKey) -> bool {
        self.voices.get(&player) == Some(&key)
    }
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets things in.
    pub fn open(&self) {
        self.lock().open = true;
    }

    /// Lets nothing in any more and forgets what waits; answers the requests that will not be served and the
    /// operations that want a refusal.
    pub fn close(&self) -> (Vec<u64>, Vec<(PlayerId, u32)>) {
        let waiting = {
            let mut waiting = self.lock();
            let voices = std::mem::take(&mut waiting.voices);
            std::mem::replace(&mut *waiting, Waiting { voices, ..Waiting::default() })
        };
        let requests = waiting.admin.into_iter().map(|(request, _)| request).collect();
        let operations = waiting
            .players
            .into_iter()
            .flat_map(|(player, queue)| queue.operations.into_iter().map(move |(id, _)| (player, id)))
            .collect();
        (requests, operations)
    }

    /// From now on this connection speaks for the player.
    pub fn admit(&self, player: PlayerId, key: ClientKey) {
        let mut waiting = self.lock();
        waiting.voices.insert(player, key);
        if let Some(queue) = waiting.players.get_mut(&player) {
            (queue.sample, queue.drive) = (None, None);
            queue.operations.iter_mut().for_each(|(id, _)| *id = NO_OP_ID);
        }
    }

    /// The connection is gone.
    pub fn dismiss(&self, player: PlayerId, key: ClientKey) {
        let mut waiting = self.lock();
        if waiting.speaks(player, key) {
            waiting.voices.remove(&player);
        }
    }

    /// Leaves a player's newest input sample; answers whether it took the place of one that no tick has seen.
    ///
    /// # Errors
    /// [`MailboxError::Closed`].
    pub fn input(&self, player: PlayerId, key: ClientKey, sample: InputSample) -> Result<bool, MailboxError> {
        let mut waiting = self.lock();
        if !waiting.open {
            return Err(MailboxError::Closed);
        }
        if !waiting.speaks(player, key) {
            return Ok(false);
        }
        let slot = &mut waiting.players.entry(player).or_default().sample;
        // Datagrams overtake each other: an older sample never replaces a newer one.
        if slot.is_some_and(|newest| newest.seq >= sample.seq) {
            return Ok(true);
        }
        Ok(slot.replace(sample).is_some())
    }

    /// Leaves where a player's driven entities are; answers whether poses waited that no tick has seen. Of those only what
    /// is not said anew still waits.
    ///
    /// # Errors
    /// [`MailboxError::Closed`].
    pub fn drive(&self, player: PlayerId, key: ClientKey, mut drive: Drive) -> Result<bool, MailboxError> {
        let mut waiting = self.lock();
        if !waiting.open {
            return Err(MailboxError::Closed);
        }
        if !waiting.speaks(player, key) {
            return Ok(false);
        }
        let slot = &mut waiting.players.entry(player).or_default().drive;
        let Some(before) = slot.take() else {
            *slot = Some(drive);
            return Ok(false);
        };
        // A connection hands them on in order.
        for pose in before.poses {
            if drive.poses.len() < DRIVE_POSES_MAX && drive.poses.iter().all(|newer| newer.entity != pose.entity) {
                drive.poses.push(pose);
            }
        }
        *slot = Some(drive);
        Ok(true)
    }

    /// Leaves a client's operation.
    ///
    /// # Errors
    /// [`MailboxError`].
    pub fn operation(
        &self,
        player: PlayerId,
        key: ClientKey,
        id: u32,
        operation: Operation,
    ) -> Result<(), MailboxError> {
        let mut waiting = self.lock();
        if !waiting.open {
            return Err(MailboxError::Closed);
        }
        if waiting.operation_count >= MAILBOX_COMMANDS_MAX {
            return Err(MailboxError::Full);
        }
        let id = if waiting.speaks(player, key) { id } else { NO_OP_ID };
        let queue = waiting.players.entry(player).or_default();
        if queue.operations.len() >= MAILBOX_COMMANDS_PER_PLAYER_MAX {
            return Err(MailboxError::PlayerFull);
        }
        queue.operations.push((id, operation));
        waiting.operation_count += 1;
        Ok(())
    }

    /// Leaves a control-plane operation.
    ///
    /// # Errors
    /// [`MailboxError`].
    pub fn admin(&self, request: u64, operation: Operation) -> Result<(), MailboxError> {
        let mut waiting = self.lock();
        if !waiting.open {
            return Err(MailboxError::Closed);
        }
        if waiting.admin.len() >= MAILBOX_ADMIN_MAX {
            return Err(MailboxError::Full);
        }
        waiting.admin.push_back((request, operation));
        Ok(())
    }

    /// How much waits.
    pub fn depth(&self) -> usize {
        let waiting = self.lock();
        let of = |queue: &PlayerQueue| usize::from(queue.sample.is_some()) + usize::from(queue.drive.is_some());
        let inputs: usize = waiting.players.values().map(of).sum();
        inputs + waiting.operation_count + waiting.admin.len()
    }

    /// Takes everything, in the order in which the tick applies it, appended to `commands`.
    pub fn drain(&self, commands: &mut Vec<Command>) {
        let (players, admin) = {
            let mut waiting = self.lock();
            waiting.operation_count = 0;
            (std::mem::take(&mut waiting.players), std::mem::take(&mut waiting.admin))
        };
        for (player, queue) in players {
            commands.extend(queue.sample.map(|sample| Command::Input { player, sample }));
            commands.extend(queue.drive.map(|drive| Command::Drive { player, drive }));
            commands.extend(queue.operations.into_iter().map(|(id, op)| Command::Op { player, id, op }));
        }
        commands.extend(admin.into_iter().map(|(request, op)| Command::Admin { request, op }));
    }
}

#[cfg(test)]
mod tests {
    use hd1_core::NetId;
    use hd1_protocol::Pose;

    use super::*;

    fn chat(text: &str) -> Operation {
        Operation::Chat { text: text.into() }
    }

    const KEY: ClientKey = ClientKey(1);

    fn open() -> Mailbox {
        let mailbox = Mailbox::default();
        mailbox.open();
        (1..=2).for_each(|player| mailbox.admit(PlayerId(player), KEY));
        mailbox
    }

    fn drained(mailbox: &Mailbox) -> Vec<Command> {
        let mut commands = Vec::new();
        mailbox.drain(&mut commands);
        commands
    }

    #[test]
    fn of_a_connection_that_was_replaced_only_what_it_asked_for_is_done() {
        let mailbox = open();
        let (player, new) = (PlayerId(1), ClientKey(2));
        let sample = |seq| InputSample { seq, ..Default::default() };
        mailbox.input(player, KEY, sample(900)).unwrap();
        mailbox.drive(player, KEY, Drive { seq: 900, poses: Vec::new() }).unwrap();
        mailbox.operation(player, KEY, 7, chat("waits")).unwrap();
        mailbox.admit(player, new);
        // Its task has not heard yet that it is over.
        assert_eq!(mailbox.input(player, KEY, sample(901)), Ok(false));
        assert_eq!(mailbox.drive(player, KEY, Drive { seq: 901, poses: Vec::new() }), Ok(false));
        mailbox.operation(player, KEY, 8, chat("comes late")).unwrap();
        mailbox.dismiss(player, KEY);
        mailbox.input(player, new, sample(1)).unwrap();
        mailbox.operation(player, new, 1, chat("new")).unwrap();
        let op = |id, text| Command::Op { player, id, op: chat(text) };
        let input = Command::Input { player, sample: sample(1) };
        assert_eq!(drained(&mailbox), [input, op(NO_OP_ID, "waits"), op(NO_OP_ID, "comes late"), op(1, "new")]);
        mailbox.dismiss(player, new);
        assert_eq!(mailbox.input(player, new, sample(2)), Ok(false));
    }

    #[test]
    fn players_ascend_arrivals_keep_their_order_and_the_newest_input_wins() {
        let mailbox = open();
        mailbox.admin(1, chat("a")).unwrap();
        mailbox.operation(PlayerId(2), KEY, 20, chat("b")).unwrap();
        mailbox.operation(PlayerId(1), KEY, 11, chat("c")).unwrap();
        mailbox.operation(PlayerId(1), KEY, 10, chat("d")).unwrap();
        for seq in [3, 5, 4] {
            mailbox.input(PlayerId(2), KEY, InputSample { seq, ..Default::default() }).unwrap();
        }
        assert_eq!(mailbox.depth(), 5);
        let mut commands = Vec::new();
        mailbox.drain(&mut commands);
        let order: Vec<_> = commands
            .iter()
            .map(|command| match command {
                Command::Input { player, sample } => (player.0, sample.seq),
                Command::Op { player, id, .. } => (player.0, *id),
                Command::Admin { request, .. } => (99, *request as u32),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(order, [(1, 11), (1, 10), (2, 5), (2, 20), (99, 1)]);
        assert_eq!(mailbox.depth(), 0);
    }

    #[test]
    fn of_each_driven_entity_the_newest_pose_waits() {
        let mailbox = open();
        let pose = |entity, x| Pose { entity: NetId(entity), position: [x; 3], rotation: [0.0; 4], velocity: None };
        let says = |seq, poses: Vec<Pose>| mailbox.drive(PlayerId(1), KEY, Drive { seq, poses }).unwrap();
        assert!(!says(1, vec![pose(7, 1.0), pose(8, 1.0)]));
        assert!(says(2, vec![pose(7, 2.0)]));
        let many =
            |from: u32| (from..from + DRIVE_POSES_MAX as u32).map(|entity| pose(entity, 3.0)).collect::<Vec<_>>();
        let mut commands = Vec::new();
        mailbox.drain(&mut commands);
        let drive = Drive { seq: 2, poses: vec![pose(7, 2.0), pose(8, 1.0)] };
        assert_eq!(commands, [Command::Drive { player: PlayerId(1), drive }]);
        says(3, many(10));
        says(4, many(40));
        commands.clear();
        mailbox.drain(&mut commands);
        assert_eq!(commands, [Command::Drive { player: PlayerId(1), drive: Drive { seq: 4, poses: many(40) } }]);
    }

    #[test]
    fn one_player_cannot_fill_the_door_for_others() {
        let mailbox = open();
        for id in 0..MAILBOX_COMMANDS_PER_PLAYER_MAX as u32 {
            mailbox.operation(PlayerId(1), KEY, id, chat("x")).unwrap();
        }
        assert_eq!(mailbox.operation(PlayerId(1), KEY, 999, chat("x")), Err(MailboxError::PlayerFull));
        mailbox.operation(PlayerId(2), KEY, 1, chat("x")).unwrap();
    }

    #[test]
    fn a_full_door_says_so_and_opens_after_a_tick() {
        let mailbox = open();
        let refused = (0..u32::MAX).find_map(|n| mailbox.operation(PlayerId(n % 1_000), KEY, n, chat("x")).err());
        assert_eq!(refused, Some(MailboxError::Full));
        assert_eq!(mailbox.depth(), MAILBOX_COMMANDS_MAX);
        let refused = (0..).find_map(|n| mailbox.admin(n, chat("x")).err());
        assert_eq!(refused, Some(MailboxError::Full));
        mailbox.drain(&mut Vec::new());
        mailbox.operation(PlayerId(1), KEY, 1, chat("x")).unwrap();
        mailbox.admin(1, chat("x")).unwrap();
    }

    #[test]
    fn a_closed_door_answers_for_what_waited() {
        let mailbox = open();
        mailbox.operation(PlayerId(2), KEY, 7, chat("x")).unwrap();
        mailbox.admin(9, chat("x")).unwrap();
        assert_eq!(mailbox.close(), (vec![9], vec![(PlayerId(2), 7)]));
        assert_eq!(mailbox.admin(1, chat("x")), Err(MailboxError::Closed));
        assert_eq!(mailbox.input(PlayerId(2), KEY, InputSample::default()), Err(MailboxError::Closed));
        mailbox.open();
        assert_eq!(mailbox.depth(), 0);
    }
}
