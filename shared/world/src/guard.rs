//! Which words may be in a component's column: the schema's ranges, as fast as copying.

use std::ops;

use hd1_schema::{ComponentSchema, FieldKind, Range};

/// Rows that are compared at once: a comparison of blocks that differ ends at their first words.
pub(crate) const BLOCK_ROWS: usize = 256;
/// Rows whose bounds are laid out one after the other, so that one loop without branches checks them all.
const TILE_ROWS: usize = 16;
/// How far the square of a quaternion's length may be from 1.
const QUAT_SLACK: f32 = 0.01;

/// What a column's words may be. One for a component, whoever has queries on it.
#[derive(Debug)]
pub struct Guard {
    /// For each word of a tile, real numbers' least and greatest; `is_real` is 0 where the word is no real number.
    least: Vec<f32>,
    greatest: Vec<f32>,
    is_real: Vec<u32>,
    /// Where every word is a real number of the same size at most, whatever its sign: that size, as bits.
    size: Option<i32>,
    /// Whole numbers: the word, and its values as a range that starts at 0.
    whole: Vec<Whole>,
    /// Where quaternions begin.
    quats: Vec<usize>,
    /// Whose word it is, for people.
    names: Vec<String>,
    words: usize,
}

#[derive(Clone, Copy, Debug)]
struct Whole {
    word: usize,
    /// Subtracted, wrapping: so signed numbers and unsigned ones are one comparison.
    least: u32,
    span: u32,
}

impl Guard {
    /// Of a component whose fields are all made of words.
    #[must_use]
    pub fn of(schema: &ComponentSchema) -> Self {
        let mut guard = Guard {
            least: Vec::new(),
            greatest: Vec::new(),
            is_real: Vec::new(),
            size: None,
            whole: Vec::new(),
            quats: Vec::new(),
            names: Vec::new(),
            words: 0,
        };
        for field in &schema.fields {
            let first = guard.words;
            match &field.kind {
                FieldKind::Bool => guard.whole(0, 1),
                FieldKind::U32 { min, max } => guard.whole(*min, max.wrapping_sub(*min)),
                FieldKind::I32 { min, max } => guard.whole(*min as u32, max.wrapping_sub(*min) as u32),
                FieldKind::Enum { variants } => guard.whole(0, (variants.len() as u32).saturating_sub(1)),
                FieldKind::Entity => guard.whole(0, i32::MAX as u32),
                FieldKind::F32 { range, .. } => guard.real(range, 1),
                FieldKind::Vec3 { range, .. } => guard.real(range, 3),
                FieldKind::Color => guard.real(&Range::new(0.0, 1.0), 3),
                FieldKind::Quat => {
                    guard.quats.push(first);
                    guard.real(&Range::new(-2.0, 2.0), 4);
                }
                FieldKind::Text { .. } | FieldKind::Points { .. } => {}
            }
            for _ in first..guard.words {
                guard.names.push(field.name.clone());
            }
        }
        guard.size = guard.one_size();
        for bounds in [&mut guard.least, &mut guard.greatest] {
            *bounds = bounds.repeat(TILE_ROWS);
        }
        guard.is_real = guard.is_real.repeat(TILE_ROWS);
        guard
    }

    /// Of the bounds of one row.
    fn one_size(&self) -> Option<i32> {
        let greatest = *self.greatest.first()?;
        let same =
            self.greatest.iter().all(|other| *other == greatest) && self.least.iter().all(|least| *least == -greatest);
        let real = self.is_real.iter().all(|is_real| *is_real != 0);
        // Above it all bits of a size are those of a number that is too large, or of none.
        (same && real && greatest > 0.0).then(|| greatest.to_bits() as i32)
    }

    fn whole(&mut self, least: u32, span: u32) {
        self.whole.push(Whole { word: self.words, least, span });
        self.least.push(0.0);
        self.greatest.push(0.0);
        self.is_real.push(0);
        self.words += 1;
    }

    fn real(&mut self, range: &Range, words: usize) {
        let least = if range.above_min { range.min.next_up() } else { range.min };
        for _ in 0..words {
            self.least.push(least);
            self.greatest.push(range.max);
            self.is_real.push(u32::MAX);
            self.words += 1;
        }
    }

