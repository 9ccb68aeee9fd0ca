//! Tells a Slack channel what happens in sessions.
//!
//! Actions only note what is to be said, as jobs; a job posts it, so that a Slack that is down delays nobody and loses
//! nothing. See README.md for what an operator sets.

use hd1_service::Result;
use hd1_service::prelude::*;

/// What an operator sets.
#[derive(Settings, Deserialize, Debug)]
pub struct SlackSettings {
    /// Tell when a session begins.
    #[setting(yes_or_no, default = true)]
    pub session_started: bool,
    /// Tell when a session ends.
    #[setting(yes_or_no, default = true)]
    pub session_stopped: bool,
    /// Tell when a session breaks down.
    #[setting(yes_or_no, default = true)]
    pub session_crashed: bool,
    /// Tell when somebody comes into a session.
    #[setting(yes_or_no, default = false)]
    pub participant_joined: bool,
    /// Tell when somebody leaves a session for good.
    #[setting(yes_or_no, default = false)]
    pub participant_left: bool,
    /// Messages a minute; what is over them is told together.
    #[setting(whole, min = 1, max = 60, default = 10)]
    pub per_minute: u32,
}

/// The secret with the webhook's address.
const WEBHOOK: &str = "webhook";
/// Characters of a session's name or of a reason that are told.
const SHOWN_CHARS_MAX: usize = 200;
/// Microseconds of a minute.
const MINUTE_US: i64 = 60_000_000;
/// Minutes for which it is remembered how many messages there were: what is left to tell of them waits no longer.
const KEPT_MINUTES: i64 = 120;

#[action("session.started")]
fn started(about: &Value) -> Result<()> {
    tell(about, |settings| settings.session_started, |session, _| format!("{session} began"))
}

#[action("session.stopped")]
fn stopped(about: &Value) -> Result<()> {
    tell(about, |settings| settings.session_stopped, |session, _| format!("{session} ended"))
}

#[action("session.crashed")]
fn crashed(about: &Value) -> Result<()> {
    tell(
        about,
        |settings| settings.session_crashed,
        |session, about| {
            format!(
                ":warning: {session} broke down: {}",
                shown(about["reason"].as_str().unwrap_or("no reason is known"))
            )
        },
    )
}

#[action("participant.joined")]
fn joined(about: &Value) -> Result<()> {
    tell(about, |settings| settings.participant_joined, |session, _| format!("Somebody came into {session}"))
}

#[action("participant.left")]
fn left(about: &Value) -> Result<()> {
    tell(about, |settings| settings.participant_left, |session, _| format!("Somebody left {session}"))
}

/// Posts a message.
#[job]
fn post(payload: Value) -> Result<()> {
    send(payload["text"].as_str().unwrap_or_default())
}

/// Posts how many messages of a minute were too many, once it is over.
#[job]
fn post_rest(payload: Value) -> Result<()> {
    let (minute, limit) =
        (payload["minute"].as_i64().unwrap_or_default(), payload["limit"].as_i64().unwrap_or_default());
    let count = kv::text(&sent(minute))?.and_then(|text| text.parse::<i64>().ok()).unwrap_or_default();
    if count > limit {
        send(&format!("… and {} more", count - limit))?;
    }
    kv::delete(&sent(minute))?;
    Ok(())
}

hd1_service::service! {
    settings: SlackSettings,
    hooks: [started, stopped, crashed, joined, left],
    jobs: [post, post_rest],
}

/// Has something said of a session, if it is wanted.
fn tell(about: &Value, is_wanted: fn(&SlackSettings) -> bool, words: fn(&str, &Value) -> String) -> Result<()> {
    let settings: SlackSettings = config()?;
    if !is_wanted(&settings) {
        return Ok(());
    }
    let id = about["session_id"].as_str().unwrap_or_default();
    // One that is gone by now, or that the plugin may not see, is called by its id.
    let text = words(&titled(id, sessions::get(id).ok().as_ref()), about);
    let (now_us, limit) = (clock::now_us(), i64::from(settings.per_minute));
    let minute = now_us.div_euclid(MINUTE_US);
    let count = kv::add(&sent(minute), 1)?;
    if count <= limit {
        jobs::later::<post>(&json!({ "text": text }), 0, None)?;
    } else {
        let (payload, key) = (json!({ "minute": minute, "limit": limit }), format!("rest/{minute}"));
        jobs::later::<post_rest>(&payload, until_next_minute_ms(now_us), Some(&key))?;
    }
    if count == 1 {
        forget_before(minute - KEPT_MINUTES)?;
    }
    Ok(())
}

