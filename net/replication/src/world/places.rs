//! Pages by place, and who watches which place.

use std::collections::HashMap;

use hd1_core::Tick;

use crate::{
    limits::SWEEP_EVERY_TICKS,
    page::Page,
    place::{PageKey, Place},
};

/// All pages. Maps are only looked up in, never walked: their order is nobody's.
#[derive(Debug, Default)]
pub struct Places {
    pages: Vec<Option<Page>>,
    /// By page.
    news: Vec<News>,
    free: Vec<u32>,
    by_place: HashMap<Place, Vec<u32>>,
    /// Pages made in this tick.
    made: Vec<u32>,
    /// Pages given up in this tick.
    gone: Vec<(u32, Place)>,
}

/// What every client asks of each of its pages in every tick: kept together, since pages lie far from each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct News {
    /// The newest tick in which state changed, its low bits.
    pub moved: u32,
    /// Was its structure changed in this tick?
    pub has_structure: bool,
    /// Is its check sum told in this tick?
    pub has_sum: bool,
    /// Clients that have it open: of a page without any nothing is compared, remembered or summed up.
    pub watcher_count: u32,
}

/// Ticks after which a page counts as moved once more, so that the low bits of ticks tell which is newer.
const STILL_TICKS_MAX: u32 = 1 << 30;

impl Places {
    /// What there is to say of a page.
    #[inline]
    #[must_use]
    pub fn news(&self, page: u32) -> News {
        self.news[page as usize]
    }

    #[inline]
    pub(super) fn news_mut(&mut self, page: u32) -> &mut News {
        &mut self.news[page as usize]
    }

    /// A page that exists.
    ///
    /// # Panics
    /// Where it does not.
    #[inline]
    #[must_use]
    pub fn page(&self, number: u32) -> &Page {
        match &self.pages[number as usize] {
            Some(page) => page,
            None => unreachable!("a page that was given up"),
        }
    }

    /// Is there a page of this number?
    #[must_use]
    pub fn exists(&self, number: u32) -> bool {
        self.pages.get(number as usize).is_some_and(Option::is_some)
    }

    /// As [`Places::page`], to change.
    ///
    /// # Panics
    /// Where it does not exist.
    #[inline]
    pub fn page_mut(&mut self, number: u32) -> &mut Page {
        match &mut self.pages[number as usize] {
            Some(page) => page,
            None => unreachable!("a page that was given up"),
        }
    }

    /// Both of a page that exists, to change.
    #[inline]
    pub(super) fn page_and_news_mut(&mut self, number: u32) -> (&mut Page, &mut News) {
        match &mut self.pages[number as usize] {
            Some(page) => (page, &mut self.news[number as usize]),
            None => unreachable!("a page that was given up"),
        }
    }

    /// A client opened a page.
    pub(crate) fn watch(&mut self, number: u32) {
        let (page, news) = self.page_and_news_mut(number);
        if news.watcher_count == 0 {
            page.wake();
        }
        news.watcher_count += 1;
    }

    /// A client closed a page.
    pub(crate) fn unwatch(&mut self, number: u32) {
        let count = &mut self.news[number as usize].watcher_count;
        debug_assert!(*count > 0, "closed more often than opened");
        *count = count.saturating_sub(1);
    }

    /// Every `step`th page from `first` on, as far as they exist.
    pub(super) fn every(&mut self, first: usize, step: usize) -> impl Iterator<Item = (u32, &mut Page, &mut News)> {
        let numbered = self.pages.iter_mut().zip(&mut self.news).enumerate().skip(first).step_by(step);
        numbered.filter_map(|(number, (page, news))| Some((number as u32, page.as_mut()?, news)))
    }

    /// All pages with their numbers.
    pub fn pages(&self) -> impl Iterator<Item = (u32, &Page)> {
        self.pages.iter().enumerate().filter_map(|(number, page)| Some((number as u32, page.as_ref()?)))
    }

    /// The pages of a place.
    #[must_use]
    pub fn at(&self, place: Place) -> &[u32] {
        self.by_place.get(&place).map_or(&[], Vec::as_slice)
    }

    /// Pages made in this tick.
    #[must_use]
    pub fn made(&self) -> &[u32] {
        &self.made
    }

    /// Pages given up in this tick, with where they were.
    #[must_use]
    pub fn gone(&self) -> &[(u32, Place)] {
        &self.gone
    }

    /// A page of a place and audience that has a slot free.
    pub(super) fn with_room(&mut self, key: PageKey, tick: Tick) -> u32 {
        let here = self.at(key.place).iter().copied();
        let fits = |number: &u32| {
            let page = self.page(*number);
            page.key().audience == key.audience && page.has_room()
        };
        if let Some(number) = here.rev().find(fits) {
            return number;
        }
        let page = Some(Page::new(key, tick));
        let news = News { moved: tick.0 as u32, ..News::default() };
        let number = match self.free.pop() {
            Some(number) => {
                self.pages[number as usize] = page;
                self.news[number as usize] = news;
                number
            }
            None => {
                self.pages.push(page);
                self.news.push(news);
                (self.pages.len() - 1) as u32
            }
        };
        self.by_place.entry(key.place).or_default().push(number);
        self.made.push(number);
        number
    }

    /// Begins a tick: now and then, pages in which nobody stands are given up.
    pub(super) fn begin(&mut self, tick: Tick) {
        self.made.clear();
        self.free.extend(self.gone.drain(..).map(|(number, _)| number));
        if !tick.0.is_multiple_of(SWEEP_EVERY_TICKS) {
            return;
        }
        for number in 0..self.pages.len() {
            let Some(page) = &self.pages[number] else { continue };
            let moved = &mut self.news[number].moved;
            let still = (tick.0 as u32).wrapping_sub(*moved);
            *moved = moved.wrapping_add(still.saturating_sub(STILL_TICKS_MAX));
            let place = page.key().place;
            if !page.is_empty() || tick.since(page.structure_tick()) < SWEEP_EVERY_TICKS {
                continue;
            }
            self.pages[number] = None;
            if let Some(here) = self.by_place.get_mut(&place) {
                here.retain(|other| *other as usize != number);
                if here.is_empty() {
                    self.by_place.remove(&place);
                }
            }
            self.gone.push((number as u32, place));
        }
    }
}
