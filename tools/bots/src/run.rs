//! The whole run: sessions made, bots let in, a window measured for all at once, sessions removed.

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use hd1_client::Connector;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::{
    sync::{Semaphore, watch},
    task::spawn_blocking,
    time::{Instant, sleep_until},
};

use crate::{
    Args, Figures,
    api::Api,
    bot::{Brief, Outcome},
    crew::Crew,
    figures::{Percentiles, Samples},
};

/// Bots that enter at once: enough to be quick, few enough not to look like a flood.
const ENTERING_MAX: usize = 16;
/// Between the last entry and the window, for the worlds to settle.
const SETTLE: Duration = Duration::from_secs(1);
/// Clients that share one UDP socket: in the world each has its own, here its driver would be one more task to wake.
const CLIENTS_PER_SOCKET: u32 = 64;

/// Runs the bots, prints what they measured, and answers with failure where a bot failed or a mirror went astray.
/// It brings its own runtime: call it from outside one, or from a blocking thread.
///
/// # Errors
/// Where the server cannot be reached, no session can be made, or not one bot came in.
pub fn run(args: &Args) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting a runtime")?;
    let figures = runtime.block_on(measure(args))?;
    if args.json {
        println!("{}", serde_json::to_string(&figures)?);
    } else {
        println!("{figures}");
    }
    Ok(if figures.clients_failed == 0 && figures.desyncs == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes the sessions, runs the bots and removes the sessions, whatever happens between.
///
/// # Errors
/// As [`run`].
pub async fn measure(args: &Args) -> Result<Figures> {
    let api = Api::new(&args.server, args.token.as_deref());
    let (sessions, made) = sessions(&api, args).await?;
    let result = tokio::select! {
        result = fill(&api, args, &sessions) => result,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    if made {
        spawn_blocking(move || {
            for session in sessions {
                if let Err(error) = api.delete(&session) {
                    eprintln!("session {session} stays: {error:#}");
                }
            }
        })
        .await?;
    }
    result
}

/// The sessions to fill, and whether they are ours to delete.
async fn sessions(api: &Api, args: &Args) -> Result<(Vec<String>, bool)> {
    let (api, args) = (api.clone(), args.clone());
    spawn_blocking(move || {
        if args.token.is_none() {
            let found = api.public()?;
            let wanted = args.sessions as usize;
            if found.len() < wanted {
                bail!("{} public sessions found, {wanted} asked for: give --token to make some", found.len());
            }
            return Ok((found.into_iter().take(wanted).collect(), false));
        }
        let places = args.clients.div_ceil(args.sessions) + 1;
        let mut made = Vec::new();
        for i in 0..args.sessions {
            match api.create(&format!("bots {}", i + 1), args.scene.as_deref(), args.tick_rate, places) {
                Ok(id) => made.push(id),
                Err(error) => {
                    for id in &made {
                        if let Err(error) = api.delete(id) {
                            eprintln!("session {id} stays: {error:#}");
                        }
                    }
                    return Err(error);
                }
            }
        }
        Ok((made, true))
    })
    .await?
}

async fn fill(api: &Api, args: &Args, sessions: &[String]) -> Result<Figures> {
    let args = Arc::new(args.clone());
    let samples = Arc::new(Mutex::new(Samples::new()?));
    let (open_window, window) = watch::channel(None);
    let crew = Crew::start().context("starting threads")?;
    let sockets = args.clients.div_ceil(CLIENTS_PER_SOCKET).max(crew.handles().len() as u32);
    let mut places = Vec::new();
    for handle in crew.handles().iter().cycle().take(sockets as usize) {
        let _entered = handle.enter();
        places.push((handle.clone(), Connector::bind().context("opening a UDP socket")?));
    }
    let bar = progress(u64::from(args.clients));
    let doors = Arc::new(Semaphore::new(ENTERING_MAX));
    let (entered, mut entries) = tokio::sync::mpsc::unbounded_channel();
    let mut bots = Vec::new();
    for number in 0..args.clients {
        let (thread, connector) = &places[number as usize % places.len()];
        let brief = Brief {
            number,
            session: sessions[number as usize % sessions.len()].clone(),
            args: args.clone(),
            api: api.clone(),
            connector: connector.clone(),
            samples: samples.clone(),
            window: window.clone(),
        };
        let (doors, entered) = (doors.clone(), entered.clone());
        bots.push(thread.spawn(async move {
            let door = doors.acquire().await?;
            let client = brief.enter().await;
            drop(door);
            // The receiver counts entries to the last; it is there as long as bots are.
            let _ = entered.send(client.is_ok());
            // Let go of here and not at the end of play: the count of entries is over when all have reported.
            drop(entered);
            brief.play(client?).await
        }));
    }
    drop(entered);
    bar.set_message("entering");
    let mut inside = 0;
    while let Some(ok) = entries.recv().await {
        inside += u32::from(ok);
        bar.inc(1);
    }
    if inside > 0 {
        let start = Instant::now() + SETTLE;
        let end = start + Duration::from_secs(args.seconds.into());
        open_window.send_replace(Some((start, end)));
        watch_clock(&bar, start, args.seconds).await;
    }
    let mut outcomes = Vec::new();
    let mut failures = BTreeMap::<String, u32>::new();
    for bot in bots {
        match bot.await? {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => *failures.entry(format!("{error:#}")).or_default() += 1,
        }
    }
    bar.finish_and_clear();
    for (reason, count) in &failures {
        eprintln!("{count} failed: {reason}");
    }
    if outcomes.is_empty() {
        bail!("not one of {} bots came in and stayed", args.clients);
    }
    Ok(sum(&args, &outcomes, &samples.lock().unwrap_or_else(PoisonError::into_inner)))
}

async fn watch_clock(bar: &ProgressBar, start: Instant, seconds: u32) {
    bar.set_length(u64::from(seconds));
    bar.set_position(0);
    bar.set_message("measuring");
    for second in 1..=seconds {
        sleep_until(start + Duration::from_secs(second.into())).await;
        bar.inc(1);
    }
}

fn sum(args: &Args, outcomes: &[Outcome], samples: &Samples) -> Figures {
    let total = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    let (count, seconds) = (outcomes.len() as u32, f64::from(args.seconds));
    let reconnects = total(|outcome| outcome.reconnects);
    if reconnects > 0 {
        eprintln!("{reconnects} connections were lost and taken up again");
    }
    Figures {
        clients_connected: count,
        clients_failed: args.clients - count,
        ticks_expected: total(|outcome| outcome.ticks_expected),
        ticks_received: total(|outcome| outcome.ticks_received),
        tick_interval_ms: Percentiles::ms(&samples.intervals),
        rtt_ms: Percentiles::ms(&samples.rtts),
        state_staleness_ms: Percentiles::ms(&samples.staleness),
        interpolation_delay_ms: Percentiles::ms(&samples.delays),
        prediction_error_m: Percentiles::metres(&samples.errors),
        corrections_per_s: (total(|outcome| outcome.corrections) as f64 / seconds * 10.0).round() / 10.0,
        bytes_per_client_per_s: (total(|outcome| outcome.bytes_in) as f64 / f64::from(count) / seconds).round(),
        entity_updates_per_s: (total(|outcome| outcome.updates) as f64 / seconds).round(),
        desyncs: total(|outcome| outcome.desyncs),
        hash_checks: total(|outcome| outcome.checks),
        clients_checked: (0..args.clients).filter(|number| args.has_mirror(*number)).count() as u32,
    }
}

/// A bar on a terminal, nothing elsewhere.
fn progress(length: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg:>10} {bar:40} {pos}/{len}");
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
