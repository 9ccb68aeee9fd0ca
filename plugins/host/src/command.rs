//! What a system wants done besides its columns: made of words, read whole before any of it is done.
//!
//! ```text
//! 1 despawn   entity
//! 2 remove    entity · component
//! 3 insert    entity · component · count of words · words
//! 4 spawn     count of components · for each: component · count of words · words
//! ```
//! A component is an index into the system's `commands` in its plan.

use crate::fault::Fault;
use crate::limits::COMPONENTS_MAX;

/// Words of a component's value.
const VALUE_WORDS_MAX: u32 = 64;

/// One of them. Components are indices into the system's `commands`.
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
    words: &'a [u32],
    at: usize,
    components: usize,
}

/// Reads them all; `components` is how many the system declares.
pub(crate) fn read(words: &[u32], components: usize) -> Result<Vec<Command>, Fault> {
    let mut words = Words { words, at: 0, components };
    let mut commands = Vec::new();
    while words.at < words.words.len() {
        commands.push(words.command()?);
    }
    Ok(commands)
}

impl Words<'_> {
    fn command(&mut self) -> Result<Command, Fault> {
        Ok(match self.word()? {
            1 => Command::Despawn { entity: self.word()? },
            2 => Command::Remove { entity: self.word()?, component: self.component()? },
            3 => Command::Insert { entity: self.word()?, value: self.valued()? },
            4 => {
                let count = self.word()? as usize;
                if count > COMPONENTS_MAX {
                    return Err(self.fault("more components than an entity may be given"));
                }
                let values: Vec<_> = (0..count).map(|_| self.valued()).collect::<Result<_, _>>()?;
                let is_twice =
                    |(i, value): (usize, &Valued)| values[..i].iter().any(|v| v.component == value.component);
                if values.iter().enumerate().any(is_twice) {
                    return Err(self.fault("a component is given twice"));
                }
                Command::Spawn { values }
            }
            _ => return Err(self.fault("no command has this number")),
        })
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
        if component < self.components {
            Ok(component)
        } else {
            Err(self.fault("the plan does not name this component"))
        }
    }

    fn word(&mut self) -> Result<u32, Fault> {
        let word = *self.words.get(self.at).ok_or(Fault::Commands { word: self.at, reason: "they end within one" })?;
        self.at += 1;
        Ok(word)
    }

    /// Of the word that was read last.
    fn fault(&self, reason: &'static str) -> Fault {
        Fault::Commands { word: self.at - 1, reason }
    }
}
