//! Keeps the points of a session, and tells them to everybody in it.
//!
//! A player's program asks the server under `scoreboard/add` and `scoreboard/top`, other plugins call `add`, and everybody in the
//! session hears `scoreboard` when the points have changed: at most a few times a second, whatever happens. Who looks from
//! outside gets the same over HTTP, as JSON or as a page. Points outlive the server; they go with their session.

use hd1_service::prelude::*;
use hd1_service::{Error, Response, Result};

/// What an operator sets.
#[derive(Settings, Deserialize, Debug)]
pub struct BoardSettings {
    /// May players give points to themselves? Else moderators and other plugins give them.
    #[setting(yes_or_no, default = false)]
    pub self_service: bool,
    /// How many are on the board.
    #[setting(whole, min = 1, max = 100, default = 10)]
    pub shown: u32,
    /// Points that can be given at once, or taken.
    #[setting(whole, min = 1, max = 1000000, default = 1000)]
    pub step_max: u32,
}

/// The topic under which everybody hears how the points stand.
const TOPIC: &str = "scoreboard";
/// Between two times that a session is told.
const TOLD_EVERY_MS: u64 = 200;
/// Players of a session who have points.
const PLAYERS_MAX: usize = 200;
const NAME_BYTES_MAX: usize = 80;

/// Points to be given.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Points {
    points: i64,
    /// To whom, by the name on the board; to oneself where it is left out.
    player: Option<String>,
}

/// A line of the board.
#[derive(Serialize, Deserialize, Debug, PartialEq, Eq)]
struct Line {
    player: String,
    points: i64,
}

/// The name under which a request gives points, or why it may not.
fn receiver(asked: &Asked, wish: &Points, settings: &BoardSettings) -> Result<String, String> {
    let is_moderator = ["moderator", "owner"].contains(&asked.role.as_str());
    let player = wish.player.clone().unwrap_or_else(|| asked.name.clone());
    let is_own = settings.self_service && player == asked.name;
    if !is_moderator && !is_own {
        return Err("points are given by moderators".to_owned());
    }
    check(&player, wish.points, settings)?;
    Ok(player)
}

fn check(player: &str, points: i64, settings: &BoardSettings) -> Result<(), String> {
    if player.trim().is_empty() || player.len() > NAME_BYTES_MAX || player.chars().any(char::is_control) {
        return Err(format!("player: one line of 1 to {NAME_BYTES_MAX} bytes"));
    }
    if points.unsigned_abs() > u64::from(settings.step_max) {
        return Err(format!("points: from -{0} to {0}", settings.step_max));
    }
    Ok(())
}

/// The most points first, and of those who have the same the first by name.
fn ranked(mut lines: Vec<Line>, shown: usize) -> Vec<Line> {
    lines.sort_by(|a, b| b.points.cmp(&a.points).then_with(|| a.player.cmp(&b.player)));
    lines.truncate(shown);
    lines
}

fn key(session: &str, player: &str) -> String {
    format!("{session}/{player}")
}

/// Gives points, and has the session told of it soon.
fn give(session: &str, player: &str, points: i64) -> Result<i64> {
    let key = key(session, player);
    if kv::get(&key)?.is_none() && players(session)?.len() >= PLAYERS_MAX {
        return Err(Error::from(format!("{PLAYERS_MAX} players of the session have points already")));
    }
    let sum = kv::add(&key, points)?;
    jobs::later::<tell>(&json!(session), TOLD_EVERY_MS, Some(session))?;
    log::count("points_given", 1);
    Ok(sum)
}

fn players(session: &str) -> Result<Vec<String>> {
    let prefix = key(session, "");
    let keys = kv::keys(&prefix, "", PLAYERS_MAX as u32)?;
    Ok(keys.iter().filter_map(|key| key.strip_prefix(&prefix)).map(str::to_owned).collect())
}

fn board(session: &str) -> Result<Vec<Line>> {
    let settings: BoardSettings = config()?;
    let mut lines = Vec::new();
    for player in players(session)? {
        let text = kv::text(&key(session, &player))?.unwrap_or_default();
        lines.push(Line { points: text.parse().unwrap_or(0), player });
    }
    Ok(ranked(lines, settings.shown as usize))
}

/// Gives points: `{"points": 5}` to oneself, `{"points": 5, "player": "Ada"}` to another.
#[channel("scoreboard/add")]
fn add_for(asked: &Asked) -> Result<Heard> {
    let wish: Points = match asked.data() {
        Ok(wish) => wish,
        Err(error) => return Ok(Heard::declined(error.into_text())),
    };
    match receiver(asked, &wish, &config()?) {
        Ok(player) => Heard::json(&json!({ "points": give(&asked.session, &player, wish.points)?, "player": player })),
        Err(why) => Ok(Heard::declined(why)),
    }
}

