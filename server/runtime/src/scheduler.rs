//! A pool of threads that runs tasks off a deadline heap: what makes many worlds share few cores.
//!
//! A task is never run by two threads at once and is in the heap at most once, so a world needs no lock of its own
//! against itself. The task whose deadline is oldest goes first. Tasks that say they are `heavy` (a world whose tick
//! takes longer than its period) never hold all threads: one is left for the others.
//!
//! Idle threads cost nothing: one of them, the leader, sleeps until the earliest deadline; the others sleep until
//! there is more to do than the leader can take.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::time::{Doorbell, Nanos, Timeline};

/// A task's name in the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TaskId(u64);

/// When a task wants to run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// At this time, or only when woken.
    pub at_ns: Option<Nanos>,
    /// Does it take more than its share?
    pub heavy: bool,
    /// It is over: forget it.
    pub done: bool,
}

/// What the pool runs.
pub(crate) trait Runnable: Send + Sync {
    /// Does what is due at `now_ns`.
    fn run(&self, now_ns: Nanos) -> Next;
}

/// The pool.
pub(crate) struct Scheduler {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    leader_bell: Arc<Doorbell>,
    follower: Condvar,
    quiet: Condvar,
    time: Arc<dyn Timeline>,
    heavy_running_max: usize,
}

#[derive(Default)]
struct State {
    tasks: HashMap<TaskId, Task>,
    light: BinaryHeap<Reverse<Entry>>,
    heavy: BinaryHeap<Reverse<Entry>>,
    task_count: u64,
    running: usize,
    heavy_running: usize,
    /// Work elsewhere (loading, writing) that will wake a task when it ends.
    elsewhere: usize,
    has_leader: bool,
    /// Until when the leader sleeps; `None` is until it is called.
    leader_until: Option<Nanos>,
    stopping: bool,
}

struct Task {
    runnable: Arc<dyn Runnable>,
    /// Which heap entry is the live one; older ones are skipped when they surface.
    version: u64,
    at_ns: Option<Nanos>,
    heavy: bool,
    running: bool,
    woken: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at_ns: Nanos,
    id: TaskId,
    version: u64,
}

