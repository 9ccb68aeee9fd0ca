//! Rules about values: lengths, ranges, characters. Each adds what it refuses to one list, so that a caller learns of
//! everything at once.

use hd1_api::{FieldError, ReplicationSettings};
use hd1_core::Role;
use serde_json::{Map, Value};

use crate::error::{ControlError, Result};
use crate::limits;

/// What was refused so far.
#[derive(Default)]
pub(crate) struct Checks(Vec<FieldError>);

impl Checks {
    pub(crate) fn refuse(&mut self, path: &str, message: impl Into<String>) {
        self.0.push(FieldError { path: path.to_owned(), message: message.into() });
    }

    /// A line for people: some text, of few characters, none of which moves the cursor.
    pub(crate) fn line(&mut self, path: &str, text: &str, chars_max: usize) {
        if text.trim().is_empty() {
            self.refuse(path, "must not be empty");
        } else if text.chars().count() > chars_max {
            self.refuse(path, format!("must have at most {chars_max} characters"));
        } else if text.chars().any(char::is_control) {
            self.refuse(path, "must not contain control characters");
        }
    }

    /// A text for people, possibly of several lines, possibly empty.
    pub(crate) fn text(&mut self, path: &str, text: &str, chars_max: usize) {
        if text.chars().count() > chars_max {
            self.refuse(path, format!("must have at most {chars_max} characters"));
        } else if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            self.refuse(path, "must not contain control characters");
        }
    }

    pub(crate) fn max_participants(&mut self, value: u32) {
        if !(1..=limits::PARTICIPANTS_MAX).contains(&value) {
            self.refuse("max_participants", format!("must be from 1 to {}", limits::PARTICIPANTS_MAX));
        }
    }

    pub(crate) fn guest_role(&mut self, path: &str, role: Role) {
        if role > Role::Participant {
            self.refuse(path, "must be viewer or participant");
        }
    }

    /// How much clients are sent, as far as that can be told without a scene and a server.
    pub(crate) fn replication(&mut self, settings: &ReplicationSettings) {
        let (least, most) = (limits::VIEW_M.start(), limits::VIEW_M.end());
        if settings.view_m.is_some_and(|view_m| !limits::VIEW_M.contains(&view_m)) {
            self.refuse("replication.view_m", format!("must be from {least} to {most} metres, or null"));
        }
        let view_m = settings.view_m.unwrap_or(*most).clamp(*least, *most);
        let cell_m = settings.view_m.map_or(*least, |_| (view_m / limits::VIEW_CELLS_MAX).max(*least))..=view_m;
        if settings.cell_m.is_some_and(|cell| !cell_m.contains(&cell)) {
            let message = format!("must be from {} to {view_m} metres, or null", cell_m.start());
            self.refuse("replication.cell_m", message);
        }
        if settings.client_kbit_s.is_some_and(|kbit_s| kbit_s < limits::CLIENT_KBIT_S_MIN) {
            let message = format!("must be at least {}, or null", limits::CLIENT_KBIT_S_MIN);
            self.refuse("replication.client_kbit_s", message);
        }
    }

    /// JSON of somebody else's, kept as text: small. (U+0000, which PostgreSQL refuses, is escaped in it.)
    pub(crate) fn object(&mut self, path: &str, object: &Map<String, Value>, bytes_max: usize) {
        match serde_json::to_string(object) {
            Ok(text) if text.len() <= bytes_max => {}
            _ => self.refuse(path, format!("must have at most {bytes_max} bytes")),
        }
    }

    pub(crate) fn done(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(ControlError::Invalid(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_refused_is_told_at_once() {
        let mut checks = Checks::default();
        checks.line("name", "  ", 80);
        checks.line("title", "a\u{0}b", 80);
        checks.text("description", &"x".repeat(11), 10);
        checks.max_participants(0);
        checks.guest_role("settings.guest_role", Role::Moderator);
        checks.line("fine", "ünï", 3);
        checks.text("also_fine", "two\nlines", 10);
        checks.replication(&ReplicationSettings { view_m: Some(16.0), cell_m: Some(1.0), client_kbit_s: Some(64) });
        checks.replication(&ReplicationSettings { view_m: Some(f32::INFINITY), cell_m: None, client_kbit_s: Some(63) });
        checks.replication(&ReplicationSettings { view_m: Some(160.0), cell_m: Some(9.9), client_kbit_s: None });
        let Err(ControlError::Invalid(errors)) = checks.done() else { panic!("accepted") };
        let (errors, replication) = errors.split_at(5);
        let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(paths, ["name", "title", "description", "max_participants", "settings.guest_role"]);
        let paths: Vec<_> = replication.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(paths, ["replication.view_m", "replication.client_kbit_s", "replication.cell_m"]);
        assert_eq!(replication[2].message, "must be from 10 to 160 metres, or null");
    }
}
