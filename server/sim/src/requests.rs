//! Questions of one player's program to another's, or to the server: open until they are answered, refused, or too old.
//!
//! They are state: who asked is told something in any case, also after a snapshot, and time is counted in ticks.

use std::collections::BTreeMap;

use bevy_ecs::resource::Resource;
use bevy_ecs::world::World;
use hd1_core::{PlayerId, Tick};
use hd1_protocol::limits::DECLINED_BYTES_MAX;
use hd1_protocol::message::{OpError, OpErrorCode};
use hd1_protocol::said::{self, Broken};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::limits::{
    ASK_TIMEOUT_S, ASK_TIMEOUT_S_MAX, ASKED_BY_PLAYER_MAX, ASKED_BYTES_MAX, ASKED_OF_PLAYER_MAX, ASKED_OF_SERVER_MAX,
};
use crate::messages::{charge, invalid, nobody};
use crate::operations::refuse;
use crate::output::{Answered, Recipients, Request, TickOutput};
use crate::players::Players;
use crate::plugins::hooks;
use crate::step::Step;

/// The requests that wait for an answer.
#[derive(Resource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Requests {
    /// The newest id given.
    last: u32,
    open: BTreeMap<u32, Open>,
}

/// One that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    from: PlayerId,
    /// The id of the operation that asked.
    op: u32,
    to: PlayerId,
    topic: String,
    data: Json,
    /// The last tick in which an answer counts.
    until: Tick,
}

impl Open {
    fn told(&self, id: u32) -> Request {
        let Open { from, to, topic, data, until, .. } = self.clone();
        Request { to, id, from, topic, data, until }
    }
}

impl Requests {
    /// Was nothing ever asked? Then there is nothing to keep.
    pub(crate) fn is_unused(&self) -> bool {
        *self == Requests::default()
    }

    fn give_id(&mut self) -> u32 {
        loop {
            self.last = self.last.wrapping_add(1);
            if self.last != 0 && !self.open.contains_key(&self.last) {
                return self.last;
            }
        }
    }

    fn take_where(&mut self, is_over: impl Fn(&Open) -> bool) -> Vec<Open> {
        self.open.extract_if(.., |_, open| is_over(open)).map(|(_, open)| open).collect()
    }
}

/// What a player asks.
pub(crate) struct Question<'a> {
    /// The operation's id.
    pub op: u32,
    /// Whom.
    pub to: PlayerId,
    /// About what.
    pub topic: &'a str,
    /// What.
    pub data: &'a Json,
    /// How long it waits.
    pub timeout_ticks: Option<u32>,
}

/// Puts a question; its answer comes later.
pub(crate) fn ask(world: &mut World, from: PlayerId, question: &Question<'_>) -> Result<(), OpError> {
    let Question { op, to, topic, data, timeout_ticks } = *question;
    said::check(topic, data).map_err(invalid)?;
    let Step { tick, rate, .. } = *world.resource::<Step>();
    let most = ASK_TIMEOUT_S_MAX * rate.hz();
    let ticks = timeout_ticks.unwrap_or(ASK_TIMEOUT_S * rate.hz());
    if !(1..=most).contains(&ticks) {
        return Err(invalid(Broken { path: "timeout_ticks", rule: format!("must be from 1 to {most}") }));
    }
    if to == from {
        return Err(invalid(Broken { path: "to", rule: "must be another player".to_owned() }));
    }
    if to != PlayerId::SERVER && !world.resource::<Players>().here.contains_key(&to) {
        return Err(nobody(to));
    }
    let changed = hooks::message(world, from, true, topic, data)?;
    let data = changed.as_ref().unwrap_or(data);
    check_room(world.resource::<Requests>(), from, to, topic.len() + said::data_bytes(data))?;
    charge(world, &Recipients::Players(vec![to]), topic, data)?;
    let mut requests = world.resource_mut::<Requests>();
    let id = requests.give_id();
    let until = Tick(tick.0 + u64::from(ticks));
    let open = Open { from, op, to, topic: topic.to_owned(), data: data.clone(), until };
    let told = open.told(id);
    requests.open.insert(id, open);
    world.resource_mut::<TickOutput>().requests.push(told);
    Ok(())
}

