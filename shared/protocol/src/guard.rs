//! Looks over JSON and msgpack before a parser sees them: nesting and lengths, in one pass that allocates nothing.
//!
//! Parsers of both formats recurse and reserve by what the bytes claim; a frame that claims too much is refused here.

use crate::{codec::MessageError, limits::DEPTH_MAX};

/// Checks the nesting of a JSON text. Syntax is the parser's business.
///
/// # Errors
/// [`MessageError::TooDeep`].
pub fn check_json(text: &[u8]) -> Result<(), MessageError> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for &byte in text {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(MessageError::TooDeep);
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Checks that bytes are exactly one msgpack value, nested within bounds, with no length beyond its bytes.
///
/// # Errors
/// [`MessageError::TooDeep`] or [`MessageError::Malformed`].
pub fn check_msgpack(bytes: &[u8]) -> Result<(), MessageError> {
    let mut rest = bytes;
    // Values still to come at each open level; the outermost level holds one.
    let mut open = [0u64; DEPTH_MAX + 1];
    open[0] = 1;
    let mut depth = 0;
    loop {
        while open[depth] == 0 {
            if depth == 0 {
                return if rest.is_empty() { Ok(()) } else { malformed("bytes after the message") };
            }
            depth -= 1;
        }
        open[depth] -= 1;
        let items = match header(&mut rest)? {
            Item::Scalar(len) => {
                let Some(after) = usize::try_from(len).ok().and_then(|len| rest.get(len..)) else {
                    return malformed("length beyond its bytes");
                };
                rest = after;
                continue;
            }
            Item::Array(count) => count,
            Item::Map(count) => count * 2,
        };
        // Every value is a byte at least, so a count beyond the bytes cannot be true.
        if items > rest.len() as u64 {
            return malformed("count beyond its bytes");
        }
        depth += 1;
        if depth > DEPTH_MAX {
            return Err(MessageError::TooDeep);
        }
        open[depth] = items;
    }
}

enum Item {
    /// Bytes that follow the header.
    Scalar(u64),
    Array(u64),
    Map(u64),
}

fn header(rest: &mut &[u8]) -> Result<Item, MessageError> {
    let tag = number(rest, 1)? as u8;
    Ok(match tag {
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => Item::Scalar(0),
        0x80..=0x8f => Item::Map(u64::from(tag & 0x0f)),
        0x90..=0x9f => Item::Array(u64::from(tag & 0x0f)),
        0xa0..=0xbf => Item::Scalar(u64::from(tag & 0x1f)),
        0xc4 | 0xd9 => Item::Scalar(number(rest, 1)?),
        0xc5 | 0xda => Item::Scalar(number(rest, 2)?),
        0xc6 | 0xdb => Item::Scalar(number(rest, 4)?),
        0xcc | 0xd0 => Item::Scalar(1),
        0xcd | 0xd1 => Item::Scalar(2),
        0xca | 0xce | 0xd2 => Item::Scalar(4),
        0xcb | 0xcf | 0xd3 => Item::Scalar(8),
        0xdc => Item::Array(number(rest, 2)?),
        0xdd => Item::Array(number(rest, 4)?),
        0xde => Item::Map(number(rest, 2)?),
        0xdf => Item::Map(number(rest, 4)?),
        // Extension types and the reserved 0xc1: nothing in this protocol uses them.
        _ => return malformed("unused msgpack type"),
    })
}

fn number(rest: &mut &[u8], len: usize) -> Result<u64, MessageError> {
    let Some((head, tail)) = rest.split_at_checked(len) else { return malformed("ends early") };
    *rest = tail;
    Ok(head.iter().fold(0, |v, byte| v << 8 | u64::from(*byte)))
}

fn malformed<T>(what: &str) -> Result<T, MessageError> {
    Err(MessageError::Malformed(what.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_deeper_than_the_limit_is_refused() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(check_json(nested(DEPTH_MAX).as_bytes()), Ok(()));
        assert_eq!(check_json(nested(DEPTH_MAX + 1).as_bytes()), Err(MessageError::TooDeep));
        assert_eq!(check_json(br#"{"a":"[[[[[[[[[[[[[[[[[[[[[[\"[[["}"#), Ok(()), "brackets in text do not nest");
    }

    #[test]
    fn msgpack_deeper_than_the_limit_is_refused() {
        let nested = |n: usize| [vec![0x91; n], vec![0xc0]].concat();
        assert_eq!(check_msgpack(&nested(DEPTH_MAX)), Ok(()));
        assert_eq!(check_msgpack(&nested(DEPTH_MAX + 1)), Err(MessageError::TooDeep));
    }

    #[test]
    fn msgpack_that_claims_more_than_it_has_is_refused() {
        for bytes in
            [&[0xdd, 0xff, 0xff, 0xff, 0xff][..], &[0xdb, 0, 0, 0, 9, 0x61], &[0xdf, 0, 0, 1, 0], &[0xc7, 1, 1, 1]]
        {
            assert!(matches!(check_msgpack(bytes), Err(MessageError::Malformed(_))), "{bytes:02x?}");
        }
        assert!(check_msgpack(&[0xc0, 0xc0]).is_err(), "two values are not one");
        assert!(check_msgpack(&[]).is_err());
    }
}
