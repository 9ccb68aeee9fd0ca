//! The points of the server that a service plugin hangs on: what happens (actions), and what is about to (filters).
//!
//! They are one table, so that the list in the documents is made of it. What is told at a point is JSON, named here.

/// Is something told, or asked?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It has happened. Told outside of whatever made it happen, in order, as soon as may be.
    Action,
    /// It is about to happen, and waits: a plugin may change it or refuse it.
    Filter,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Its name in plans.
    pub name: &'static str,
    /// Is something told, or asked?
    pub kind: Kind,
    /// When, for authors.
    pub doc: &'static str,
    /// What is in its JSON.
    pub about: &'static str,
}

const fn action(name: &'static str, doc: &'static str, about: &'static str) -> Point {
    Point { name, kind: Kind::Action, doc, about }
}

const fn filter(name: &'static str, doc: &'static str, about: &'static str) -> Point {
    Point { name, kind: Kind::Filter, doc, about }
}

const SESSION: &str = "`session_id`";
const PARTICIPANT: &str = "`session_id`, `participant_id`";
const PLUGIN: &str = "`plugin`, `version`";

/// All of them.
pub const ALL: [Point; 22] = [
    action("session.created", "A session was made.", "`session_id`, `name`, `scene`, `owner`"),
    action("session.started", "Its world began to tick.", SESSION),
    action("session.paused", "Its world stands still.", SESSION),
    action("session.resumed", "Its world ticks again.", SESSION),
    action("session.hibernated", "Its world was saved and freed.", SESSION),
    action("session.woken", "Its world was brought back.", SESSION),
    action("session.stopped", "Its world ended.", SESSION),
    action("session.crashed", "Its world broke down.", "`session_id`, `reason`"),
    action("session.deleted", "The session is gone with all that was in it.", SESSION),
    action("participant.joined", "Somebody came into a session.", PARTICIPANT),
    action("participant.left", "Somebody left it for good.", PARTICIPANT),
    action("participant.kicked", "Somebody was sent away.", PARTICIPANT),
    action("token.created", "An API token was made.", "`token_id`, `name`, `role`"),
    action("token.revoked", "An API token was revoked.", "`token_id`"),
    action("plugin.loaded", "A plugin was installed, or another version of it.", PLUGIN),
    action("plugin.unloaded", "A plugin was uninstalled.", "`plugin`"),
    action("plugin.enabled", "A plugin may run.", PLUGIN),
    action("plugin.disabled", "A plugin may not run.", PLUGIN),
    filter("session.creating", "A session is about to be made.", "the request's body; a change is read like one"),
    filter(
        "participant.joining",
        "Somebody is about to be let into a session.",
        "`session_id`, `name`, `role`, `client_type`; `name` may be changed",
    ),
    filter(
        "http.request",
        "An API request is about to be answered. Right `middleware`.",
        "`method`, `path`, `query`, `caller`; nothing may be changed; the admin token is never refused",
    ),
    filter(
        "message.sending",
        "Somebody is about to say something in a session over HTTP.",
        "`session_id`, `topic`, `data`; `data` may be changed",
    ),
];

/// The point of a name.
#[must_use]
pub fn of_name(name: &str) -> Option<&'static Point> {
    ALL.iter().find(|point| point.name == name)
}

/// All points as rows of the table in `plugins/SERVICE.md`.
#[must_use]
pub fn table() -> String {
    let mut table = String::from("| point | when | what is told |\n|---|---|---|\n");
    for Point { name, kind, doc, about } in ALL {
        let kind = if kind == Kind::Filter { "filter" } else { "action" };
        table.push_str(&format!("| {kind} `{name}` | {doc} | {about} |\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_table() {
        let told = include_str!("../../../plugins/SERVICE.md");
        assert!(told.contains(&table()), "plugins/SERVICE.md is to have this table:\n{}", table());
    }

    #[test]
    fn a_point_has_one_name() {
        for (i, point) in ALL.iter().enumerate() {
            assert!(ALL[..i].iter().all(|other| other.name != point.name), "{}", point.name);
            assert!(!point.doc.is_empty() && !point.about.is_empty());
        }
    }
}
