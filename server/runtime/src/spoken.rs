//! What one tick says to clients, in the order in which each of them hears it.
//!
//! All of it leaves behind the tick's structure, on the same stream: whoever hears of an entity has it already.

use std::collections::BTreeMap;

use hd1_core::{PlayerId, Tick};
use hd1_protocol::ServerMessage;
use hd1_protocol::message::NO_OP_ID;
use hd1_sim::{Answered, Message, OpResult, Recipients, Request, TickOutput, WorldEvent};

use crate::outbox::Item;

/// See the module's words.
#[derive(Debug, Default)]
pub(crate) struct Spoken {
    count: u32,
    everyone: Vec<(u32, Item)>,
    some: BTreeMap<PlayerId, Vec<(u32, Item)>>,
}

impl Spoken {
    /// What came of a tick. First who came, last who left, so that whoever is spoken of is known.
    pub fn of(output: TickOutput) -> Self {
        let mut spoken = Spoken::default();
        let tick = output.tick;
        let mut left = Vec::new();
        for event in output.events {
            match event {
                WorldEvent::Joined(participant) => spoken.tell_all(ServerMessage::Joined { tick, participant }),
                WorldEvent::Left { player } => left.push(player),
                // Replication notices by itself, also what was registered before it began.
                WorldEvent::Registered { .. } => {}
            }
        }
        output.op_results.into_iter().for_each(|done| spoken.result(tick, done));
        output.answers.into_iter().for_each(|answered| spoken.answer(tick, answered));
        for chat in output.chats {
            spoken.tell_all(ServerMessage::Chat { tick, player: chat.player, name: chat.name, text: chat.text });
        }
        output.messages.into_iter().for_each(|message| spoken.message(tick, message));
        for Request { to, id, from, topic, data, until } in output.requests {
            spoken.tell_one(to, ServerMessage::Request { tick, id, from, topic, data, until });
        }
        left.into_iter().for_each(|player| spoken.tell_all(ServerMessage::Left { tick, player }));
        spoken
    }

    /// What one player's client hears.
    pub fn heard_by(&self, player: PlayerId) -> Vec<Item> {
        let own = self.some.get(&player).map_or(&[][..], Vec::as_slice);
        let mut all: Vec<&(u32, Item)> = self.everyone.iter().chain(own).collect();
        all.sort_unstable_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, item)| item.clone()).collect()
    }

    fn result(&mut self, tick: Tick, done: OpResult) {
        if done.id == NO_OP_ID {
            return;
        }
        let (entity, error) = match done.result {
            Ok(done) => (done.entity, None),
            Err(error) => (None, Some(error)),
        };
        let (id, ok, tick) = (done.id, error.is_none(), Some(tick));
        self.tell_one(done.player, ServerMessage::OpResult { id, ok, tick, entity, data: None, error });
    }

    fn answer(&mut self, tick: Tick, answered: Answered) {
        let (data, error) = match answered.result {
            Ok(data) => (Some(data), None),
            Err(error) => (None, Some(error)),
        };
        let (id, ok, tick) = (answered.id, error.is_none(), Some(tick));
        self.tell_one(answered.player, ServerMessage::OpResult { id, ok, tick, entity: None, data, error });
    }

    fn message(&mut self, tick: Tick, message: Message) {
        let Message { to, from, topic, data } = message;
        let said = ServerMessage::Message { tick, from, topic, data };
        match to {
            Recipients::Everyone => self.tell_all(said),
            Recipients::Players(players) => {
                let item = Item::message(said);
                let at = self.next();
                for player in players {
                    self.some.entry(player).or_default().push((at, item.clone()));
                }
            }
        }
    }

    fn tell_all(&mut self, message: ServerMessage) {
        let at = self.next();
        self.everyone.push((at, Item::message(message)));
    }

    fn tell_one(&mut self, player: PlayerId, message: ServerMessage) {
        let at = self.next();
        self.some.entry(player).or_default().push((at, Item::message(message)));
    }

    fn next(&mut self) -> u32 {
        self.count += 1;
        self.count
    }
}

#[cfg(test)]
mod tests {
    use hd1_core::{ClientType, Role};
    use hd1_protocol::message::Participant;
    use hd1_sim::Chat;
    use serde_json::Value as Json;

    use super::*;

    #[test]
    fn each_hears_its_own_in_one_order() {
        let participant =
            Participant { player: PlayerId(2), name: "b".into(), role: Role::Participant, client: ClientType::Bot };
        let message = |to, topic: &str| Message { to, from: PlayerId(2), topic: topic.into(), data: Json::Null };
        let request = |to, id| {
            let (from, topic, data) = (PlayerId(2), String::new(), Json::Null);
            Request { to, id, from, topic, data, until: Tick(9) }
        };
        let output = TickOutput {
            tick: Tick(7),
            events: vec![WorldEvent::Left { player: PlayerId(3) }, WorldEvent::Joined(participant)],
            op_results: vec![OpResult { player: PlayerId(1), id: 5, result: Ok(Default::default()) }],
            answers: vec![Answered { player: PlayerId(2), id: 6, result: Ok(Json::Null) }],
            chats: vec![Chat { player: PlayerId(1), name: "a".into(), text: "hello".into() }],
            messages: vec![
                message(Recipients::Players(vec![PlayerId(1), PlayerId(4)]), "few"),
                message(Recipients::Everyone, "all"),
            ],
            requests: vec![request(PlayerId(1), 8), request(PlayerId(2), 9)],
            ..TickOutput::default()
        };
        let spoken = Spoken::of(output);
        let heard = |player| -> Vec<String> {
            let word = |item: &Item| {
                let Item::Message { message, .. } = item else { panic!("no structure") };
                let json = serde_json::to_value(&**message).unwrap();
                assert_eq!(json["tick"], 7, "{json}");
                format!("{} {}{}", json["t"].as_str().unwrap(), json["id"], json["topic"])
            };
            spoken.heard_by(PlayerId(player)).iter().map(word).collect()
        };
        let all = "message null\"all\"";
        let everybody = ["joined nullnull", "chat nullnull", all, "left nullnull"];
        let first = [
            "joined nullnull",
            "op_result 5null",
            "chat nullnull",
            "message null\"few\"",
            all,
            "request 8\"\"",
            "left nullnull",
        ];
        assert_eq!(heard(1), first);
        assert_eq!(
            heard(2),
            ["joined nullnull", "op_result 6null", "chat nullnull", all, "request 9\"\"", "left nullnull"]
        );
        assert_eq!(heard(4), ["joined nullnull", "chat nullnull", "message null\"few\"", all, "left nullnull"]);
        assert_eq!(heard(5), everybody);
    }
}
