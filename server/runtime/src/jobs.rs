//! Threads for what must not happen in a tick: loading a world, dropping one, writing files.
//!
//! Two pools are made of it: one that loads, one that writes. A job ends by waking the world that asked for it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

type Job = Box<dyn FnOnce() + Send>;

/// A few threads behind one queue.
pub(crate) struct JobPool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    stopping: bool,
}

impl JobPool {
    /// Starts `threads` threads named `name-0`, `name-1` …
    ///
    /// # Errors
    /// The system's, where it gives no threads.
    pub fn start(name: &str, threads: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), filled: Condvar::new() });
        let handles = (0..threads.max(1))
            .map(|n| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new().name(format!("{name}-{n}")).spawn(move || shared.work())
            })
            .collect::<Result<_, _>>()?;
        Ok(JobPool { shared, threads: Mutex::new(handles) })
    }

    /// How many jobs wait.
    pub fn depth(&self) -> usize {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).jobs.len()
    }

    /// Queues a job. The callers bound it: each world has at most one of a kind under way.
    pub fn submit(&self, job: impl FnOnce() + Send + 'static) {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).jobs.push_back(Box::new(job));
        self.shared.filled.notify_one();
    }

    /// Does what is queued, then ends the threads.
    pub fn stop(&self) {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).stopping = true;
        self.shared.filled.notify_all();
        let handles = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for handle in handles {
            if handle.thread().id() != std::thread::current().id() {
                let _ = handle.join();
            }
        }
    }
}

impl Shared {
    fn work(&self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                // Jobs report their own failures; one that panics must not take the thread with it.
                if catch_unwind(AssertUnwindSafe(job)).is_err() {
                    tracing::error!("a background job panicked");
                }
                queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            } else if queue.stopping {
                return;
            } else {
                queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}
