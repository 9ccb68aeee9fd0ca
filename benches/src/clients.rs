//! How many clients does one core of a server hold over real QUIC?
//!
//! The program itself: `hd1 serve` on one core and `hd1 bots` on another, on the scene `city` at 20 Hz, with ever more
//! bots until the ticks no longer come in time. A number counts when every bot came in and stayed, no mirror differed,
//! and 99 of 100 ticks came within 1.25 of the period.
//!
//! One bot in eight decodes what it is sent into a mirror and compares it: with all of them doing so, the bots' core
//! was full at 500. What a tick of a client costs the server's connections, some 35 us, is told in `hd1_transport`'s
//! `quic`; a bot costs 53 us a tick, nearly three fifths of it QUIC and a fifth taking in what came. With 700 the
//! server's core is busy for two thirds of the time or more, the bots' for four fifths or more, and ticks are late
//! before either is full. It is not the decoding: with one mirror, and the bots' core at 63 percent, 99 of 100 came
//! within 69 ms. Nor do many clients bring it: with 200 it is 55 to 61 ms. There a tick's packets leave the server
//! within 4 ms and mostly begin within 3 ms of their time, but about one tick in twenty some 5 to 13 ms late (`perf`,
//! `sendmsg` by time). What holds those up is not known; the worlds themselves tick within 5 ms of their time.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use serde::Deserialize;

use crate::report::Row;

const ID: &str = "quic_clients";
const SCENE: &str = "city";
const TICK_HZ: u32 = 20;
/// One bot in so many keeps the world that it is shown and compares it; the others acknowledge alone.
const BOTS_PER_MIRROR: u32 = 8;
/// 99 of 100 intervals must be shorter than the period times this.
const LATE_MAX: f64 = 1.25;
/// One address may have 1,024 connections.
const STEPS: &[u32] = &[100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000];
const STEPS_QUICK: &[u32] = &[200, 300, 400, 500, 700, 1_000];
const SECONDS: u32 = 15;
const SECONDS_QUICK: u32 = 5;
/// For a server to begin, and for bots beyond their seconds: entering, leaving, and a server that is too busy.
const PATIENCE: Duration = Duration::from_secs(25);

/// The part of what `hd1 bots --json` prints that is judged here.
#[derive(Clone, Debug, Deserialize)]
struct Figures {
    clients_connected: u32,
    clients_failed: u32,
    tick_interval_ms: Percentiles,
    bytes_per_client_per_s: f64,
    desyncs: u64,
}

#[derive(Clone, Debug, Deserialize)]
struct Percentiles {
    p50: f64,
    p99: f64,
}

/// Runs the steps with the program `hd1` and ends at the first that is too much.
///
/// # Errors
/// The server does not start, or bots print what is no figure.
pub fn run(quick: bool, program: Option<&Path>) -> anyhow::Result<Vec<Row>> {
    let program = program.context("--program FILE: the binary hd1 to measure (`cargo x bench clients` builds it)")?;
    let server = Server::start(program)?;
    let (steps, seconds) = if quick { (STEPS_QUICK, SECONDS_QUICK) } else { (STEPS, SECONDS) };
    let mut best = None;
    for count in steps {
        let Some(figures) = bots(program, &server, *count, seconds)? else { break };
        eprintln!(
            "{count} clients: ticks every {} ms, 99 of 100 within {} ms; {} failed, {} desyncs",
            figures.tick_interval_ms.p50, figures.tick_interval_ms.p99, figures.clients_failed, figures.desyncs
        );
        if !figures.holds(*count) {
            break;
        }
        best = Some((*count, figures));
    }
    let Some((count, figures)) = best else {
        eprintln!("not even {} clients were served in time", steps[0]);
        return Ok(vec![Row::alone(ID, 0.0, "clients")]);
    };
    Ok(vec![
        Row::alone(ID, count.into(), "clients"),
        Row::alone("quic_clients_p99_ms", figures.tick_interval_ms.p99, "ms"),
        Row::alone("quic_clients_kb_s", figures.bytes_per_client_per_s / 1e3, "kB/s each"),
    ])
}

impl Figures {
    fn holds(&self, count: u32) -> bool {
        let period_ms = 1e3 / f64::from(TICK_HZ);
        let whole = self.clients_connected == count && self.clients_failed == 0 && self.desyncs == 0;
        whole && self.tick_interval_ms.p99 <= period_ms * LATE_MAX
    }
}

