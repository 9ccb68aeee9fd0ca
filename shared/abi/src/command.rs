//! What a system or an action wants done: made of words, read whole before any of it is done.
//!
//! The words stand in `plugins/SIM.md`. A command that its plan does not allow is a fault like a malformed one.

use crate::fault::Fault;
use crate::limits::{COMPONENTS_MAX, MESSAGE_BYTES_MAX, VALUE_WORDS_MAX};
use crate::plan::Orders;

/// One of them. Components and topics are indices into the lists of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// An entity goes.
    Despawn {
        /// Its number.
        entity: u32,
    },
    /// An entity loses a component.
    Remove {
        /// Its number.
        entity: u32,
        /// Which.
        component: usize,
    },
    /// An entity gets a component, or another value of one that it has.
    Insert {
        /// Its number.
        entity: u32,
        /// The component, with a value.
        value: Valued,
    },
    /// An entity comes to be.
    Spawn {
        /// Its components.
        values: Vec<Valued>,
    },
    /// Clients are told something.
    Say {
        /// A player's number; 0 is everyone.
        player: u32,
        /// Under which topic.
        topic: usize,
        /// JSON, if the plugin keeps to the rules.
        json: String,
    },
}

/// A component's value. Whether it is one of that component is for the world to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Valued {
    /// Which.
    pub component: usize,
    /// As they lie in its column.
    pub words: Vec<u32>,
}

struct Words<'a> {
    words: &'a [[u8; 4]],
    at: usize,
    orders: Orders<'a>,
}

/// Reads them all.
///
/// # Errors
/// [`Fault::Commands`] at the first word that is wrong; what follows is not looked at.
pub fn read(bytes: &[u8], orders: Orders<'_>) -> Result<Vec<Command>, Fault> {
    let mut words = Words { words: bytes.as_chunks().0, at: 0, orders };
    let mut commands = Vec::new();
    while words.at < words.words.len() {
        commands.push(words.command()?);
    }
    Ok(commands)
}

impl Words<'_> {
    fn command(&mut self) -> Result<Command, Fault> {
        Ok(match self.word()? {
            1 if self.orders.despawns => Command::Despawn { entity: self.word()? },
            1 => return Err(self.fault("the plan does not say that it despawns")),
            2 => Command::Remove { entity: self.word()?, component: self.component()? },
            3 => Command::Insert { entity: self.word()?, value: self.valued()? },
            4 if self.orders.spawns => Command::Spawn { values: self.values()? },
            4 => return Err(self.fault("the plan does not say that it spawns")),
            5 => Command::Say { player: self.word()?, topic: self.topic()?, json: self.text()? },
            _ => return Err(self.fault("no command has this number")),
        })
    }

    fn values(&mut self) -> Result<Vec<Valued>, Fault> {
        let count = self.word()? as usize;
        if count > COMPONENTS_MAX {
            return Err(self.fault("more components than an entity may be given"));
        }
        let values: Vec<_> = (0..count).map(|_| self.valued()).collect::<Result<_, _>>()?;
        let is_twice = |(i, value): (usize, &Valued)| values[..i].iter().any(|v| v.component == value.component);
        if values.iter().enumerate().any(is_twice) {
            return Err(self.fault("a component is given twice"));
        }
        Ok(values)
    }

    fn valued(&mut self) -> Result<Valued, Fault> {
        let (component, count) = (self.component()?, self.word()?);
        if count > VALUE_WORDS_MAX {
            return Err(self.fault("more words than any component has"));
        }
        let words = (0..count).map(|_| self.word()).collect::<Result<_, _>>()?;
        Ok(Valued { component, words })
    }

    fn component(&mut self) -> Result<usize, Fault> {
        let component = self.word()? as usize;
        if component < self.orders.commands.len() {
            Ok(component)
        } else {
            Err(self.fault("the plan does not name this component"))
        }
    }

    fn topic(&mut self) -> Result<usize, Fault> {
        let topic = self.word()? as usize;
        if topic < self.orders.topics.len() { Ok(topic) } else { Err(self.fault("the plan does not name this topic")) }
    }

    fn text(&mut self) -> Result<String, Fault> {
        let len = self.word()? as usize;
        if len > MESSAGE_BYTES_MAX {
            return Err(self.fault("a longer message than there may be"));
        }
        let end = self.at + len.div_ceil(4);
        let words = self.words.get(self.at..end);
        let words = words.ok_or(Fault::Commands { word: self.at, reason: "they end within one" })?;
        self.at = end;
        let text = String::from_utf8(words.as_flattened()[..len].to_vec());
        text.map_err(|_| self.fault("a message that is not UTF-8"))
    }

    fn word(&mut self) -> Result<u32, Fault> {
        let word = *self.words.get(self.at).ok_or(Fault::Commands { word: self.at, reason: "they end within one" })?;
        self.at += 1;
        Ok(u32::from_le_bytes(word))
    }

    /// Of the word that was read last.
    fn fault(&self, reason: &'static str) -> Fault {
        Fault::Commands { word: self.at - 1, reason }
    }
}
