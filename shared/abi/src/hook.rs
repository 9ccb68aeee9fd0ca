//! Hooks: functions of a module that are asked before something happens, or told that it has.
//!
//! A [`Point`] is a place in the tick where modules may have a say. A filter is asked: it may change what is about to
//! happen, or refuse it. An action is told, and may leave commands. What a hook is handed lies in the same buffer as a
//! batch and begins with the same header, so a module reads both alike; `plugins/SIM.md` tells it.

use crate::fault::Fault;
use crate::layout::{ALIGN, HEADER_BYTES, Step, align, write_header};
use crate::limits::{HOOK_COMMAND_BYTES, REASON_BYTES_MAX};

/// The form of what hooks are handed; stands in the header.
pub const VERSION: u32 = 1;
const VERSION_AT: usize = 44;
const ROOM_USED_AT: usize = 40;

/// A place in the tick at which modules have a say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// A player's line of chat, before anyone sees it.
    Chat,
    /// What a player's program says or asks under a topic, before anyone hears it.
    Message,
    /// An entity that a player asks for, before it is made.
    Spawn,
    /// Someone is here.
    Joined,
    /// Someone is gone.
    Left,
    /// A line of chat was said.
    ChatSaid,
    /// An entity came to be.
    Spawned,
    /// An entity is gone.
    Despawned,
}

/// What hooks at a point can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookKind {
    /// Refuse what is about to happen, and change one of its texts where the point says which.
    Filter {
        /// The index of the field that may be changed, and the bytes that it may have.
        changes: Option<(usize, usize)>,
    },
    /// Leave commands.
    Action,
}

/// A thing that a hook is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookField {
    /// As documents name it.
    pub name: &'static str,
    /// Is it text? Else it is one word.
    pub is_text: bool,
    /// What it means.
    pub doc: &'static str,
}

const fn word(name: &'static str, doc: &'static str) -> HookField {
    HookField { name, is_text: false, doc }
}

const fn text(name: &'static str, doc: &'static str) -> HookField {
    HookField { name, is_text: true, doc }
}

const PLAYER: HookField = word("player", "who asks for it");
const NAME: HookField = text("name", "the player's shown name");

impl Point {
    /// All of them.
    pub const ALL: [Point; 8] = [
        Point::Chat,
        Point::Message,
        Point::Spawn,
        Point::Joined,
        Point::Left,
        Point::ChatSaid,
        Point::Spawned,
        Point::Despawned,
    ];

