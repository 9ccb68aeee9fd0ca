//! What one client has of one page: which ticks of it were sent, which it has, and so what to send next and against
//! what.
//!
//! Each tick says only what changed since the one sent before it, so a client has a page whole at a tick if it has every
//! tick that was sent of it up to that one. The newest such tick is the base: nothing is coded against anything newer.
//! Where one was lost, what comes next says what changed in that tick too, and the base waits for it. Where that is lost
//! as well, the one after it says everything since the base, and what was sent in between counts no more.

use hd1_core::{NetId, Tick};

use crate::{limits::RESEND_TICKS_MAX, logged::Span};

/// A page as one client has it. There are many of these, so they are small: ticks count back from the newest sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageView {
    /// Bit `i`: was it sent `i` ticks before the newest?
    sent: u64,
    /// The newest tick sent; of a page just opened the tick of that.
    newest: u32,
    /// Which page; [`NO_PAGE`] where the number is free.
    page: u32,
    /// Ticks from the base to the newest.
    base_age: u16,
    /// Ticks from the one before the base to the newest.
    before_age: u16,
    /// Ticks from the newest that said something again to the newest; [`NEVER`] where the base is beyond it.
    repaired_age: u8,
    /// It is sent every so many ticks: 1, 2, 4 or 8.
    period: u8,
    flags: u8,
}

/// The client has not yet said that it has state of the page.
const FRESH: u8 = 1;
/// Something that was sent is not known to have come.
const IN_FLIGHT: u8 = 2;
/// What was sent was lost, or is too long ago to tell.
const BROKEN: u8 = 4;
/// "No page": there are never so many.
pub const NO_PAGE: u32 = u32::MAX;
/// "Too long ago to tell".
const AGE_MAX: u16 = u16::MAX;
/// "Nothing was said again".
const NEVER: u8 = u8::MAX;

/// What is to be said again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Nothing.
    Nothing,
    /// What changed in these ticks, as bits: bit `i` is the `i`th before now.
    Lost(u64),
    /// Everything since the base.
    All,
}

impl PageView {
    /// A page opened at `tick`.
    #[must_use]
    pub fn open(page: u32, tick: Tick) -> Self {
        PageView {
            sent: 1,
            newest: tick.0 as u32,
            page,
            base_age: 0,
            before_age: 0,
            repaired_age: NEVER,
            period: 1,
            flags: FRESH,
        }
    }

    /// A number without a page.
    pub const FREE: PageView = PageView {
        sent: 0,
        newest: 0,
        page: NO_PAGE,
        base_age: 0,
        before_age: 0,
        repaired_age: NEVER,
        period: 1,
        flags: 0,
    };

    /// Which page.
    #[inline]
    #[must_use]
    pub fn page(&self) -> u32 {
        self.page
    }

    /// Sends it every `period` ticks: a power of two.
    pub fn set_period(&mut self, period: u8) {
        self.period = period.max(1).next_power_of_two();
    }

    /// Ticks between two that are sent.
    #[must_use]
    pub fn period(&self) -> u8 {
        self.period
    }

    /// Is it its turn?
    #[inline]
    #[must_use]
    pub fn is_due(&self, tick: Tick) -> bool {
        // Pages take turns, or all would come together.
        (tick.0 as u32).wrapping_add(self.page) & (u32::from(self.period) - 1) == 0
    }

    /// Is this the newest tick sent?
    #[inline]
    #[must_use]
    pub fn is_newest(&self, tick: Tick) -> bool {
        self.newest == tick.0 as u32
    }

    /// Has its state changed since it was last sent, when that was last at `moved`, of which these are the low bits?
    #[inline]
    #[must_use]
    pub fn is_older_than(&self, moved: u32) -> bool {
        moved.wrapping_sub(self.newest).cast_signed() > 0
    }

