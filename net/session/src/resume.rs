//! Resume tokens: who may come back without a ticket, once, and until when.
//!
//! The book holds hashes of tokens, not tokens, so that a snapshot or a core dump gives nobody a way in. Randomness is
//! a parameter: whoever owns the generator hands in the bytes.

use std::collections::HashMap;

use crate::limits;

/// Tokens of one session's participants who left without saying goodbye, or may.
#[derive(Debug)]
pub struct ResumeBook<T> {
    grace_us: u64,
    entries: HashMap<[u8; 32], Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    value: T,
    /// `None` while its connection lives.
    expires_us: Option<u64>,
}

impl<T: PartialEq + Clone> ResumeBook<T> {
    /// An empty one; a token is good for `grace_us` microseconds after its connection ended.
    #[must_use]
    pub fn new(grace_us: u64) -> Self {
        ResumeBook { grace_us, entries: HashMap::new() }
    }

    /// Issues the token for `value` from 32 random bytes; earlier tokens of the same value end. `None` where the book
    /// is full.
    pub fn issue(&mut self, value: T, random: [u8; 32]) -> Option<String> {
        self.entries.retain(|_, entry| entry.value != value);
        if self.entries.len() >= limits::RESUME_ENTRIES_MAX {
            return None;
        }
        let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        self.entries.insert(digest(&token), Entry { value, expires_us: None });
        Some(token)
    }

    /// The connection of `value` ended at `now`: the grace period begins.
    pub fn left(&mut self, now: u64, value: &T) {
        for entry in self.entries.values_mut().filter(|entry| entry.value == *value) {
            entry.expires_us = Some(now + self.grace_us);
        }
    }

    /// Takes a token in; it is good once. Also while its old connection still seems alive: the network may have died
    /// for one end only.
    pub fn redeem(&mut self, now: u64, token: &str) -> Option<T> {
        let entry = self.entries.remove(&digest(token))?;
        entry.expires_us.is_none_or(|expires| now <= expires).then_some(entry.value)
    }

    /// Removes those whose grace is over and returns them: their avatars may go.
    pub fn expire(&mut self, now: u64) -> Vec<T> {
        let gone = |entry: &Entry<T>| entry.expires_us.is_some_and(|expires| now > expires);
        self.entries.extract_if(|_, entry| gone(entry)).map(|(_, entry)| entry.value).collect()
    }

    /// Ends a participant's token, as after a goodbye or a kick.
    pub fn forget(&mut self, value: &T) {
        self.entries.retain(|_, entry| entry.value != *value);
    }
}

fn digest(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_once_and_rotates() {
        let mut book = ResumeBook::new(1_000);
        let first = book.issue(7, [1; 32]).unwrap();
        let second = book.issue(7, [2; 32]).unwrap();
        assert_eq!(book.redeem(0, &first), None, "a new token ends the old one");
        book.left(10, &7);
        assert_eq!(book.redeem(1_010, &second), Some(7));
        assert_eq!(book.redeem(1_010, &second), None);
    }

    #[test]
    fn grace_ends() {
        let mut book = ResumeBook::new(1_000);
        let token = book.issue(7, [1; 32]).unwrap();
        assert!(book.expire(u64::MAX - 1).is_empty(), "a live connection does not expire");
        book.left(0, &7);
        assert_eq!(book.redeem(1_001, &token), None);
        book.issue(8, [3; 32]).unwrap();
        book.left(0, &8);
        assert!(book.expire(1_000).is_empty());
        assert_eq!(book.expire(1_001), [8]);
    }

    #[test]
    fn the_book_is_bounded() {
        let mut book = ResumeBook::new(1);
        let random = |i: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&i.to_le_bytes());
            bytes
        };
        assert!((0..limits::RESUME_ENTRIES_MAX).all(|i| book.issue(i, random(i)).is_some()));
        assert_eq!(book.issue(limits::RESUME_ENTRIES_MAX, random(limits::RESUME_ENTRIES_MAX)), None);
    }
}