/// How the points stand.
#[channel("scoreboard/top")]
fn top_for(asked: &Asked) -> Result<Heard> {
    Heard::json(&board(&asked.session)?)
}

/// Tells everybody in a session.
#[job]
fn tell(session: Value) -> Result<()> {
    let session = session.as_str().unwrap_or_default();
    // Nobody hears it where the session does not run; they ask when they come.
    if sessions::get(session)?["status"] != "running" {
        return Ok(());
    }
    Ok(sessions::send(session, None, TOPIC, &serde_json::to_value(board(session)?)?)?)
}

/// Points go with their session.
#[action("session.deleted")]
fn deleted(about: &Value) -> Result<()> {
    let session = about["session_id"].as_str().unwrap_or_default();
    for player in players(session)? {
        kv::delete(&key(session, &player))?;
    }
    Ok(())
}

/// The board as JSON.
#[route(GET, "/sessions/{session}")]
fn shown(request: &Request) -> Result<Response> {
    Reply::json(&json!({ "board": board(request.param("session"))? }))
}

/// The board as a page.
#[route(GET, "/sessions/{session}/page", access = "anyone")]
fn page(request: &Request) -> Result<Response> {
    Ok(Reply::html(page_of(&board(request.param("session"))?)))
}

fn page_of(board: &[Line]) -> String {
    let lines: String = board
        .iter()
        .map(|Line { player, points }| format!("<tr><td>{}</td><td>{points}</td></tr>", escaped(player)))
        .collect();
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Scoreboard</title><h1>Scoreboard</h1><table><tr><th>Player</th><th>Points</th></tr>{lines}</table></html>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Gives points for another plugin: `{"session": …, "player": …, "points": …}`.
#[function]
fn add(caller: &str, argument: Value) -> Result<Value> {
    let text = |name: &str| argument[name].as_str().unwrap_or_default();
    let points = argument["points"].as_i64().ok_or("points: a whole number")?;
    check(text("player"), points, &config()?)?;
    let sum = give(text("session"), text("player"), points)?;
    log::debug(format!("{caller} gave {points} to {}", text("player")));
    Ok(json!({ "points": sum }))
}

hd1_service::service! {
    settings: BoardSettings,
    routes: [shown, page],
    hooks: [deleted],
    jobs: [tell],
    functions: [add],
    channels: [add_for, top_for],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str, role: &str) -> Asked {
        let text = String::new;
        let (name, role) = (name.to_owned(), role.to_owned());
        Asked { session: text(), participant: text(), player: 1, name, role, topic: text(), data: text() }
    }

    #[test]
    fn points_are_given_by_those_who_may() {
        let strict = BoardSettings { self_service: false, shown: 10, step_max: 100 };
        let free = BoardSettings { self_service: true, shown: 10, step_max: 100 };
        let to = |player: Option<&str>, points| Points { points, player: player.map(str::to_owned) };
        let given = |role: &str, wish: Points, settings: &BoardSettings| receiver(&asked("Ada", role), &wish, settings);
        assert_eq!(given("moderator", to(Some("Ben"), 5), &strict).unwrap(), "Ben");
        assert_eq!(given("owner", to(None, 5), &strict).unwrap(), "Ada");
        assert!(given("participant", to(None, 5), &strict).is_err());
        assert_eq!(given("participant", to(None, 5), &free).unwrap(), "Ada");
        assert!(given("participant", to(Some("Ben"), 5), &free).is_err());
        assert!(given("owner", to(None, -101), &strict).unwrap_err().starts_with("points"));
        assert!(given("owner", to(Some("a\nb"), 1), &strict).unwrap_err().starts_with("player"));
    }

    #[test]
    fn the_most_points_come_first() {
        let line = |player: &str, points| Line { player: player.to_owned(), points };
        let lines = vec![line("Ben", 3), line("Eve", 9), line("Ada", 3)];
        assert_eq!(ranked(lines, 2), [line("Eve", 9), line("Ada", 3)]);
    }

    #[test]
    fn a_name_on_the_page_is_only_a_name() {
        let page = page_of(&[Line { player: "<b>&\"".to_owned(), points: 1 }]);
        assert!(page.contains("<td>&lt;b&gt;&amp;&quot;</td>"), "{page}");
    }
}
