//! Entities by id: a sorted list, quickest for those who ask in ascending order, as all codecs here do.

use hd1_core::NetId;

/// What an entity's id stands for: a place of its own.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// By ascending id.
    list: Vec<(NetId, u32)>,
}

/// A place in the list from which the next id is looked for: ids that ascend are found in a step or two.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor(usize);

impl Index {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// None at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All, by ascending id.
    pub fn iter(&self) -> impl Iterator<Item = (NetId, u32)> {
        self.list.iter().copied()
    }

    /// What an id stands for.
    #[must_use]
    pub fn get(&self, id: NetId) -> Option<u32> {
        self.position(id).ok().map(|at| self.list[at].1)
    }

    /// As [`Index::get`], from the cursor on in growing strides, then by halves.
    #[inline]
    pub fn seek(&self, cursor: &mut Cursor, id: NetId) -> Option<u32> {
        if let Some((_, place)) = self.list.get(cursor.0 + 1).filter(|(next, _)| *next == id) {
            cursor.0 += 1;
            return Some(*place);
        }
        let rest = match self.list.get(cursor.0) {
            Some((here, place)) if *here == id => return Some(*place),
            Some((here, _)) if *here < id => &self.list[cursor.0..],
            _ => {
                cursor.0 = 0;
                &self.list[..]
            }
        };
        let mut stride = 1;
        while rest.get(stride).is_some_and(|(other, _)| *other < id) {
            stride *= 2;
        }
        let (from, to) = (stride / 2, rest.len().min(stride + 1));
        cursor.0 += from + rest[from..to].partition_point(|(other, _)| *other < id);
        self.list.get(cursor.0).filter(|(other, _)| *other == id).map(|(_, place)| *place)
    }

    /// Adds an id; `false`, and nothing is changed, where it is there.
    pub fn insert(&mut self, id: NetId, place: u32) -> bool {
        match self.position(id) {
            Ok(_) => false,
            Err(at) => {
                self.list.insert(at, (id, place));
                true
            }
        }
    }

    /// Takes an id out; what it stood for.
    pub fn remove(&mut self, id: NetId) -> Option<u32> {
        let at = self.position(id).ok()?;
        Some(self.list.remove(at).1)
    }

    /// Where an id is, or would be. New ids are mostly the greatest.
    fn position(&self, id: NetId) -> Result<usize, usize> {
        match self.list.last() {
            Some((last, _)) if *last < id => Err(self.list.len()),
            _ => self.list.binary_search_by_key(&id, |(other, _)| *other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_found_from_every_cursor() {
        let mut index = Index::default();
        for id in [9, 2, 40, 3, 17, 5, 100, 41, 7] {
            assert!(index.insert(NetId(id), id * 10));
        }
        assert!(!index.insert(NetId(9), 1));
        for start in 0..12 {
            for id in 0..110 {
                assert_eq!(index.seek(&mut Cursor(start), NetId(id)), index.get(NetId(id)), "{id} from {start}");
            }
        }
        assert_eq!(index.remove(NetId(9)), Some(90));
        assert_eq!((index.get(NetId(9)), index.remove(NetId(9)), index.len()), (None, None, 8));
        assert!(index.iter().is_sorted());
    }
}
