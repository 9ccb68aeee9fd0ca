//! Hooks: who is asked, in which order, what comes of it, and what of one that faults.

use super::*;
use crate::Chat;

fn say(sim: &mut Sim, player: u32, text: &str) -> (Result<OpDone, OpError>, TickOutput) {
    let op = Operation::Chat { text: text.into() };
    let mut output = tick(sim, vec![Command::Op { player: PlayerId(player), id: 5, op }]);
    (output.op_results.remove(0).result, output)
}

fn said(sim: &mut Sim, text: &str) -> String {
    let (result, mut output) = say(sim, 1, text);
    result.unwrap_or_else(|error| panic!("{text}: {error:?}"));
    output.chats.remove(0).text
}

/// Appends its own letter.
fn letter(batch: &mut Batch<'_>, letter: &str) -> Result<u32, Fault> {
    let line = batch.text(3);
    match line.as_str() {
        "no" => {
            batch.answer("not \nthat");
            Ok(2)
        }
        "nothing" => {
            batch.answer("");
            Ok(2)
        }
        "trap" => Err(Fault::Trap("told to".into())),
        "odd" => Ok(7),
        "empty" => {
            batch.answer("  ");
            Ok(1)
        }
        "lie" => {
            batch.put(40, 1 << 20);
            Ok(1)
        }
        _ => {
            batch.answer(&format!("{line}{letter}"));
            Ok(1)
        }
    }
}

#[test]
fn filters_of_the_chat_are_asked_in_their_order_and_each_sees_what_the_last_has_made() {
    let chat = |name: &str, priority: i32| json!({ "name": name, "point": "chat", "priority": priority });
    let shelf = Shelf::default()
        .hooked("ab", json!([chat("b", 20), chat("a", -1)]), |hook, batch| letter(batch, ["b", "a"][hook]))
        .hooked("c", json!([{ "name": "c", "point": "chat" }]), |_, batch| letter(batch, "c"))
        .hooked("pass", json!([chat("pass", 0)]), |_, batch| {
            assert_eq!((batch.table(0), batch.text(1).as_str()), (1, "player 1"));
            batch.answer("not this");
            Ok(0)
        });
    let mut sim = world(&shelf);
    tick(&mut sim, vec![join(1)]);
    assert_eq!(said(&mut sim, "x"), "x");
    attach(&mut sim, vec![spec("z:c", "c"), spec("a:c", "c"), spec("m:ab", "ab"), spec("m:pass", "pass")]).unwrap();
    assert_eq!(said(&mut sim, " x "), "xaccb");
    // The server is not asked about what it says.
    let output = tick(&mut sim, vec![Command::Admin { request: 1, op: Operation::Chat { text: "x".into() } }]);
    assert_eq!(output.chats, [Chat { player: PlayerId(0), name: "server".into(), text: "x".into() }]);

    let (refused, output) = say(&mut sim, 1, "no");
    let refused = refused.unwrap_err();
    assert_eq!((refused.code, refused.message.as_str()), (OpErrorCode::Denied, "not  that"));
    assert!(output.chats.is_empty() && output.plugin_faults.is_empty());
    assert_eq!(say(&mut sim, 1, "nothing").0.unwrap_err().message, "m:ab refuses it");

    // One that faults has said nothing, and rests until the next tick; the others go on.
    for (line, kind) in [("trap", "trap"), ("odd", "refused"), ("empty", "answer"), ("lie", "answer")] {
        shelf.told("ab");
        let mut sim = world(&shelf);
        tick(&mut sim, vec![join(1)]);
        attach(&mut sim, vec![spec("m:ab", "ab")]).unwrap();
        let op = |id, text: &str| Command::Op { player: PlayerId(1), id, op: Operation::Chat { text: text.into() } };
        let output = tick(&mut sim, vec![op(1, line), op(2, "x")]);
        assert_eq!(output.chats.iter().map(|chat| chat.text.as_str()).collect::<Vec<_>>(), [line, "x"]);
        let [fault] = &output.plugin_faults[..] else { panic!("{line}: {:?}", output.plugin_faults) };
        assert_eq!((fault.plugin.as_str(), fault.system.as_deref(), fault.fault.kind()), ("m:ab", Some("a"), kind));
        let told = shelf.told("ab");
        assert!(told.iter().any(|(number, news)| *number == 1 && news.contains("Fault")), "{told:?}");
        assert_eq!(said(&mut sim, "x"), "xab");
    }
    // One that is held is not asked.
    attach(&mut sim, vec![PluginSpec { runs: false, ..spec("m:ab", "ab") }]).unwrap();
    assert_eq!(said(&mut sim, "x"), "x");
    attach(&mut sim, vec![spec("m:ab", "ab")]).unwrap();
    assert_eq!(said(&mut sim, "x"), "xab");
}

