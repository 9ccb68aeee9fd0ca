//! Codes for three small numbers at once, each from -2 to 2.
//!
//! One number between -2 and 2 is mostly less than two bits of news, and a code of whole bits for each wastes a
//! quarter of one. A code for the three together wastes next to nothing, and is one look-up. There is one for each of
//! [`CLASSES`] spreads, a Huffman code of fixed weights: both ends build the same.

use std::sync::LazyLock;

use crate::bits::BitReader;

/// Spreads that there are codes for, narrowest first.
pub const CLASSES: usize = 4;
/// Numbers reach so far from 0.
pub const REACH: i32 = 2;
const SIDE: usize = 2 * REACH as usize + 1;
/// All threes, and one code for "none of them".
const SYMBOLS: usize = SIDE * SIDE * SIDE + 1;
const NONE: usize = SYMBOLS - 1;
/// Bits of the longest code.
pub const LENGTH_MAX: u32 = 11;

/// By class: how often a number is 0, 1 and 2 (as often -1 and -2), and how often a three is none, in thousandths.
const WEIGHTS: [([u64; 3], u64); CLASSES] =
    [([904, 46, 2], 5), ([733, 130, 4], 8), ([595, 190, 13], 12), ([450, 228, 47], 25)];
/// By class but the last: zeros among 1024 numbers from which on it is the right one.
const ZEROS: [u32; CLASSES - 1] = [840, 680, 535];

#[derive(Clone, Copy, Debug, Default)]
struct Code {
    bits: u16,
    length: u8,
}

/// One class's codes both ways.
#[derive(Debug)]
pub struct Table {
    codes: [Code; SYMBOLS],
    /// By the next `LENGTH_MAX` bits: symbol and length.
    symbols: Vec<(u8, u8)>,
}

static TABLES: LazyLock<[Table; CLASSES]> = LazyLock::new(|| std::array::from_fn(|class| Table::new(&WEIGHTS[class])));

/// The class for numbers of which so many among 1024 are 0.
pub fn class_of(zeros: u32) -> usize {
    ZEROS.iter().position(|least| zeros >= *least).unwrap_or(CLASSES - 1)
}

/// The codes of a class.
pub fn table(class: usize) -> &'static Table {
    &TABLES[class]
}

impl Table {
    /// The code of three numbers and its length in bits; `None` where one is out of reach.
    #[inline]
    pub fn code_of(&self, three: [i32; 3]) -> Option<(u64, u32)> {
        let [a, b, c] = three.map(|n| n.wrapping_add(REACH) as u32 as usize);
        if a.max(b).max(c) >= SIDE {
            return None;
        }
        let code = self.codes[(a * SIDE + b) * SIDE + c];
        Some((code.bits.into(), code.length.into()))
    }

    /// The mark of three numbers that have no code, and its length in bits.
    #[must_use]
    pub fn none(&self) -> (u64, u32) {
        let code = self.codes[NONE];
        (code.bits.into(), code.length.into())
    }
}

/// Takes three numbers; `None` where one was out of reach.
#[inline]
pub fn take(reader: &mut BitReader<'_>, class: usize) -> Option<[i32; 3]> {
    let ahead = reader.peek() as usize % (1 << LENGTH_MAX);
    let (symbol, length) = TABLES[class].symbols[ahead];
    reader.skip(u32::from(length));
    THREES[usize::from(symbol)]
}

/// By symbol.
static THREES: LazyLock<[Option<[i32; 3]>; SYMBOLS]> = LazyLock::new(|| {
    std::array::from_fn(|symbol| {
        let digit = |by: usize| (symbol / by % SIDE) as i32 - REACH;
        (symbol != NONE).then(|| [digit(SIDE * SIDE), digit(SIDE), digit(1)])
    })
});

impl Table {
    fn new((weights, none): &([u64; 3], u64)) -> Table {
        let weight = |symbol: usize| {
            let Some(three) = THREES[symbol] else { return none * 1_000_000 };
            three.iter().map(|n| weights[n.unsigned_abs() as usize]).product()
        };
        let lengths = lengths(std::array::from_fn(weight));
        let mut codes = [Code::default(); SYMBOLS];
        let mut symbols = vec![(NONE as u8, LENGTH_MAX as u8); 1 << LENGTH_MAX];
        // Canonical: shorter codes first, counting up; the reader sees the first bit lowest, so they are turned round.
        let mut order: Vec<usize> = (0..SYMBOLS).collect();
        order.sort_by_key(|symbol| (lengths[*symbol], *symbol));
        let (mut next, mut length) = (0u32, 0);
        for symbol in order {
            next <<= lengths[symbol] - length;
            length = lengths[symbol];
            let bits = next.reverse_bits() >> (32 - length);
            next += 1;
            codes[symbol] = Code { bits: bits as u16, length: length as u8 };
            for ahead in (bits as usize..1 << LENGTH_MAX).step_by(1 << length) {
                symbols[ahead] = (symbol as u8, length as u8);
            }
        }
        Table { codes, symbols }
    }
}