    /// As a plan names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Point::Chat => "chat",
            Point::Message => "message",
            Point::Spawn => "spawn",
            Point::Joined => "joined",
            Point::Left => "left",
            Point::ChatSaid => "chat_said",
            Point::Spawned => "spawned",
            Point::Despawned => "despawned",
        }
    }

    /// The one of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|point| point.name() == name)
    }

    /// When it is.
    #[must_use]
    pub const fn doc(self) -> &'static str {
        match self {
            Point::Chat => "a player's line of chat, before anyone sees it",
            Point::Message => {
                "what a player's program says (`send`) or asks (`ask`) under a topic, before anyone hears it"
            }
            Point::Spawn => "an entity that a player asks for, when it is found to keep to the rules",
            Point::Joined => "someone is here who was not; a viewer has no avatar",
            Point::Left => "someone is gone, with the avatar",
            Point::ChatSaid => "a line of chat, as it was said",
            Point::Spawned => "an entity came to be, whoever made it; scenes and snapshots are not told",
            Point::Despawned => "an entity is gone, whoever took it away",
        }
    }

    /// What hooks there can do.
    #[must_use]
    pub const fn kind(self) -> HookKind {
        match self {
            Point::Chat => HookKind::Filter { changes: Some((2, 1024)) },
            Point::Message => HookKind::Filter { changes: Some((3, 16 * 1024)) },
            Point::Spawn => HookKind::Filter { changes: None },
            _ => HookKind::Action,
        }
    }

    /// Is it a filter's?
    #[must_use]
    pub const fn is_filter(self) -> bool {
        matches!(self.kind(), HookKind::Filter { .. })
    }

    /// What a hook is told, in its order.
    #[must_use]
    pub const fn fields(self) -> &'static [HookField] {
        const CHAT: &[HookField] =
            &[PLAYER, NAME, text("text", "the line: 1 to 1,024 bytes, without control characters but newlines")];
        const MESSAGE: &[HookField] = &[
            PLAYER,
            word("is_question", "1 where it is asked, 0 where it is said"),
            text("topic", "what it is about"),
            text("data", "JSON of at most 16 KiB"),
        ];
        const SPAWN: &[HookField] = &[
            PLAYER,
            word("owned", "entities that the player owns already, the avatar not counted"),
            text("components", "JSON: an object of components, as they were asked for"),
        ];
        const JOINED: &[HookField] = &[
            word("player", "who"),
            word("avatar", "the avatar's number, or 0"),
            word("role", "0 viewer, 1 participant, 2 moderator, 3 owner"),
            NAME,
        ];
        const LEFT: &[HookField] = &[word("player", "who"), NAME];
        const CHAT_SAID: &[HookField] =
            &[word("player", "who said it; 0 is the server"), NAME, text("text", "the line")];
        const ENTITY: &[HookField] = &[word("entity", "its number"), word("owner", "the player who owns it, or 0")];
        match self {
            Point::Chat => CHAT,
            Point::Message => MESSAGE,
            Point::Spawn => SPAWN,
            Point::Joined => JOINED,
            Point::Left => LEFT,
            Point::ChatSaid => CHAT_SAID,
            Point::Spawned | Point::Despawned => ENTITY,
        }
    }

    /// All points as rows of the table in `plugins/SIM.md`.
    #[must_use]
    pub fn table() -> String {
        let mut table = String::from("| point | when | what it is told |\n|---|---|---|\n");
        for point in Self::ALL {
            let kind = if point.is_filter() { "filter" } else { "action" };
            table.push_str(&format!("| {kind} `{}` | {} | ", point.name(), point.doc()));
            for (i, field) in point.fields().iter().enumerate() {
                let comma = if i == 0 { "" } else { "; " };
                let text = if field.is_text { " (text)" } else { "" };
                let is_changed = matches!(point.kind(), HookKind::Filter { changes: Some((at, _)) } if at == i);
                let changed = if is_changed { ", **may be changed**" } else { "" };
                table.push_str(&format!("{comma}`{}`{text}: {}{changed}", field.name, field.doc));
            }
            table.push_str(" |\n");
        }
        table
    }
}

/// What a hook is told, as its field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// A word.
    Word(u32),
    /// Text.
    Text(&'a str),
}

/// One call of a hook, to be laid into a guest's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// At which point.
    pub point: Point,
    /// In the order of [`Point::fields`].
    pub told: &'a [Told<'a>],
    /// The words of the plugin's config.
    pub config: &'a [u32],
    /// May it leave commands?
    pub has_commands: bool,
}

