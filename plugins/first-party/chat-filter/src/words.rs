//! The words that are bad, and how words are found in a line.
//!
//! A word is bad as a whole, in any case, with the digits and signs that are written for letters, and with an ending. A
//! word that merely holds one is not: who is called Scunthorpe may say so.

/// In small letters.
const BAD: &[&str] = &[
    "arse",
    "arsehole",
    "ass",
    "asshole",
    "bastard",
    "bitch",
    "bollocks",
    "bullshit",
    "crap",
    "cunt",
    "damn",
    "dick",
    "dickhead",
    "faggot",
    "fuck",
    "goddamn",
    "jackass",
    "motherfucker",
    "nigger",
    "piss",
    "prick",
    "shit",
    "slut",
    "twat",
    "wank",
    "wanker",
    "whore",
];

/// What may follow one.
const ENDINGS: &[&str] = &["", "s", "es", "ed", "er", "ers", "ing", "in", "y"];

/// The words of a line, and what stands between them.
pub fn pieces(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let is_word = is_of_word(first);
        let end = rest.find(|letter| is_of_word(letter) != is_word).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

/// Is a piece one of the words?
pub fn is_bad(piece: &str) -> bool {
    // Most pieces are told from all of them by their length.
    let fits = |word: &str, ending: &str| {
        piece.len() == word.len() + ending.len() && piece.chars().map(folded).eq(word.chars().chain(ending.chars()))
    };
    piece.is_ascii() && BAD.iter().any(|word| ENDINGS.iter().any(|ending| fits(word, ending)))
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '@' | '$')
}

/// The letter that is meant.
fn folded(letter: char) -> char {
    match letter {
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        letter => letter.to_ascii_lowercase(),
    }
}