    /// Is something under way?
    #[inline]
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        self.flags & (IN_FLIGHT | BROKEN) != 0
    }

    /// May the client not know yet that it is open? It was opened at its base.
    #[inline]
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.flags & FRESH != 0
    }

    /// The newest tick sent.
    #[inline]
    #[must_use]
    pub fn newest(&self, now: Tick) -> Tick {
        Tick(now.0 - u64::from(self.age(now)))
    }

    /// The newest tick at which the client has the page whole.
    #[must_use]
    pub fn base(&self, now: Tick) -> Tick {
        Tick(self.newest(now).0.saturating_sub(self.base_age.into()))
    }

    /// Ticks since the newest sent.
    #[inline]
    fn age(&self, now: Tick) -> u32 {
        (now.0 as u32).wrapping_sub(self.newest)
    }

    /// Takes in which ticks of the page the client has (bit `i`: the one `i` before the newest sent), and which are lost
    /// (bit `i`: the one `i` before `now`): what must be said again.
    #[inline]
    pub fn settle(&mut self, now: Tick, received: u64, lost: u64) -> Again {
        if self.flags & BROKEN != 0 {
            return Again::All;
        }
        let age = self.age(now);
        let missing = self.sent & !received & !ones_from(self.base_age.into());
        let oldest_missing = u64::BITS - missing.leading_zeros();
        // Older than all that is missing.
        let known = self.sent & ones_from(oldest_missing);
        if known != 0 && known.trailing_zeros() < u32::from(self.base_age) {
            self.stand_on(known, age);
        }
        if missing == 0 {
            self.flags &= !IN_FLIGHT;
            return Again::Nothing;
        }
        let is_gone = missing & down(lost, age);
        if is_gone == 0 && u64::from(age) + u64::from(oldest_missing) <= RESEND_TICKS_MAX + 1 {
            return Again::Nothing;
        }
        // What was to mend a loss may be lost itself.
        if is_gone == 0 || self.repaired_age != NEVER {
            return Again::All;
        }
        Again::Lost(up(self.told_by(is_gone), age))
    }

    /// The ticks whose changes were told by some that were sent: each tells those since the one before it.
    fn told_by(&self, mut gone: u64) -> u64 {
        let mut told = 0;
        while gone != 0 {
            let age = gone.trailing_zeros();
            let before = (self.sent & ones_from(age + 1)).trailing_zeros();
            told |= ones_from(age) & !ones_from(before);
            gone &= gone - 1;
        }
        told
    }

    /// The base becomes the newest of the `known` ticks, which the client has with all before them, and which is newer
    /// than the base; `passed` ticks since the newest.
    ///
    /// How things go on is told from the base and from a tick as long before it as the base is behind: from a shorter
    /// way the rounding of both would be blown up, on a longer one they would have turned. It never goes back, since
    /// a client forgets what is older.
    #[inline]
    fn stand_on(&mut self, known: u64, passed: u32) {
        let age = known.trailing_zeros();
        let mut whole = known;
        if self.repaired_age != NEVER {
            let repaired = u32::from(self.repaired_age);
            if age > repaired {
                return;
            }
            // Between what was lost and what mended it the client had no tick whole.
            whole &= !ones_from(repaired + 1) | ones_from(self.base_age.into());
        }
        let older = whole & ones_from(age + 1);
        let far_enough = older & ones_from(age + (passed + age).max(1));
        let before = if far_enough != 0 {
            far_enough.trailing_zeros() as u16
        } else if older != 0 {
            63 - older.leading_zeros() as u16
        } else {
            self.base_age
        };
        self.before_age = before.min(self.before_age);
        self.base_age = age as u16;
        self.flags &= !FRESH;
        if self.repaired_age != NEVER {
            self.repaired_age = NEVER;
            self.sent &= !ones_from(age + 1);
        }
    }

    /// The values at the tick before the base are not known any more: nothing goes on from there again, since a client
    /// that is told so forgets them too.
    pub fn forget_before(&mut self) {
        self.before_age = self.base_age;
    }

    /// What is to be said at `now`: what changed since the last time, and what is to be said again.
    #[inline]
    #[must_use]
    pub fn span(&self, now: Tick, again: Again) -> Span {
        let passed = self.age(now);
        let base_age = u32::from(self.base_age).saturating_add(passed);
        let told = match again {
            Again::Nothing => !ones_from(passed),
            Again::Lost(ticks) => !ones_from(passed) | ticks,
            Again::All => !ones_from(base_age),
        };
        let before_age = u32::from(self.before_age).saturating_add(passed);
        Span { told, base_age, before_age, whole: self.base_age == AGE_MAX }
    }

    /// It was sent at `now`, with what was said again.
    #[inline]
    pub fn note_sent(&mut self, now: Tick, again: Again) {
        let passed = self.age(now);
        let unknown = self.sent & !ones_from(self.base_age.into());
        match again {
            Again::All => {
                self.sent &= !unknown;
                self.flags &= !BROKEN;
            }
            // Something that may be lost is too long ago to tell.
            _ if unknown & ones_from(u64::BITS.saturating_sub(passed)) != 0 => self.flags |= BROKEN,
            Again::Lost(ticks) => self.sent &= !down(ticks, passed),
            Again::Nothing => {}
        }
        self.sent = up(self.sent, passed) | 1;
        let aged = |age: u16| u32::from(age).saturating_add(passed).min(AGE_MAX.into()) as u16;
        (self.base_age, self.before_age) = (aged(self.base_age), aged(self.before_age));
        if again != Again::Nothing {
            self.repaired_age = 0;
        } else if self.repaired_age != NEVER {
            self.repaired_age = u32::from(self.repaired_age).saturating_add(passed).min(u32::from(NEVER) - 1) as u8;
        }
        self.newest = now.0 as u32;
        self.flags |= IN_FLIGHT;
    }
}