impl Payload<'_> {
    /// Bytes of it, with the room for what comes back.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.room_at() + self.room_bytes()
    }

    /// Bytes that the hook may write: a text or a reason, or commands.
    fn room_bytes(&self) -> usize {
        match self.point.kind() {
            HookKind::Filter { changes } => align(changes.map_or(0, |(_, bytes)| bytes).max(REASON_BYTES_MAX)),
            HookKind::Action if self.has_commands => HOOK_COMMAND_BYTES,
            HookKind::Action => 0,
        }
    }

    fn config_at(&self) -> usize {
        let words = |told: &Told<'_>| if matches!(told, Told::Word(_)) { 1 } else { 2 };
        HEADER_BYTES + align(4 * self.told.iter().map(words).sum::<usize>())
    }

    fn room_at(&self) -> usize {
        let texts = self.told.iter().map(|told| if let Told::Text(text) = told { align(text.len()) } else { 0 });
        self.config_at() + align(4 * self.config.len()) + texts.sum::<usize>()
    }

    /// Writes it; the room is left as it is.
    ///
    /// # Panics
    /// `buffer` has fewer than [`Payload::bytes`].
    pub fn write(&self, buffer: &mut [u8], step: Step) {
        let (config_at, room_at) = (self.config_at(), self.room_at());
        let config = if self.config.is_empty() { 0 } else { config_at };
        write_header(buffer, step, [HEADER_BYTES, config, room_at, self.room_bytes()]);
        put(buffer, VERSION_AT, VERSION);
        crate::layout::write_words(&mut buffer[config_at..][..4 * self.config.len()], self.config);
        let mut at = HEADER_BYTES;
        let mut text_at = config_at + align(4 * self.config.len());
        for told in self.told {
            match told {
                Told::Word(word) => put(buffer, at, *word),
                Told::Text(text) => {
                    put(buffer, at, text_at as u32);
                    at += 4;
                    put(buffer, at, text.len() as u32);
                    buffer[text_at..][..text.len()].copy_from_slice(text.as_bytes());
                    text_at += align(text.len());
                }
            }
            at += 4;
        }
    }

    /// What a filter has answered, where it returned well.
    ///
    /// # Errors
    /// [`Fault::Answer`] where that is none.
    pub fn answer<'a>(&self, returned: u32, output: &'a [u8]) -> Result<Answer<'a>, Fault> {
        let HookKind::Filter { changes } = self.point.kind() else {
            return if returned == 0 { Ok(Answer::Pass) } else { Err(Fault::Refused(returned)) };
        };
        match (returned, changes) {
            (0, _) => Ok(Answer::Pass),
            (1, Some((_, bytes))) => self.text(output, bytes).map(Answer::Changed),
            (1, None) => Err(Fault::Answer("nothing can be changed at this point")),
            (2, _) => self.text(output, REASON_BYTES_MAX).map(Answer::Refused),
            _ => Err(Fault::Refused(returned)),
        }
    }

    /// The commands that an action has left: whole words.
    ///
    /// # Errors
    /// [`Fault::Commands`] where it says that they are more than there was room for.
    pub fn commands<'a>(&self, output: &'a [u8]) -> Result<&'a [u8], Fault> {
        let reason = "their length is no number of words that there is room for";
        self.used(output, self.room_bytes())
            .filter(|commands| commands.len().is_multiple_of(4))
            .ok_or(Fault::Commands { word: 0, reason })
    }

    fn text<'a>(&self, output: &'a [u8], max: usize) -> Result<&'a str, Fault> {
        let bytes = self.used(output, max).ok_or(Fault::Answer("a text that is longer than there is room for"))?;
        std::str::from_utf8(bytes).map_err(|_| Fault::Answer("a text that is not UTF-8"))
    }

    fn used<'a>(&self, output: &'a [u8], max: usize) -> Option<&'a [u8]> {
        let used = output[ROOM_USED_AT..].first_chunk().map_or(0, |used| u32::from_le_bytes(*used)) as usize;
        if used > max { None } else { Some(&output[self.room_at()..][..used]) }
    }
}

/// What a filter says to what is about to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// Let it be as it is.
    Pass,
    /// Let it be so.
    Changed(&'a str),
    /// Let it not be, because of this.
    Refused(&'a str),
}

/// Is `topic` one of those that a pattern means? A `*` stands for any number of letters.
#[must_use]
pub fn is_about(pattern: &str, topic: &str) -> bool {
    let (pattern, topic) = (pattern.as_bytes(), topic.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the newest star stands, and how much it has been tried with.
    let mut star = None;
    while t < topic.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&topic[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((at, tried)) = star {
            star = Some((at, tried + 1));
            (p, t) = (at + 1, tried + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|rest| *rest == b'*')
}

fn put(buffer: &mut [u8], at: usize, word: u32) {
    buffer[at..at + 4].copy_from_slice(&word.to_le_bytes());
}

const _: () = assert!(HOOK_COMMAND_BYTES.is_multiple_of(ALIGN));