fn check_room(requests: &Requests, from: PlayerId, to: PlayerId, bytes: usize) -> Result<(), OpError> {
    let full = |message: String| Err(refuse(OpErrorCode::QuotaExceeded, message));
    let (mut by, mut of, mut all) = (0, 0, bytes);
    for open in requests.open.values() {
        by += usize::from(open.from == from);
        of += usize::from(open.to == to);
        all += open.topic.len() + said::data_bytes(&open.data);
    }
    if by >= ASKED_BY_PLAYER_MAX {
        return full(format!("{ASKED_BY_PLAYER_MAX} of your requests wait for an answer; wait for some"));
    }
    let (of_max, whom) = match to {
        PlayerId::SERVER => (ASKED_OF_SERVER_MAX, "the server".to_owned()),
        player => (ASKED_OF_PLAYER_MAX, format!("player {player}")),
    };
    if of >= of_max {
        return full(format!("{whom} has {of_max} requests to answer; try again later"));
    }
    if all > ASKED_BYTES_MAX {
        return full("too much waits for an answer in this world; try again later".to_owned());
    }
    Ok(())
}

/// Answers a request that was put to a player.
pub(crate) fn answer(
    world: &mut World,
    player: PlayerId,
    id: u32,
    data: &Json,
    error: Option<&str>,
) -> Result<(), OpError> {
    said::check_data(data).map_err(invalid)?;
    if error.is_some_and(|words| words.is_empty() || words.len() > DECLINED_BYTES_MAX) {
        let rule = format!("must be 1 to {DECLINED_BYTES_MAX} bytes, or left out");
        return Err(invalid(Broken { path: "error", rule }));
    }
    let asked = world.resource::<Requests>().open.get(&id);
    let Some(&Open { from, op, to, .. }) = asked else {
        return Err(refuse(
            OpErrorCode::NotFound,
            format!("request {id} waits for no answer: it is over, or never was"),
        ));
    };
    if to != player {
        return Err(refuse(OpErrorCode::Denied, format!("request {id} was put to another player")));
    }
    charge(world, &Recipients::Players(vec![from]), "", data)?;
    world.resource_mut::<Requests>().open.remove(&id);
    let result = match error {
        None => Ok(data.clone()),
        Some(words) => Err(refuse(OpErrorCode::Declined, words)),
    };
    world.resource_mut::<TickOutput>().answers.push(Answered { player: from, id: op, result });
    Ok(())
}

/// A player left: nobody waits for its answers, nor for those to it.
pub(crate) fn left(world: &mut World, player: PlayerId) {
    let over = world.resource_mut::<Requests>().take_where(|open| open.to == player || open.from == player);
    let mut output = world.resource_mut::<TickOutput>();
    for Open { from, op, .. } in over.into_iter().filter(|open| open.from != player) {
        let result = Err(refuse(OpErrorCode::Gone, format!("player {player} left before it answered")));
        output.answers.push(Answered { player: from, id: op, result });
    }
}

/// A player came back, over another connection: what it asked over the last one it cannot tell any more, and what it
/// was asked it may not have heard.
pub(crate) fn came_back(world: &mut World, player: PlayerId) {
    let mut requests = world.resource_mut::<Requests>();
    requests.open.retain(|_, open| open.from != player);
    let again: Vec<_> =
        requests.open.iter().filter(|(_, open)| open.to == player).map(|(id, open)| open.told(*id)).collect();
    world.resource_mut::<TickOutput>().requests.extend(again);
}

/// Tells those who asked for too long ago. To be called when a tick's commands are applied.
pub(crate) fn expire(world: &mut World) {
    if world.resource::<Requests>().open.is_empty() {
        return;
    }
    let tick = world.resource::<Step>().tick;
    let over = world.resource_mut::<Requests>().take_where(|open| open.until <= tick);
    let mut output = world.resource_mut::<TickOutput>();
    for Open { from, op, to, .. } in over {
        let result = Err(refuse(OpErrorCode::TimedOut, format!("player {to} did not answer in time")));
        output.answers.push(Answered { player: from, id: op, result });
    }
}
