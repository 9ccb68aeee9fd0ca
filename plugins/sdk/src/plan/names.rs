//! The lists of a query, sorted out of its terms and filters.

use super::{Filter, Term};

/// Components that a query names in all of its lists.
const MAX: usize = 32;

/// Some names, in their order.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    list: [&'static str; MAX],
    len: usize,
}

impl Names {
    /// None.
    pub const EMPTY: Names = Names { list: [""; MAX], len: 0 };

    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Are there none?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// That at `i`.
    ///
    /// # Panics
    /// There are not so many.
    #[must_use]
    pub const fn at(&self, i: usize) -> &'static str {
        assert!(i < self.len);
        self.list[i]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.list[..self.len].iter().copied()
    }

    /// Where `name` is.
    #[must_use]
    pub const fn find(&self, name: &str) -> Option<usize> {
        let mut i = 0;
        while i < self.len {
            if is_same(self.list[i], name) {
                return Some(i);
            }
            i += 1;
        }
        None
    }

    /// Is `name` among them?
    #[must_use]
    pub const fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// One more that must not be there yet.
    pub(crate) const fn push_once(&mut self, name: &'static str) {
        assert!(!self.has(name), "something is named twice");
        self.push(name);
    }

    const fn push(&mut self, name: &'static str) {
        assert!(self.len < MAX, "at most 32 components are named");
        if !self.has(name) {
            self.list[self.len] = name;
            self.len += 1;
        }
    }

    const fn shares_with(&self, other: &Names) -> bool {
        let mut i = 0;
        while i < self.len {
            if other.has(self.list[i]) {
                return true;
            }
            i += 1;
        }
        false
    }
}

/// A query as the plan says it.
#[derive(Clone, Copy, Debug)]
pub struct Lists {
    /// Columns handed over and taken back.
    pub write: Names,
    /// Columns handed over.
    pub read: Names,
    /// What entities have besides.
    pub with: Names,
    /// What they have not.
    pub without: Names,
    /// What changed for them.
    pub changed: Names,
    /// What came to them.
    pub added: Names,
    /// Are the numbers of entities wanted?
    pub entities: bool,
    /// Do they come by their numbers?
    pub ordered: bool,
}

impl Lists {
    /// Sorts them out. What is said twice in filters is said once in the plan; a column that is asked for twice is an
    /// error, since it would be handed over twice.
    #[must_use]
    pub const fn of(terms: &[Term], filters: &[Filter]) -> Self {
        let none = Names::EMPTY;
        let mut lists = Lists {
            write: none,
            read: none,
            with: none,
            without: none,
            changed: none,
            added: none,
            entities: false,
            ordered: false,
        };
        let mut i = 0;
        while i < terms.len() {
            match terms[i] {
                Term::Write(name) => lists.write.push_once(name),
                Term::Read(name) => lists.read.push_once(name),
                Term::Entity => lists.entities = true,
            }
            i += 1;
        }
        i = 0;
        while i < filters.len() {
            match filters[i] {
                Filter::With(name) => lists.demand(name),
                Filter::Without(name) => lists.without.push(name),
                Filter::Changed(name) => {
                    lists.demand(name);
                    lists.changed.push(name);
                }
                Filter::Added(name) => {
                    lists.demand(name);
                    lists.added.push(name);
                }
                Filter::Ordered => lists.ordered = true,
            }
            i += 1;
        }
        lists
    }

    const fn demand(&mut self, name: &'static str) {
        if !self.write.has(name) && !self.read.has(name) {
            self.with.push(name);
        }
    }

    const fn demands_any_of(&self, names: &Names) -> bool {
        self.write.shares_with(names) || self.read.shares_with(names) || self.with.shares_with(names)
    }

    /// Stops the compiler where the server would refuse the query.
    pub(crate) const fn check(&self) {
        assert!(!self.write.shares_with(&self.read), "a query has a component both as `&` and as `&mut`");
        assert!(!self.demands_any_of(&self.without), "a query asks for a component and is Without it");
        let demanded = self.write.len + self.read.len + self.with.len;
        assert!(demanded > 0, "a query names no component that its entities have: add a With");
        assert!(demanded + self.without.len <= MAX, "a query names at most 32 components");
    }

    /// Does neither write what the other has, or are their entities apart?
    pub(crate) const fn may_stand_beside(&self, other: &Lists) -> bool {
        let clash = self.write.shares_with(&other.write)
            || self.write.shares_with(&other.read)
            || self.read.shares_with(&other.write);
        !clash || self.demands_any_of(&other.without) || other.demands_any_of(&self.without)
    }
}

/// Two names, compared where `==` cannot be.
pub(crate) const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}