/// All bits from the `first` on.
#[inline]
fn ones_from(first: u32) -> u64 {
    up(u64::MAX, first)
}

/// Each bit so many places on; what goes beyond the last is gone.
#[inline]
fn up(bits: u64, places: u32) -> u64 {
    if places < u64::BITS { bits << places } else { 0 }
}

/// Each bit so many places back; what goes beyond the first is gone.
#[inline]
fn down(bits: u64, places: u32) -> u64 {
    if places < u64::BITS { bits >> places } else { 0 }
}

/// Whose view it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Viewer {
    /// The player's number.
    pub player: hd1_core::PlayerId,
    /// Where it is.
    pub avatar: Option<NetId>,
    /// From where it looks without an avatar, in metres over the ground (X and Z); else from the middle of the world.
    pub at: Option<[f32; 2]>,
}

#[cfg(test)]
mod tests {
    use hd1_protocol::Acks;

    use super::*;

    /// At `now`, when the client has these ticks.
    fn settle(view: &mut PageView, now: u64, has: &[u64], lost: u64) -> Again {
        let mut acks = Acks::default();
        has.iter().for_each(|tick| acks.insert(Tick(*tick)));
        view.settle(Tick(now), acks.aged(view.newest(Tick(now))), lost)
    }

    fn bases(view: &PageView, now: u64) -> (u64, u64, u64) {
        let span = view.span(Tick(now), Again::Nothing);
        (now - u64::from(span.told.trailing_ones()), span.base(Tick(now)).0, span.before(Tick(now)).0)
    }

    #[test]
    fn the_base_follows_what_came_whole() {
        let mut view = PageView::open(7, Tick(100));
        assert!(view.is_fresh() && view.base(Tick(101)) == Tick(100));
        for now in 101..=104 {
            assert_eq!(settle(&mut view, now, &[], 0), Again::Nothing);
            assert_eq!(bases(&view, now), (now - 1, 100, 100));
            view.note_sent(Tick(now), Again::Nothing);
        }
        assert!(view.is_in_flight());
        // 102 is missing: only 101 counts.
        settle(&mut view, 105, &[101, 103, 104], 0);
        assert_eq!((bases(&view, 105), view.is_fresh()), ((104, 101, 100), false));
        // It came after all.
        settle(&mut view, 105, &[101, 102, 103, 104], 0);
        assert_eq!(bases(&view, 105), (104, 104, 103));
        assert!(!view.is_in_flight());
    }