/// The lengths of a Huffman code, none longer than `LENGTH_MAX`: rare symbols are made more frequent until it fits.
fn lengths(weights: [u64; SYMBOLS]) -> [u32; SYMBOLS] {
    let total: u64 = weights.iter().sum();
    let mut parts = 2 << LENGTH_MAX;
    loop {
        let weights = weights.map(|weight| weight.max(total / parts));
        let mut parents = vec![0usize; 2 * SYMBOLS - 1];
        let mut nodes: Vec<(u64, usize)> = weights.iter().copied().zip(0..).collect();
        for parent in SYMBOLS..2 * SYMBOLS - 1 {
            // The two lightest; of equal ones the first made.
            nodes.sort_unstable_by(|a, b| b.cmp(a));
            let lightest = nodes.split_off(nodes.len() - 2);
            lightest.iter().for_each(|(_, node)| parents[*node] = parent);
            nodes.push((lightest.iter().map(|(weight, _)| weight).sum(), parent));
        }
        let root = 2 * SYMBOLS - 2;
        let depth = |symbol: usize| {
            std::iter::successors(Some(symbol), |node| (*node != root).then(|| parents[*node])).count() as u32 - 1
        };
        let lengths: [u32; SYMBOLS] = std::array::from_fn(depth);
        if lengths.iter().all(|length| *length <= LENGTH_MAX) {
            return lengths;
        }
        parts -= parts / 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bits::BitWriter;

    #[test]
    fn every_three_comes_back_and_the_likely_ones_are_short() {
        fn put(writer: &mut BitWriter, class: usize, three: [i32; 3]) -> bool {
            let (code, length) = table(class).code_of(three).unwrap_or_else(|| table(class).none());
            writer.put_many(code, length);
            table(class).code_of(three).is_some()
        }
        for class in 0..CLASSES {
            let mut writer = BitWriter::default();
            for three in THREES.iter().flatten() {
                assert!(put(&mut writer, class, *three));
            }
            assert!(!put(&mut writer, class, [0, 3, 0]));
            assert!(!put(&mut writer, class, [i32::MIN, 0, 0]));
            let bytes = writer.take();
            let mut reader = BitReader::new(&bytes);
            for three in THREES.iter().flatten() {
                assert_eq!(take(&mut reader, class), Some(*three));
            }
            assert_eq!((take(&mut reader, class), take(&mut reader, class)), (None, None));
            reader.check().unwrap();
            let length = |three: [i32; 3]| {
                let mut writer = BitWriter::default();
                put(&mut writer, class, three);
                writer.len()
            };
            assert!(length([0; 3]) <= 1 + class, "class {class}: {}", length([0; 3]));
            assert!(length([0; 3]) < length([0, 1, 0]) && length([0, 1, 0]) <= length([2, 1, 0]));
        }
    }

    /// Other implementations are held to these; `HD1_BLESS=1` writes them anew.
    #[test]
    fn the_codes_are_those_that_are_published() {
        let line = |table: &Table| table.codes.map(|code| code.length.to_string()).join(" ") + "\n";
        let text: String = TABLES.iter().map(line).collect();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/triples.txt");
        if std::env::var_os("HD1_BLESS").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        assert_eq!(text, std::fs::read_to_string(path).unwrap(), "the codes changed on the wire");
    }

    #[test]
    fn codes_waste_little() {
        // Against the entropy of what each is made for.
        for (class, (weights, none)) in WEIGHTS.iter().enumerate() {
            let weight = |symbol: usize| match THREES[symbol] {
                Some(three) => three.iter().map(|n| weights[n.unsigned_abs() as usize] as f64).product(),
                None => *none as f64 * 1.0e6,
            };
            let all: Vec<f64> = (0..SYMBOLS).map(weight).collect();
            let total: f64 = all.iter().sum();
            let entropy: f64 = all.iter().map(|w| -w / total * (w / total).log2()).sum();
            let lengths = TABLES[class].codes.map(|code| f64::from(code.length));
            let mean: f64 = all.iter().zip(lengths).map(|(w, length)| w / total * length).sum();
            assert!(mean < entropy * 1.02 + 0.2, "class {class}: {mean} bits for {entropy}");
        }
    }
}