impl Scheduler {
    /// Starts `threads` threads (at least one).
    ///
    /// # Errors
    /// The system's, where it gives no threads.
    pub fn start(threads: usize, time: Arc<dyn Timeline>) -> std::io::Result<Self> {
        let threads = threads.max(1);
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            leader_bell: Arc::default(),
            follower: Condvar::new(),
            quiet: Condvar::new(),
            heavy_running_max: (threads - 1).max(1),
            time,
        });
        shared.time.on_advance(Arc::downgrade(&shared.leader_bell));
        let handles = (0..threads)
            .map(|n| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new().name(format!("hd1-world-{n}")).spawn(move || shared.work())
            })
            .collect::<Result<_, _>>()?;
        Ok(Scheduler { shared, threads: Mutex::new(handles) })
    }

    /// Adds a task that sleeps until it is woken.
    pub fn add(&self, runnable: Arc<dyn Runnable>) -> TaskId {
        let mut state = self.shared.lock();
        state.task_count += 1;
        let id = TaskId(state.task_count);
        let task = Task { runnable, version: 0, at_ns: None, heavy: false, running: false, woken: false };
        state.tasks.insert(id, task);
        id
    }

    /// Runs a task as soon as a thread is free; once more if it is running now.
    pub fn wake(&self, id: TaskId) {
        let now = self.shared.time.now_ns();
        let mut state = self.shared.lock();
        let Some(task) = state.tasks.get_mut(&id) else { return };
        if task.running {
            task.woken = true;
            return;
        }
        if task.at_ns.is_some_and(|at| at <= now) {
            return;
        }
        state.push(id, now);
        self.shared.call_a_thread(&state);
    }

    /// Announces work elsewhere that will wake a task; ends when the guard is dropped.
    pub fn elsewhere(&self) -> Elsewhere {
        self.shared.lock().elsewhere += 1;
        Elsewhere(Arc::clone(&self.shared))
    }

    /// Blocks until nothing is due, running or announced. Only with time that stands still does this mean much.
    pub fn settle(&self) {
        let mut state = self.shared.lock();
        while !(state.stopping || self.shared.is_quiet(&state)) {
            state = self.shared.quiet.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends the threads after what they run now.
    pub fn stop(&self) {
        self.shared.lock().stopping = true;
        self.shared.follower.notify_all();
        self.shared.quiet.notify_all();
        self.shared.leader_bell.ring();
        let handles = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for handle in handles {
            // The last handle to the runtime may be dropped on one of its own threads.
            if handle.thread().id() != std::thread::current().id() {
                let _ = handle.join();
            }
        }
        // Tasks hold what holds this scheduler; letting go of them breaks the circle.
        let tasks = std::mem::take(&mut self.shared.lock().tasks);
        drop(tasks);
    }
}

/// Work elsewhere, for as long as it lives.
pub(crate) struct Elsewhere(Arc<Shared>);

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.elsewhere -= 1;
        if self.0.is_quiet(&state) {
            self.0.quiet.notify_all();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_quiet(&self, state: &State) -> bool {
        let due = state.tasks.values().any(|task| task.at_ns.is_some_and(|at| at <= self.time.now_ns()));
        state.running == 0 && state.elsewhere == 0 && !due
    }

    /// Somebody has to look at the heap again.
    fn call_a_thread(&self, state: &State) {
        if state.has_leader {
            self.leader_bell.ring();
        } else {
            self.follower.notify_one();
        }
    }

    fn work(&self) {
        let mut state = self.lock();
        while !state.stopping {
            let now = self.time.now_ns();
            if let Some((id, runnable, heavy)) = state.take_due(now, self.heavy_running_max) {
                // Let another thread watch the heap while this one is busy.
                if !state.has_leader {
                    self.follower.notify_one();
                }
                drop(state);
                let next = catch_unwind(AssertUnwindSafe(|| runnable.run(now)));
                drop(runnable);
                state = self.lock();
                let gone = state.finish(id, heavy, next.ok(), self.time.now_ns());
                // The leader may have gone to sleep while this task, running, was not in the heap.
                if state.leader_oversleeps(self.heavy_running_max) {
                    self.leader_bell.ring();
                }
                if gone.is_some() {
                    drop(state);
                    drop(gone);
                    state = self.lock();
                }
                continue;
            }
            if self.is_quiet_cheaply(&state) {
                self.quiet.notify_all();
            }
            if state.has_leader {
                state = self.follower.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.has_leader = true;
            let until = state.earliest(self.heavy_running_max);
            state.leader_until = until;
            let seen = self.leader_bell.count();
            drop(state);
            // Time moved by hand after `now` was read rings before or after `seen` was read; look again in the first case.
            if until.is_none_or(|at| at > self.time.now_ns()) {
                let limit = until.and_then(|at| self.time.sleep_for(at));
                self.leader_bell.wait(seen, limit);
            }
            state = self.lock();
            state.has_leader = false;
        }
        self.follower.notify_all();
    }

    /// Nothing was due a moment ago, so the scan over all tasks is spared unless somebody may be waiting for it.
    fn is_quiet_cheaply(&self, state: &State) -> bool {
        state.running == 0 && state.elsewhere == 0
    }
}

impl State {
    fn push(&mut self, id: TaskId, at_ns: Nanos) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.version += 1;
        task.at_ns = Some(at_ns);
        let entry = Reverse(Entry { at_ns, id, version: task.version });
        if task.heavy { self.heavy.push(entry) } else { self.light.push(entry) }
    }

    fn is_stale(&self, entry: &Entry) -> bool {
        self.tasks.get(&entry.id).is_none_or(|task| task.running || task.version != entry.version)
    }

    fn drop_stale(&mut self) {
        while self.light.peek().is_some_and(|Reverse(entry)| self.is_stale(entry)) {
            self.light.pop();
        }
        while self.heavy.peek().is_some_and(|Reverse(entry)| self.is_stale(entry)) {
            self.heavy.pop();
        }
    }

    /// The earliest deadline that a thread may take.
    fn earliest(&mut self, heavy_running_max: usize) -> Option<Nanos> {
        self.drop_stale();
        let light = self.light.peek().map(|Reverse(entry)| entry.at_ns);
        let heavy = self.heavy.peek().filter(|_| self.heavy_running < heavy_running_max);
        let heavy = heavy.map(|Reverse(entry)| entry.at_ns);
        light.into_iter().chain(heavy).min()
    }

    /// Is there a leader who sleeps longer than until the earliest deadline?
    fn leader_oversleeps(&mut self, heavy_running_max: usize) -> bool {
        let until = self.leader_until.unwrap_or(Nanos::MAX);
        self.has_leader && self.earliest(heavy_running_max).is_some_and(|at| at < until)
    }

    fn take_due(&mut self, now: Nanos, heavy_running_max: usize) -> Option<(TaskId, Arc<dyn Runnable>, bool)> {
        let at = self.earliest(heavy_running_max).filter(|at| *at <= now)?;
        let is_light = self.light.peek().is_some_and(|Reverse(entry)| entry.at_ns == at);
        let Reverse(entry) = if is_light { self.light.pop() } else { self.heavy.pop() }?;
        let task = self.tasks.get_mut(&entry.id)?;
        task.running = true;
        task.woken = false;
        task.at_ns = None;
        let taken = (entry.id, Arc::clone(&task.runnable), task.heavy);
        self.running += 1;
        self.heavy_running += usize::from(!is_light);
        Some(taken)
    }

    /// Puts a task back, or answers it for the caller to drop outside the lock.
    fn finish(&mut self, id: TaskId, was_heavy: bool, next: Option<Next>, now: Nanos) -> Option<Task> {
        self.running -= 1;
        self.heavy_running -= usize::from(was_heavy);
        // A task that panics past its own net is not run again.
        let next = next.unwrap_or(Next { at_ns: None, heavy: false, done: true });
        if next.done {
            return self.tasks.remove(&id);
        }
        let task = self.tasks.get_mut(&id)?;
        task.running = false;
        task.heavy = next.heavy;
        let at = if task.woken { Some(now) } else { next.at_ns };
        if let Some(at) = at {
            self.push(id, at);
        }
        None
    }
}

#[cfg(test)]
mod tests;
