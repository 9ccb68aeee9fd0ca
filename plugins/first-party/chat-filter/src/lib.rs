//! Masks bad words in the chat, and refuses lines that shout.
//!
//! The hooks to read first: a filter with a config, and a test of it. The words stand in `words.rs`, since a config holds
//! numbers and switches alone; who wants others has a list to change there.

mod words;

use hd1_sdk::prelude::*;

/// What an operator sets.
#[derive(Config, Debug)]
#[repr(C)]
pub struct ChatConfig {
    /// Are bad words masked by stars?
    #[field(default = true)]
    pub mask: Flag,
    /// Is a line with a bad word refused instead?
    #[field(default = false)]
    pub refuse: Flag,
    /// A line of which more than this many of a hundred letters are capitals is refused; 100 lets all pass.
    #[field(max = 100, default = 70)]
    pub capitals_percent: u32,
    /// Shorter lines may be all capitals: letters.
    #[field(max = 1024, default = 12)]
    pub capitals_from: u32,
}

/// Looks at every line that a player says.
#[filter]
pub fn clean(chat: &mut Chat, config: &ChatConfig) -> Verdict {
    if shouts(chat.text(), config) {
        return Verdict::Refuse("please do not shout: use fewer capitals");
    }
    let has_bad_words = words::pieces(chat.text()).any(words::is_bad);
    if has_bad_words && config.refuse.is_yes() {
        return Verdict::Refuse("please find other words");
    }
    if has_bad_words && config.mask.is_yes() {
        chat.change(|line, masked| {
            for piece in words::pieces(line) {
                if words::is_bad(piece) {
                    piece.chars().for_each(|_| masked.push('*'));
                } else {
                    masked.push_str(piece);
                }
            }
        });
    }
    Verdict::Pass
}

fn shouts(line: &str, config: &ChatConfig) -> bool {
    // Scripts without capitals have letters as well.
    let (mut letters, mut capitals) = (0, 0);
    for letter in line.chars().filter(|letter| letter.is_alphabetic()) {
        letters += 1;
        capitals += u32::from(letter.is_uppercase());
    }
    letters >= config.capitals_from.max(1) && capitals * 100 > letters * config.capitals_percent
}

plugin! {
    components: [],
    config: ChatConfig,
    hooks: [clean],
}

#[cfg(test)]
mod tests {
    use hd1_sdk::testing::{Answered, Bench};

    use super::*;

    fn ask(config: ChatConfig, line: &str) -> Answered {
        Bench::new().config(config).filter::<clean>((Player(1), "Ada", line)).unwrap()
    }

    fn changed(line: &str) -> Answered {
        Answered::Changed(line.into())
    }

    #[test]
    fn bad_words_are_masked_and_words_that_hold_them_are_not() {
        let ask = |line| ask(ChatConfig::default(), line);
        assert_eq!(ask("hello there"), Answered::Pass);
        assert_eq!(ask("what the Shit!"), changed("what the ****!"));
        assert_eq!(ask("sh1t, $hit and damned d@mn"), changed("****, **** and ****** ****"));
        assert_eq!(ask("Scunthorpe, classic shitake? no: shiitake"), Answered::Pass);
        assert_eq!(ask("d\u{e4}mn caf\u{e9} \u{1f600}"), Answered::Pass);
        assert_eq!(ask("\u{1f600}crap\u{1f600}"), changed("\u{1f600}****\u{1f600}"));
        // As long a line as there may be.
        let long = "crap ".repeat(204);
        assert_eq!(ask(long.trim()), changed("**** ".repeat(204).trim()));
        assert_eq!(ask(&"a".repeat(1024)), Answered::Pass);
    }

    #[test]
    fn an_operator_says_what_is_done() {
        let config = ChatConfig { mask: Flag::NO, ..ChatConfig::default() };
        assert_eq!(ask(config, "crap"), Answered::Pass);
        let config = ChatConfig { refuse: Flag::YES, ..ChatConfig::default() };
        assert_eq!(ask(config, "crap"), Answered::Refused("please find other words".into()));
        assert_eq!(ask(config, "carp"), Answered::Pass);
    }

    #[test]
    fn lines_that_shout_are_refused() {
        let shouted = Answered::Refused("please do not shout: use fewer capitals".into());
        assert_eq!(ask(ChatConfig::default(), "WHY DOES NOBODY LISTEN"), shouted);
        assert_eq!(ask(ChatConfig::default(), "\u{414}\u{410}\u{412}\u{410}\u{419} ".repeat(3).trim()), shouted);
        assert_eq!(ask(ChatConfig::default(), "OK, NASA"), Answered::Pass);
        assert_eq!(ask(ChatConfig::default(), "NASA and ESA are agencies"), Answered::Pass);
        assert_eq!(ask(ChatConfig::default(), "1234567890 1234567890"), Answered::Pass);
        let all = ChatConfig { capitals_percent: 100, ..ChatConfig::default() };
        assert_eq!(ask(all, "WHY DOES NOBODY LISTEN"), Answered::Pass);
        let none = ChatConfig { capitals_percent: 0, capitals_from: 0, ..ChatConfig::default() };
        assert_eq!(ask(none, "A"), shouted);
        assert_eq!(ask(none, "..."), Answered::Pass);
    }
}