    /// Takes a block of rows over into `old`: `touched` hears of rows that changed, `refused` of those that may not be.
    pub(crate) fn take(
        &self,
        new: &[u8],
        old: &mut [u8],
        stride: usize,
        mut touched: impl FnMut(ops::Range<usize>),
        mut refused: impl FnMut(usize, String),
    ) {
        if new == old {
            return;
        }
        let rows = new.len() / stride;
        let differs = |old: &[u8], i: usize| row_words(new, stride, i) != row_words(old, stride, i);
        let is_fit = self.admits(new);
        // Where the first, the last and one between differ, all are taken to: what moves mostly moves together, and to call
        // a row changed that is not costs a comparison elsewhere.
        if is_fit && differs(old, 0) && differs(old, rows / 2) && differs(old, rows - 1) {
            old.copy_from_slice(new);
            touched(0..rows);
            return;
        }
        for i in 0..rows {
            if !differs(old, i) {
                continue;
            }
            let at = i * stride..(i + 1) * stride;
            if is_fit || self.admits(&new[at.clone()]) {
                old[at.clone()].copy_from_slice(&new[at]);
                touched(i..i + 1);
            } else {
                refused(i, self.fault(&new[at]));
            }
        }
    }

    /// What a world refuses a row for; `None` where it takes it.
    ///
    /// # Panics
    /// The row has another number of words than the component.
    #[must_use]
    pub fn refusal(&self, row: &[u8]) -> Option<String> {
        assert_eq!(row.len(), 4 * self.words, "a row of this component");
        if self.words == 0 || self.admits(row) { None } else { Some(self.fault(row)) }
    }

    /// May these rows be?
    fn admits(&self, rows: &[u8]) -> bool {
        let words = rows.as_chunks::<4>().0;
        if let Some(size) = self.size {
            let beyond = |word: &[u8; 4]| size.wrapping_sub(i32::from_le_bytes(*word) & i32::MAX);
            let wrong = words.iter().fold(0, |wrong, word| wrong | beyond(word)) < 0;
            return !wrong && self.has_units(words);
        }
        for tile in words.chunks(self.words * TILE_ROWS) {
            let bounds = self.least.iter().zip(&self.greatest).zip(&self.is_real);
            let mut wrong = 0;
            for (word, ((least, greatest), is_real)) in tile.iter().zip(bounds) {
                let value = f32::from_le_bytes(*word);
                // Not a number is neither at least the one nor at most the other.
                let within = (value >= *least) & (value <= *greatest);
                wrong |= u32::from(!within).wrapping_neg() & is_real;
            }
            if wrong != 0 {
                return false;
            }
        }
        let holds = |row: &[[u8; 4]]| self.whole.iter().all(|whole| whole.holds(row));
        (self.whole.is_empty() || words.chunks_exact(self.words).all(holds)) && self.has_units(words)
    }

    fn has_units(&self, words: &[[u8; 4]]) -> bool {
        let holds = |row: &[[u8; 4]]| self.quats.iter().all(|first| is_unit(row, *first));
        self.quats.is_empty() || words.chunks_exact(self.words).all(holds)
    }

    /// What is wrong with a row.
    fn fault(&self, row: &[u8]) -> String {
        let words = row.as_chunks::<4>().0;
        for (i, word) in words.iter().enumerate() {
            let value = f32::from_le_bytes(*word);
            let name = &self.names[i];
            if self.is_real[i] != 0 && !(value >= self.least[i] && value <= self.greatest[i]) {
                return format!("{name}: {value} is not from {} to {}", self.least[i], self.greatest[i]);
            }
            if let Some(whole) = self.whole.iter().find(|whole| whole.word == i && !whole.holds(words)) {
                return format!("{name}: {} is none of its values", u32::from_le_bytes(words[whole.word]));
            }
        }
        let quat = self.quats.iter().find(|first| !is_unit(words, **first));
        quat.map_or_else(String::new, |first| format!("{}: no quaternion of length 1", self.names[*first]))
    }
}

/// A row's words. Compared one by one: rows are too short for a call to pay.
fn row_words(bytes: &[u8], stride: usize, row: usize) -> &[[u8; 4]] {
    bytes[row * stride..][..stride].as_chunks().0
}

impl Whole {
    fn holds(self, row: &[[u8; 4]]) -> bool {
        u32::from_le_bytes(row[self.word]).wrapping_sub(self.least) <= self.span
    }
}

fn is_unit(row: &[[u8; 4]], first: usize) -> bool {
    let square: f32 = row[first..first + 4].iter().map(|word| f32::from_le_bytes(*word)).map(|part| part * part).sum();
    (square - 1.0).abs() <= QUAT_SLACK
}
