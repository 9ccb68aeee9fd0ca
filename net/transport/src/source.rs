//! A source of a link that is looked at only once it has called.
//!
//! A task that waits for several things is woken by any of them and would then look at all: a lock and a search each,
//! mostly for nothing. So each source wakes through a flag of its own, and one that has not called is passed over.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// See the module's words.
pub(crate) struct Source {
    call: Arc<Call>,
    waker: Waker,
}

struct Call {
    has_called: AtomicBool,
    task: AtomicWaker,
}

impl Source {
    /// One that is looked at first of all.
    pub(crate) fn new() -> Self {
        let call = Arc::new(Call { has_called: AtomicBool::new(true), task: AtomicWaker::new() });
        Source { waker: call.clone().into(), call }
    }

    /// The context to look at the source with, where it has called since the last look. The task of `cx` is woken when
    /// it calls again.
    pub(crate) fn called(&self, cx: &Context<'_>) -> Option<Waker> {
        // First who is to be woken, then whether there was a call: one that comes between is not lost.
        self.call.task.register(cx.waker());
        self.call.has_called.swap(false, Ordering::AcqRel).then(|| self.waker.clone())
    }

    /// What a look found: where it was something there may be more.
    pub(crate) fn found<T>(&self, found: Poll<T>) -> Poll<T> {
        if found.is_ready() {
            self.call.has_called.store(true, Ordering::Release);
        }
        found
    }
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_called.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("has_called", &self.call.has_called).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Task(AtomicBool);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_source_is_looked_at_once_for_each_call_and_again_after_each_find() {
        let task = Arc::new(Task::default());
        let waker = Waker::from(task.clone());
        let cx = Context::from_waker(&waker);
        let source = Source::new();

        let its = source.called(&cx).expect("the first look");
        assert!(source.found::<()>(Poll::Pending).is_pending());
        assert!(source.called(&cx).is_none(), "nothing was found and nothing has called");

        its.wake_by_ref();
        assert!(task.0.load(Ordering::Relaxed), "its call wakes the task");
        source.called(&cx).expect("it has called");
        assert_eq!(source.found(Poll::Ready(1)), Poll::Ready(1));
        assert!(source.called(&cx).is_some(), "where there was one there may be more");
    }
}
