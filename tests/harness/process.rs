//! A child process whose output is collected and whose end can be waited for with a deadline.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How a process ended.
#[derive(Clone, Copy, Debug)]
pub struct Exited {
    /// Its status.
    pub status: ExitStatus,
    /// From the question to the end.
    pub after: Duration,
}

/// A running child. It is killed when this is dropped.
pub struct Process {
    pid: u32,
    lines: Mutex<Receiver<String>>,
    stderr: Arc<Mutex<String>>,
    ended: Receiver<ExitStatus>,
    exited: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` with its output collected.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let pid = child.id();
        let (line_sender, lines) = channel();
        let stdout = child.stdout.take().expect("stdout is piped");
        let stdout = std::thread::spawn(move || send_lines(stdout, &line_sender));
        let stderr = Arc::new(Mutex::new(String::new()));
        let from = child.stderr.take().expect("stderr is piped");
        let into = Arc::clone(&stderr);
        let collector = std::thread::spawn(move || collect(from, &into));
        let (end_sender, ended) = channel();
        std::thread::spawn(move || {
            let status = child.wait().expect("the child is ours");
            // What it wrote last is there before anybody hears of its end.
            let _ = (stdout.join(), collector.join());
            let _ = end_sender.send(status);
        });
        Self { pid, lines: Mutex::new(lines), stderr, ended, exited: None }
    }

    /// Its next line on stdout; `None` when it has ended or the time is over.
    pub fn next_line(&self, within: Duration) -> Option<String> {
        self.lines.lock().expect("no reader panics").recv_timeout(within).ok()
    }

    /// What it wrote on stderr up to now.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr.lock().expect("no collector panics").clone()
    }

    /// Its id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a signal by its name, as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid.to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "cannot send SIG{name} to {}", self.pid);
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// It does not end in time.
    pub fn wait(&mut self, within: Duration) -> Exited {
        let start = Instant::now();
        if self.exited.is_none() {
            match self.ended.recv_timeout(within) {
                Ok(status) => self.exited = Some(status),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("process {} does not end within {within:?}\n{}", self.pid, self.stderr())
                }
                Err(RecvTimeoutError::Disconnected) => panic!("nobody waits for process {}", self.pid),
            }
        }
        Exited { status: self.exited.expect("it was just set"), after: start.elapsed() }
    }

    /// `kill -9`, and its end.
    pub fn kill(&mut self) {
        if self.exited.is_none() && self.ended.try_recv().map(|status| self.exited = Some(status)).is_err() {
            let _ = Command::new("kill").arg("-KILL").arg(self.pid.to_string()).stderr(Stdio::null()).status();
            self.wait(Duration::from_secs(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- stderr of process {} ---\n{}---", self.pid, self.stderr());
            let _ = Command::new("kill").arg("-KILL").arg(self.pid.to_string()).stderr(Stdio::null()).status();
        } else {
            self.kill();
        }
    }
}

fn send_lines(stdout: impl Read, lines: &Sender<String>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if lines.send(line).is_err() {
            return;
        }
    }
}

fn collect(stderr: impl Read, into: &Mutex<String>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let mut text = into.lock().expect("nobody panics while holding it");
        text.push_str(&line);
        text.push('\n');
    }
}
