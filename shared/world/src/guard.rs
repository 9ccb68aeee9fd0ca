//! Which words may be in a component's column: the schema's ranges, as fast as copying.

use hd1_schema::{ComponentSchema, FieldKind, Range};

/// Rows that are compared and checked at once.
pub(crate) const BLOCK_ROWS: usize = 32;
/// How far the square of a quaternion's length may be from 1.
const QUAT_SLACK: f32 = 0.01;

/// What a column's words may be.
#[derive(Clone)]
pub(crate) struct Guard {
    /// For each word of a block, real numbers' least and greatest; `is_real` is 0 where the word is no real number.
    least: Vec<f32>,
    greatest: Vec<f32>,
    is_real: Vec<u32>,
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
    pub fn of(schema: &ComponentSchema) -> Self {
        let mut guard = Guard {
            least: Vec::new(),
            greatest: Vec::new(),
            is_real: Vec::new(),
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
        // The bounds of one row, again for each row of a block: one loop without branches then checks them all.
        for bounds in [&mut guard.least, &mut guard.greatest] {
            *bounds = bounds.repeat(BLOCK_ROWS);
        }
        guard.is_real = guard.is_real.repeat(BLOCK_ROWS);
        guard
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

    /// Takes a block of at most [`BLOCK_ROWS`] rows over into `old`: `touched` hears of rows that changed, `refused` of those
    /// that may not be.
    pub fn take(
        &self,
        new: &[u8],
        old: &mut [u8],
        stride: usize,
        mut touched: impl FnMut(usize),
        mut refused: impl FnMut(usize, String),
    ) {
        if new == old {
            return;
        }
        let rows = new.len() / stride;
        let differs = |old: &[u8], row: usize| new[row * stride..][..stride] != old[row * stride..][..stride];
        if self.admits(new) {
            // Where the first, the last and one between differ, all are taken to: what moves mostly moves together, and to
            // call a row changed that is not costs a comparison elsewhere.
            if [0, rows / 2, rows - 1].into_iter().all(|row| differs(old, row)) {
                old.copy_from_slice(new);
                (0..rows).for_each(touched);
                return;
            }
            for row in (0..rows).filter(|row| differs(old, *row)).collect::<smallvec::SmallVec<[usize; BLOCK_ROWS]>>() {
                old[row * stride..][..stride].copy_from_slice(&new[row * stride..][..stride]);
                touched(row);
            }
            return;
        }
        for row in 0..rows {
            if !differs(old, row) {
                continue;
            }
            let words = &new[row * stride..][..stride];
            if self.admits(words) {
                old[row * stride..][..stride].copy_from_slice(words);
                touched(row);
            } else {
                refused(row, self.fault(words));
            }
        }
    }

    /// May these rows be?
    fn admits(&self, rows: &[u8]) -> bool {
        let words = rows.as_chunks::<4>().0;
        let bounds = self.least.iter().zip(&self.greatest).zip(&self.is_real);
        let mut wrong = 0;
        for (word, ((least, greatest), is_real)) in words.iter().zip(bounds) {
            let value = f32::from_le_bytes(*word);
            // Not a number is neither at least the one nor at most the other.
            let within = (value >= *least) & (value <= *greatest);
            wrong |= u32::from(!within).wrapping_neg() & is_real;
        }
        if wrong != 0 {
            return false;
        }
        if self.whole.is_empty() && self.quats.is_empty() {
            return true;
        }
        words.chunks_exact(self.words).all(|row| {
            self.whole.iter().all(|whole| whole.holds(row)) && self.quats.iter().all(|first| is_unit(row, *first))
        })
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

impl Whole {
    fn holds(self, row: &[[u8; 4]]) -> bool {
        u32::from_le_bytes(row[self.word]).wrapping_sub(self.least) <= self.span
    }
}

fn is_unit(row: &[[u8; 4]], first: usize) -> bool {
    let square: f32 = row[first..first + 4].iter().map(|word| f32::from_le_bytes(*word)).map(|part| part * part).sum();
    (square - 1.0).abs() <= QUAT_SLACK
}