    #[test]
    fn the_tick_before_is_as_far_behind_as_the_base() {
        let mut view = PageView::open(7, Tick(100));
        (101..=120).for_each(|now| view.note_sent(Tick(now), Again::Nothing));
        settle(&mut view, 121, &(101..=117).collect::<Vec<_>>(), 0);
        assert_eq!(bases(&view, 121), (120, 117, 113));
        view.note_sent(Tick(121), Again::Nothing);
        settle(&mut view, 122, &(101..=118).collect::<Vec<_>>(), 0);
        assert_eq!(bases(&view, 122), (121, 118, 114));
    }

    #[test]
    fn what_was_lost_is_said_again_and_the_base_waits_for_it() {
        let mut view = PageView::open(7, Tick(100));
        (101..=104).for_each(|now| view.note_sent(Tick(now), Again::Nothing));
        // 102 is lost: at 105 that is bit 3.
        let again = settle(&mut view, 105, &[101, 103], 0b1000);
        assert_eq!(again, Again::Lost(0b1000));
        assert_eq!(view.span(Tick(105), again).told, 0b1001);
        view.note_sent(Tick(105), again);
        assert_eq!(settle(&mut view, 106, &[101, 103, 104], 0b10000), Again::Nothing);
        assert_eq!(bases(&view, 106), (105, 101, 100), "103 and 104 alone are not all");
        view.note_sent(Tick(106), Again::Nothing);
        settle(&mut view, 107, &[101, 103, 104, 105], 0b100000);
        assert_eq!(bases(&view, 107), (106, 105, 101), "nor are they whole ticks to go on from");
        // One that told of several ticks: all of them.
        let mut view = PageView::open(7, Tick(100));
        [102, 106, 107].iter().for_each(|now| view.note_sent(Tick(*now), Again::Nothing));
        assert_eq!(settle(&mut view, 109, &[102, 107], 0b1000), Again::Lost(0b111_1000));
        // What said it again is lost too: now everything since the base.
        let mut view = PageView::open(7, Tick(100));
        (101..=104).for_each(|now| view.note_sent(Tick(now), Again::Nothing));
        let again = settle(&mut view, 105, &[101, 103, 104], 0b1000);
        view.note_sent(Tick(105), again);
        assert_eq!(settle(&mut view, 108, &[101, 103, 104], 0b1000), Again::All);
        assert_eq!(view.span(Tick(108), Again::All).told, 0b111_1111);
        view.note_sent(Tick(108), Again::All);
        settle(&mut view, 109, &[101, 103, 104, 108], 0);
        assert_eq!(bases(&view, 109).1, 108);
    }

    #[test]
    fn a_page_that_rests_keeps_its_base() {
        let mut view = PageView::open(7, Tick(100));
        view.note_sent(Tick(101), Again::Nothing);
        settle(&mut view, 103, &[101], 0);
        assert_eq!(settle(&mut view, 900, &[101, 899], u64::MAX), Again::Nothing);
        let span = view.span(Tick(900), Again::Nothing);
        let told = (span.told, span.base(Tick(900)), span.before(Tick(900)));
        assert_eq!(told, (u64::MAX, Tick(101), Tick(100)));
        view.note_sent(Tick(900), Again::Nothing);
        assert_eq!(bases(&view, 901).1, 101);
        settle(&mut view, 902, &[900], 0);
        assert_eq!(bases(&view, 902).1, 900);
    }

    #[test]
    fn what_is_too_long_ago_to_tell_is_said_again() {
        let mut view = PageView::open(7, Tick(100));
        (101..=170).for_each(|now| view.note_sent(Tick(now), Again::Nothing));
        assert_eq!(settle(&mut view, 171, &[170], 0), Again::All);
        view.note_sent(Tick(171), Again::All);
        assert_eq!(settle(&mut view, 172, &[171], 0), Again::Nothing);
        assert_eq!(bases(&view, 172).1, 171);
    }

    #[test]
    fn it_is_small() {
        assert_eq!(size_of::<PageView>(), 24);
    }
}