#[test]
fn messages_are_filtered_by_their_topics_and_spawns_may_be_refused() {
    let hooks = json!([
        { "name": "data", "point": "message", "about": ["game.*", "chess"] },
        { "name": "spawn", "point": "spawn" },
    ]);
    let shelf = Shelf::default().hooked("m", hooks, |hook, batch| {
        if hook == 1 {
            let (owned, components) = (batch.table(1), batch.text(2));
            batch.answer(&format!("{owned} {components}"));
            return Ok(if owned > 0 { 2 } else { 0 });
        }
        match batch.text(4).as_str() {
            "1" => batch.answer("not json"),
            "2" => {
                batch.answer("rule 2");
                return Ok(2);
            }
            data => batch.answer(&format!("[{data},{},\"{}\"]", batch.table(1), batch.text(2))),
        }
        Ok(1)
    });
    let mut sim = world(&shelf);
    tick(&mut sim, vec![join(1), join(2)]);
    attach(&mut sim, vec![spec("a:m", "m")]).unwrap();
    let send = |sim: &mut Sim, topic: &str, data: Json| {
        let op = Operation::Send { topic: topic.into(), to: hd1_protocol::said::To::Everyone, data };
        let mut output = tick(sim, vec![Command::Op { player: PlayerId(1), id: 5, op }]);
        let faults = output.plugin_faults.len();
        (
            output.op_results.remove(0).result.map_err(|error| error.message),
            output.messages.pop().map(|m| m.data),
            faults,
        )
    };
    assert_eq!(send(&mut sim, "game.move", json!(5)).1, Some(json!([5, 0, "game.move"])));
    assert_eq!(send(&mut sim, "talk", json!(5)).1, Some(json!(5)));
    assert_eq!(send(&mut sim, "chess", json!(1)), (Ok(OpDone::default()), Some(json!(1)), 1));
    assert_eq!(send(&mut sim, "chess", json!(2)), (Err("rule 2".into()), None, 0));
    let ask = Operation::Ask { to: PlayerId(2), topic: "chess".into(), data: json!(7), timeout_ticks: None };
    let output = tick(&mut sim, vec![Command::Op { player: PlayerId(1), id: 6, op: ask }]);
    assert_eq!(output.requests[0].data, json!([7, 1, "chess"]));

    let label = json!({ "Label": { "text": "hi" } });
    assert!(super::ask(&mut sim, 1, spawn(label.clone())).is_ok());
    let refused = super::ask(&mut sim, 1, spawn(label.clone())).unwrap_err();
    assert_eq!(refused.message, r#"1 {"Label":{"text":"hi"}}"#);
    assert!(admin(&mut sim, spawn(label)).is_ok(), "the control plane is not asked about");
}

#[test]
fn actions_are_told_what_happened_and_their_commands_are_carried_out() {
    // Greets who comes, bids farewell, and takes away what players make within the tick, which tells no one.
    let hooks = json!([
        { "name": "greet", "point": "joined", "topics": ["told"] },
        { "name": "bye", "point": "left", "topics": ["told"] },
        { "name": "heard", "point": "chat_said", "topics": ["told"] },
        { "name": "made", "point": "spawned", "topics": ["told"], "despawns": true, "commands": ["Label"] },
        { "name": "gone", "point": "despawned", "topics": ["told"] },
    ]);
    let shelf = Shelf::default().hooked("t", hooks, |hook, batch| {
        let text = match hook {
            0 => format!("[0,{},{},{},\"{}\"]", batch.table(0), batch.table(1), batch.table(2), batch.text(3)),
            1 => format!("[1,{},\"{}\"]", batch.table(0), batch.text(1)),
            2 => format!("[2,{},\"{}\",\"{}\"]", batch.table(0), batch.text(1), batch.text(3)),
            _ => format!("[{hook},{},{}]", batch.table(0), batch.table(1)),
        };
        let padded = format!("{text:<64}");
        let words: Vec<u32> =
            padded.as_bytes().as_chunks::<4>().0.iter().map(|four| u32::from_le_bytes(*four)).collect();
        batch.command(&[&[5, 0, 0, 64], &words[..]].concat());
        let entity = batch.table(0) as u32;
        if hook == 3 && entity > 4 {
            batch.command(&[1, entity]);
        }
        Ok(0)
    });
    let mut sim = world(&shelf);
    attach(&mut sim, vec![spec("a:t", "t")]).unwrap();
    let told = |output: &TickOutput| output.messages.iter().map(|message| message.data.to_string()).collect::<Vec<_>>();
    let output = tick(&mut sim, vec![join(1), join_as(2, Role::Viewer)]);
    let me = avatar(&sim, 1).0;
    let all = [format!("[3,{me},1]"), format!("[0,1,{me},1,\"player 1\"]"), "[0,2,0,0,\"player 2\"]".into()];
    assert_eq!(told(&output), all);
    assert!(told(&tick(&mut sim, vec![join(1)])).is_empty(), "who is here already does not join");
    let (_, output) = say(&mut sim, 1, "hi");
    assert_eq!(told(&output), ["[2,1,\"player 1\",\"hi\"]"]);

    // What it takes away in the same tick was never seen; that it is gone is told to none.
    let op = |op| Command::Op { player: PlayerId(1), id: 5, op };
    let first = tick(&mut sim, vec![op(spawn(json!({})))]);
    let id = first.op_results[0].result.as_ref().unwrap().entity.unwrap();
    assert_eq!(told(&first), [format!("[3,{},1]", id.0)]);
    assert_eq!(exists(&sim, id), id.0 <= 4);
    let second = tick(&mut sim, vec![op(spawn(json!({})))]);
    let id = second.op_results[0].result.as_ref().unwrap().entity.unwrap();
    assert!(id.0 > 4 && !exists(&sim, id));
    assert_eq!(told(&second), [format!("[3,{},1]", id.0)]);
    let output = tick(&mut sim, vec![Command::Leave { player: PlayerId(1) }]);
    assert_eq!(told(&output), [format!("[4,{me},1]"), "[1,1,\"player 1\"]".into()]);
    assert_eq!(shelf.told("t"), [], "nothing was passed over");
    assert!(told(&tick(&mut sim, vec![])).is_empty());

    // A snapshot keeps them, and the same comes of the same.
    let mut copy = Sim::from_snapshot(&sim.snapshot()).unwrap();
    copy.provide_modules(Arc::new(shelf.clone()));
    let (a, b) = (tick(&mut sim, vec![join(3)]), tick(&mut copy, vec![join(3)]));
    assert_eq!((told(&a), sim.state_hash()), (told(&b), copy.state_hash()));
    assert_eq!(told(&a).len(), 2);
}

#[test]
fn a_plan_of_hooks_is_checked_against_the_world() {
    let hook = |more: Json| {
        let mut hook = json!({ "name": "h", "point": "joined" });
        hook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([hook])
    };
    let shelf = Shelf::default().hooked("unknown", hook(json!({ "commands": ["Nothing"] })), |_, _| Ok(0)).hooked(
        "avatar",
        hook(json!({ "commands": ["Avatar"] })),
        |_, _| Ok(0),
    );
    let mut sim = world(&shelf);
    for (hash, says) in
        [("unknown", "a:h, hook h: this world has no component Nothing"), ("avatar", "insert or remove Avatar")]
    {
        let refused = attach(&mut sim, vec![spec("a:h", hash)]).unwrap_err();
        assert!(refused.message.contains(says), "{}", refused.message);
    }
    // Many things in one tick are told up to a limit.
    let shelf = Shelf::default()
        .hooked("count", json!([{ "name": "made", "point": "spawned" }]), |_, _| Err(Fault::Trap("each time".into())));
    let mut sim = world(&shelf);
    attach(&mut sim, vec![spec("a:h", "count")]).unwrap();
    let commands = (0..100).map(|i| Command::Admin { request: i, op: spawn(json!({})) }).collect();
    assert_eq!(tick(&mut sim, commands).plugin_faults.len(), 1, "it rests after the first");
}
