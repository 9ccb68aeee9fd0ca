//! The pool under hand-moved time: who runs, how often, and who may not starve whom.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::time::{MS, ManualTime};

struct Every {
    period_ns: Nanos,
    runs: AtomicU64,
}

impl Runnable for Every {
    fn run(&self, now_ns: Nanos) -> Next {
        self.runs.fetch_add(1, Ordering::SeqCst);
        Next { at_ns: Some(now_ns + self.period_ns), heavy: false, done: false }
    }
}

/// Holds its thread until let go.
struct Hog {
    held: Mutex<bool>,
    free: Condvar,
    inside: AtomicUsize,
}

impl Hog {
    fn new() -> Arc<Self> {
        Arc::new(Hog { held: Mutex::new(true), free: Condvar::new(), inside: AtomicUsize::new(0) })
    }

    fn let_go(&self) {
        *self.held.lock().unwrap() = false;
        self.free.notify_all();
    }

    fn wait_inside(&self) {
        while self.inside.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
    }
}

impl Runnable for Hog {
    fn run(&self, _now_ns: Nanos) -> Next {
        self.inside.fetch_add(1, Ordering::SeqCst);
        let held = self.held.lock().unwrap();
        drop(self.free.wait_while(held, |held| *held).unwrap());
        Next { at_ns: None, heavy: true, done: false }
    }
}

fn pool(threads: usize) -> (Arc<ManualTime>, Scheduler) {
    let time = ManualTime::new();
    let scheduler = Scheduler::start(threads, Arc::clone(&time) as Arc<dyn Timeline>).unwrap();
    (time, scheduler)
}

#[test]
fn a_thousand_tasks_each_run_once_a_period() {
    let (time, scheduler) = pool(4);
    let tasks: Vec<_> = (0..1000).map(|_| Arc::new(Every { period_ns: 10 * MS, runs: AtomicU64::new(0) })).collect();
    for task in &tasks {
        let id = scheduler.add(Arc::clone(task) as Arc<dyn Runnable>);
        scheduler.wake(id);
    }
    scheduler.settle();
    for _ in 0..20 {
        time.advance(Duration::from_millis(10));
        scheduler.settle();
    }
    assert!(tasks.iter().all(|task| task.runs.load(Ordering::SeqCst) == 21));
    scheduler.stop();
}

#[test]
fn waking_a_running_task_runs_it_again() {
    let (_time, scheduler) = pool(2);
    let hog = Hog::new();
    let id = scheduler.add(Arc::clone(&hog) as Arc<dyn Runnable>);
    scheduler.wake(id);
    hog.wait_inside();
    scheduler.wake(id);
    scheduler.wake(id);
    hog.let_go();
    scheduler.settle();
    assert_eq!(hog.inside.load(Ordering::SeqCst), 2, "two wakes while running are one more run");
    scheduler.stop();
}

#[test]
fn heavy_tasks_leave_a_thread_to_the_others() {
    let (time, scheduler) = pool(2);
    let hogs: Vec<_> = (0..3).map(|_| Hog::new()).collect();
    let ids: Vec<_> = hogs.iter().map(|hog| scheduler.add(Arc::clone(hog) as Arc<dyn Runnable>)).collect();
    // The first run teaches the pool that they are heavy.
    for (hog, id) in hogs.iter().zip(&ids) {
        *hog.held.lock().unwrap() = false;
        scheduler.wake(*id);
    }
    scheduler.settle();
    for (hog, id) in hogs.iter().zip(&ids) {
        *hog.held.lock().unwrap() = true;
        scheduler.wake(*id);
    }
    let light = Arc::new(Every { period_ns: MS, runs: AtomicU64::new(0) });
    let light_id = scheduler.add(Arc::clone(&light) as Arc<dyn Runnable>);
    scheduler.wake(light_id);
    for round in 1..=50 {
        while light.runs.load(Ordering::SeqCst) < round {
            std::thread::yield_now();
        }
        time.advance(Duration::from_millis(1));
    }
    let started: usize = hogs.iter().map(|hog| hog.inside.load(Ordering::SeqCst)).sum();
    assert_eq!(started, 4, "three first runs and only one of the second");
    hogs.iter().for_each(|hog| hog.let_go());
    scheduler.stop();
}

#[test]
fn a_panicking_task_is_forgotten_and_the_pool_goes_on() {
    struct Bomb;
    impl Runnable for Bomb {
        fn run(&self, _now_ns: Nanos) -> Next {
            panic!("bomb")
        }
    }
    let (_time, scheduler) = pool(1);
    let bomb = scheduler.add(Arc::new(Bomb));
    let task = Arc::new(Every { period_ns: MS, runs: AtomicU64::new(0) });
    let id = scheduler.add(Arc::clone(&task) as Arc<dyn Runnable>);
    scheduler.wake(bomb);
    scheduler.wake(id);
    scheduler.settle();
    scheduler.wake(bomb);
    assert_eq!(task.runs.load(Ordering::SeqCst), 1);
    scheduler.stop();
}

#[test]
fn under_the_machines_clock_a_lone_task_keeps_running() {
    let scheduler = Scheduler::start(2, Arc::new(crate::time::MachineTime::default())).unwrap();
    let task = Arc::new(Every { period_ns: MS, runs: AtomicU64::new(0) });
    let id = scheduler.add(Arc::clone(&task) as Arc<dyn Runnable>);
    scheduler.wake(id);
    // Nobody rings here, as a hand that moves time does: the threads have to wake each other.
    while task.runs.load(Ordering::SeqCst) < 50 {
        std::thread::yield_now();
    }
    scheduler.stop();
}
