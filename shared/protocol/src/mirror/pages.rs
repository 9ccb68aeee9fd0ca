//! The pages that a client has open, and which entity stands where.

use hd1_core::Tick;

use super::pace::Interval;
use crate::{
    limits::PAGE_SLOTS,
    state::{BlobHead, Entry},
    wire::DecodeError,
};

/// "Nobody": no table has so many entities.
const NOBODY: u32 = u32::MAX;

/// One page, open or closed.
#[derive(Debug)]
pub(super) struct Page {
    opened: Tick,
    closed: Option<Tick>,
    version: u64,
    /// The newest structure of it.
    changed: Tick,
    interval: Interval,
    /// By slot: who stands there, by its slot in the table.
    slots: Box<[u32; PAGE_SLOTS]>,
}

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is of the page as it is.
    Apply,
    /// It is of a page that is gone, or of a time before it was opened.
    Skip,
    /// Its structure is still to come.
    Wait,
}

/// Where an entity stands: page and slot.
pub(super) type Home = (u16, u8);

/// See the module's words.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// By number.
    pages: Vec<Option<Page>>,
    /// By slot in the table.
    homes: Vec<Option<Home>>,
}

impl Page {
    fn is_open(&self) -> bool {
        self.closed.is_none()
    }
}

impl Pages {
    fn open_page(&mut self, number: u16) -> Result<&mut Page, DecodeError> {
        let page = self.pages.get_mut(usize::from(number)).and_then(Option::as_mut);
        page.filter(|page| page.is_open()).ok_or(DecodeError::Inconsistent("a page that is not open"))
    }

    /// Opens a page as of `tick`, or goes on with one that the same tick opened.
    pub(super) fn open(&mut self, number: u16, version: u64, tick: Tick) -> Result<(), DecodeError> {
        let at = usize::from(number);
        if self.pages.len() <= at {
            self.pages.resize_with(at + 1, || None);
        }
        match &self.pages[at] {
            Some(page) if page.is_open() && (page.opened, page.version) == (tick, version) => return Ok(()),
            Some(page) if page.is_open() => return Err(DecodeError::Inconsistent("a page that is open already")),
            _ => {}
        }
        let slots = Box::new([NOBODY; PAGE_SLOTS]);
        self.pages[at] =
            Some(Page { opened: tick, closed: None, version, changed: tick, interval: Interval::default(), slots });
        Ok(())
    }

    /// Takes the next block of a page.
    pub(super) fn advance(&mut self, number: u16, version: u64, tick: Tick) -> Result<(), DecodeError> {
        let page = self.open_page(number)?;
        if version != page.version + 1 {
            return Err(DecodeError::Gap { expected: page.version + 1, got: version });
        }
        page.version = version;
        page.changed = tick;
        Ok(())
    }

    /// Closes a page; who stood in it and stands nowhere now.
    pub(super) fn close(&mut self, number: u16, tick: Tick) -> Result<Vec<u32>, DecodeError> {
        let page = self.open_page(number)?;
        page.closed = Some(tick);
        let slots = std::mem::replace(&mut page.slots, Box::new([NOBODY; PAGE_SLOTS]));
        let of_slot = |(slot, who): (usize, &u32)| ((number, slot as u8), *who);
        let stood: Vec<_> = slots.iter().enumerate().map(of_slot).filter(|(_, who)| *who != NOBODY).collect();
        Ok(stood.into_iter().filter(|(home, who)| self.leave_home(*home, *who)).map(|(_, who)| who).collect())
    }

    /// Someone stands in a slot from now on, wherever they stood before.
    pub(super) fn place(&mut self, (number, slot): Home, who: u32) -> Result<(), DecodeError> {
        let place = &mut self.open_page(number)?.slots[usize::from(slot)];
        if *place != NOBODY {
            return Err(DecodeError::Inconsistent("a slot that is not free"));
        }
        *place = who;
        if self.homes.len() <= who as usize {
            self.homes.resize(who as usize + 1, None);
        }
        self.homes[who as usize] = Some((number, slot));
        Ok(())
    }

    /// Frees a slot; who stood there, where they stand nowhere else now.
    pub(super) fn vacate(&mut self, home: Home) -> Result<Option<u32>, DecodeError> {
        let who = self.who(home)?;
        self.open_page(home.0)?.slots[usize::from(home.1)] = NOBODY;
        Ok(self.leave_home(home, who).then_some(who))
    }

    fn leave_home(&mut self, home: Home, who: u32) -> bool {
        let is_home = self.homes[who as usize] == Some(home);
        if is_home {
            self.homes[who as usize] = None;
        }
        is_home
    }

    /// Does someone stand there, and not already elsewhere?
    pub(super) fn is_home(&self, home: Home, who: u32) -> bool {
        self.homes.get(who as usize) == Some(&Some(home))
    }

    /// Does someone stand nowhere?
    pub(super) fn is_adrift(&self, who: u32) -> bool {
        self.homes.get(who as usize).is_none_or(Option::is_none)
    }

    /// Who stands in a slot.
    pub(super) fn who(&mut self, (number, slot): Home) -> Result<u32, DecodeError> {
        let who = self.open_page(number)?.slots[usize::from(slot)];
        if who == NOBODY { Err(DecodeError::Inconsistent("an empty slot")) } else { Ok(who) }
    }

    /// Who stands in the slots of an open page, by slot.
    pub(super) fn slots(&self, number: u16) -> Option<&[u32; PAGE_SLOTS]> {
        let page = self.pages.get(usize::from(number))?.as_ref()?;
        page.is_open().then_some(&*page.slots)
    }

    /// A blob of an open page came; how many ticks apart they do lately.
    pub(super) fn note_blob(&mut self, number: u16, head: &BlobHead) -> u8 {
        let Some(Some(page)) = self.pages.get_mut(usize::from(number)) else { return 1 };
        // What is told whole says nothing of when it moved.
        if !head.whole {
            page.interval.note(head.moved_for);
        }
        page.interval.ticks()
    }

    /// All who stand in a page, where its structure is not newer than `tick`.
    pub(super) fn shown_at(&self, number: u16, tick: Tick) -> Option<impl Iterator<Item = u32>> {
        let page = self.pages.get(usize::from(number))?.as_ref()?;
        let is_so = page.is_open() && page.changed <= tick;
        is_so.then(|| page.slots.iter().copied().filter(|who| *who != NOBODY))
    }

    /// What becomes of an entry of `tick`.
    pub(super) fn standing(&self, entry: &Entry, head: &BlobHead, tick: Tick) -> Standing {
        let Some(Some(page)) = self.pages.get(usize::from(entry.page)) else { return Standing::Wait };
        match (page.closed, entry.opened) {
            (Some(closed), _) if tick > closed => Standing::Wait,
            (Some(_), _) => Standing::Skip,
            _ if tick <= page.opened => Standing::Skip,
            (None, Some(opened)) if opened > page.opened => Standing::Wait,
            (None, Some(opened)) if opened < page.opened => Standing::Skip,
            _ if head.version.is_some_and(|version| is_beyond(version, page.version)) => Standing::Wait,
            _ => Standing::Apply,
        }
    }
}

/// Is a version as told, in 31 bits, newer than one?
fn is_beyond(told: u64, version: u64) -> bool {
    let ahead = (told as u32).wrapping_sub(version as u32) & (u32::MAX >> 1);
    ahead != 0 && ahead < u32::MAX >> 2
}