fn send(text: &str) -> Result<()> {
    let webhook = secrets::get(WEBHOOK)?;
    let webhook = webhook.ok_or("no webhook is set: hd1 plugin secret set hd1:slack-notify webhook")?;
    let status = http::post_json(webhook.trim(), &json!({ "text": text }))?.status;
    match outcome(status) {
        Outcome::Posted => log::count("posted", 1),
        Outcome::Later => return Err(format!("the webhook answered {status}").into()),
        Outcome::Never => {
            log::error(format!("the webhook answered {status}, so a message is dropped: is its address right?"));
            log::count("dropped", 1);
        }
    }
    Ok(())
}

/// What an answer means for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Posted,
    /// It may be taken another time.
    Later,
    /// It will not be taken, however often it is sent.
    Never,
}

fn outcome(status: u16) -> Outcome {
    match status {
        200..=299 => Outcome::Posted,
        408 | 429 | 500.. => Outcome::Later,
        _ => Outcome::Never,
    }
}

/// How a session is called, as Slack shows it: bold.
fn titled(id: &str, session: Option<&Value>) -> String {
    let name = session.and_then(|session| session["name"].as_str()).filter(|name| !name.trim().is_empty());
    format!("Session *{}*", shown(name.unwrap_or(id)))
}

/// A text of strangers, as Slack wants it: no link, no mention and no new line of theirs comes about.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(SHOWN_CHARS_MAX) {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            c if c.is_control() => shown.push(' '),
            c => shown.push(c),
        }
    }
    shown
}

/// Where it is counted how many messages there were in a minute; of one width, so that their order is that of time.
fn sent(minute: i64) -> String {
    format!("sent/{minute:012}")
}

fn until_next_minute_ms(now_us: i64) -> u64 {
    u64::try_from((MINUTE_US - now_us.rem_euclid(MINUTE_US)) / 1_000).unwrap_or_default()
}

/// Minutes in which nothing was too much leave a count behind.
fn forget_before(minute: i64) -> Result<()> {
    let until = sent(minute);
    for key in kv::keys("sent/", "", 200)? {
        if key < until {
            kv::delete(&key)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_declares_what_it_does() {
        let plan: Value = serde_json::from_str(PLAN).unwrap();
        let points: Vec<_> = plan["hooks"].as_array().unwrap().iter().map(|hook| hook["point"].clone()).collect();
        let joined =
            ["session.started", "session.stopped", "session.crashed", "participant.joined", "participant.left"];
        assert_eq!(points, joined);
        assert_eq!(plan["jobs"], json!([{ "name": "post" }, { "name": "post_rest" }]));
        assert_eq!(plan["config"][5]["default"]["U32"], 10);
    }

    #[test]
    fn what_strangers_write_is_text() {
        assert_eq!(shown("<!channel> & <https://x|y>"), "&lt;!channel&gt; &amp; &lt;https://x|y&gt;");
        assert_eq!(shown("a\nb\u{1b}c \u{1f30a}"), "a b c \u{1f30a}");
        assert_eq!(shown(&"&".repeat(1_000)).len(), SHOWN_CHARS_MAX * "&amp;".len());
    }

    #[test]
    fn a_session_is_called_by_its_name_where_it_has_one() {
        assert_eq!(titled("id", Some(&json!({ "name": "Tom & Ada" }))), "Session *Tom &amp; Ada*");
        for session in [None, Some(json!({})), Some(json!({ "name": " " }))] {
            assert_eq!(titled("id", session.as_ref()), "Session *id*");
        }
    }

    #[test]
    fn what_is_answered_says_whether_it_is_tried_again() {
        for (status, expected) in [
            (200, Outcome::Posted),
            (204, Outcome::Posted),
            (302, Outcome::Never),
            (400, Outcome::Never),
            (404, Outcome::Never),
            (408, Outcome::Later),
            (410, Outcome::Never),
            (429, Outcome::Later),
            (500, Outcome::Later),
            (503, Outcome::Later),
        ] {
            assert_eq!(outcome(status), expected, "{status}");
        }
    }

    #[test]
    fn minutes_are_in_order_and_end() {
        assert!(sent(9) < sent(10) && sent(29_000_000) < sent(29_000_001));
        assert_eq!(until_next_minute_ms(0), 60_000);
        assert_eq!(until_next_minute_ms(MINUTE_US * 3 + 59_500_000), 500);
    }
}