/// `hd1 serve` with a data folder of its own; both go when this does.
struct Server {
    child: Child,
    folder: PathBuf,
    url: String,
    token: String,
}

/// The one line on its stdout.
#[derive(Deserialize)]
struct Ready {
    http: String,
}

impl Server {
    fn start(program: &Path) -> anyhow::Result<Self> {
        let folder = env::temp_dir().join(format!("hd1-bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let log = fs::File::create(folder.join("log"))?;
        let data = folder.join("data");
        let mut command = pinned(program, 1);
        command.args(["serve", "--http", "127.0.0.1:0", "--quic", "127.0.0.1:0", "--data"]).arg(&data);
        let child = command.stdout(Stdio::piped()).stderr(log).spawn().context("cannot start hd1 serve")?;
        let mut server = Server { child, folder, url: String::new(), token: String::new() };
        let mut line = String::new();
        BufReader::new(server.child.stdout.take().context("no stdout")?).read_line(&mut line)?;
        let ready: Ready = serde_json::from_str(&line).with_context(|| {
            let log = fs::read_to_string(server.folder.join("log")).unwrap_or_default();
            format!("hd1 serve did not begin: {log}")
        })?;
        server.url = ready.http;
        server.token = fs::read_to_string(data.join("admin-token")).context("no admin token")?.trim().to_owned();
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its data goes with it: nothing has to be saved.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// So many bots in a session of their own; `None` where not one of them was served, or they never came to an end.
fn bots(program: &Path, server: &Server, count: u32, seconds: u32) -> anyhow::Result<Option<Figures>> {
    let mut command = pinned(program, 0);
    command.args(["bots", "--json", "--transport", "quic", "--scene", SCENE, "--server", &server.url]);
    command.args(["--clients", &count.to_string(), "--seconds", &seconds.to_string()]);
    command.args(["--mirrors", &count.div_ceil(BOTS_PER_MIRROR).to_string()]);
    command.args(["--tick-rate", &TICK_HZ.to_string()]).env("HD1_TOKEN", &server.token);
    let child = command.stdout(Stdio::piped()).spawn().context("cannot start hd1 bots")?;
    let Some(output) = within(child, PATIENCE + Duration::from_secs(seconds.into()))? else {
        eprintln!("{count} clients: the bots did not come to an end");
        return Ok(None);
    };
    if output.stdout.is_empty() {
        return Ok(None);
    }
    let figures = serde_json::from_slice(&output.stdout).context("what hd1 bots printed are no figures")?;
    Ok(Some(figures))
}

/// What a program printed, or `None` where it was stopped for taking too long.
fn within(mut child: Child, patience: Duration) -> anyhow::Result<Option<Output>> {
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(Some(child.wait_with_output()?))
}

/// The program on one core, where there is a way to say so and there are two.
fn pinned(program: &Path, core: usize) -> Command {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 || !fs::exists("/usr/bin/taskset").unwrap_or(false) {
        return Command::new(program);
    }
    let mut command = Command::new("/usr/bin/taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(connected: u32, p99: f64, desyncs: u64) -> Figures {
        let tick_interval_ms = Percentiles { p50: 50.0, p99 };
        let bytes_per_client_per_s = 1.0;
        Figures { clients_connected: connected, clients_failed: 0, tick_interval_ms, bytes_per_client_per_s, desyncs }
    }

    #[test]
    fn a_number_of_clients_counts_only_when_all_were_served_in_time() {
        assert!(figures(100, 62.5, 0).holds(100));
        assert!(!figures(100, 62.6, 0).holds(100));
        assert!(!figures(99, 50.0, 0).holds(100));
        assert!(!figures(100, 50.0, 1).holds(100));
    }

    #[test]
    fn what_takes_too_long_is_stopped() {
        let sleeping = Command::new("sleep").arg("60").stdout(Stdio::piped()).spawn().unwrap();
        assert!(within(sleeping, Duration::from_millis(100)).unwrap().is_none());
        let done = Command::new("echo").arg("{}").stdout(Stdio::piped()).spawn().unwrap();
        assert_eq!(within(done, PATIENCE).unwrap().unwrap().stdout, b"{}\n");
    }
}
