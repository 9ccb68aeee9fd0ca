//! Which pages lay in which frames of the ticks that took more than one: so that of a tick of which a client has but some
//! frames each page is known to have come or not.

use std::collections::VecDeque;

use hd1_core::Tick;
use hd1_protocol::{Acks, Part, limits::ACK_TICKS};
use smallvec::SmallVec;

/// Frames of a tick that a client can say it has.
const FRAMES_TOLD: usize = 64;

/// Where a frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameStart {
    /// The number of its first page at the client.
    pub page: u16,
    /// Does that page begin in a frame before it?
    pub continues: bool,
}

/// See the module's words. Of one client.
#[derive(Debug, Default)]
pub(crate) struct Layouts(VecDeque<(Tick, SmallVec<[FrameStart; 4]>)>);

impl Layouts {
    /// The frames of a tick, in order; pages ascend. Ticks that the client has `whole` need not be remembered.
    pub(crate) fn note(&mut self, tick: Tick, frames: impl ExactSizeIterator<Item = FrameStart>, whole: Acks) {
        let mut starts = SmallVec::new();
        while self.0.front().is_some_and(|(old, _)| old.0 + ACK_TICKS <= tick.0 || whole.contains(*old)) {
            // Its memory serves anew.
            starts = self.0.pop_front().map(|(_, starts)| starts).unwrap_or_default();
        }
        if frames.len() > 1 {
            starts.clear();
            starts.extend(frames.take(FRAMES_TOLD + 1));
            self.0.push_back((tick, starts));
        }
    }

    /// Had the frames of a part all there was of a page?
    pub(crate) fn had(&self, part: &Part, page: u16) -> bool {
        let Ok(at) = self.0.binary_search_by_key(&part.tick, |(tick, _)| *tick) else { return false };
        let starts = &self.0[at].1;
        let end = starts.partition_point(|start| start.page <= page);
        let mut first = starts.partition_point(|start| start.page < page);
        // No frame begins with it: it lies within the last that begins before it, or that one's successor continues it.
        if starts.get(first).is_none_or(|start| start.page > page || start.continues) {
            first = first.saturating_sub(1);
        }
        // The frame after the last that is told might continue it.
        end > first && end <= FRAMES_TOLD && (first..end).all(|frame| part.frames >> frame & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_came_with_all_its_frames() {
        let starts = [(3, false), (10, false), (12, true), (12, true), (20, false)];
        let frames = starts.map(|(page, continues)| FrameStart { page, continues });
        let mut layouts = Layouts::default();
        layouts.note(Tick(5), frames.into_iter(), Acks::default());
        let had = |missing: u32| {
            let part = Part { tick: Tick(5), frames: 0b11111 & !(1 << missing) };
            [3, 9, 10, 11, 12, 13, 19, 20, 40]
                .into_iter()
                .filter(|page| layouts.had(&part, *page))
                .collect::<Vec<u16>>()
        };
        assert_eq!(had(0), [10, 11, 12, 13, 19, 20, 40]);
        assert_eq!(had(1), [3, 9, 13, 19, 20, 40], "12 began in it");
        assert_eq!(had(2), [3, 9, 10, 11, 13, 19, 20, 40]);
        assert_eq!(had(3), [3, 9, 10, 11, 20, 40], "what lies behind 12 came with it");
        assert_eq!(had(4), [3, 9, 10, 11, 12, 13, 19]);
        assert!(!layouts.had(&Part { tick: Tick(6), frames: u64::MAX }, 3), "a tick of one frame is whole or nothing");
        layouts.note(Tick(5 + ACK_TICKS), frames[..1].iter().copied(), Acks::default());
        assert!(!layouts.had(&Part { tick: Tick(5), frames: u64::MAX }, 3), "too long ago");
        layouts.note(Tick(80), frames.into_iter(), Acks::default());
        layouts.note(Tick(81), frames.into_iter(), Acks::of(Tick(80)));
        assert_eq!(layouts.0.len(), 1, "what came whole need not be remembered");
    }
}
