//! What is looked for in every system and every hook.
//!
//! Each batch is run in an instance that runs all of them one after the other, as worlds take turns with one, and in
//! one that was made for it, whose memory holds other rubbish. Then rows are shuffled where the plan does not ask for
//! an order.

mod hooks;
mod outputs;

use hd1_abi::plan::System;
use hd1_abi::{Fault, command};

use crate::batch::{Batch, Output, Values, Wish};
use crate::chance::Chance;
use crate::compare::{self, Difference};
use crate::kit::Kit;
use crate::limits::{MESSAGES_MAX, ROWS, SMALL_REPEATS, SMALL_ROWS_MAX};
use crate::report::{Check, Finding, Fuel, Place, Ran, Report, Severity};
use crate::runner::Runner;

const KEPT: &str = "what is to be kept from run to run is a component: worlds take turns with an instance";

/// Checks every system.
pub(crate) fn all(kit: &Kit) -> Report {
    let mut report = Report { seed: kit.seed, ..Report::default() };
    for (i, system) in kit.plan().systems.iter().enumerate() {
        let ran = Ran { system: system.name.clone(), ..Ran::default() };
        let mut bench = Bench { kit, i, system, old: None, report: &mut report, ran };
        for wish in wishes(system, kit.seed).into_iter().filter(|wish| wish.rows <= kit.rows_max) {
            bench.check(wish);
        }
        let ran = bench.ran;
        report.systems.push(ran);
    }
    hooks::all(kit, &mut report);
    report.sort();
    report
}

/// The batches that a system is tried with.
pub(crate) fn wishes(system: &System, seed: u64) -> Vec<Wish> {
    let mut wishes = Vec::new();
    let of = |rows, seed| match system.messages.is_empty() {
        true => Wish { messages: 0, ..Wish::of(rows, seed) },
        false => Wish::of(rows, seed),
    };
    for values in [Values::Ordinary, Values::Ends] {
        for rows in ROWS {
            let repeats = if (1..=SMALL_ROWS_MAX).contains(&rows) { SMALL_REPEATS } else { 1 };
            wishes.extend((0..repeats).map(|i| Wish { values, ..of(rows, seed.wrapping_add(i)) }));
        }
        // A query that finds none while another finds some, and messages of those who are in none.
        let several = system.queries.len() > 1;
        let lone = (0..system.queries.len()).filter(|_| several);
        wishes.extend(lone.map(|query| Wish { values, only: Some(query), ..of(3, seed) }));
        if !system.messages.is_empty() {
            wishes.push(Wish { values, messages: MESSAGES_MAX, ..Wish::of(0, seed) });
            wishes.push(Wish { values, messages: 0, ..Wish::of(SMALL_ROWS_MAX, seed) });
        }
    }
    wishes
}

struct Bench<'a> {
    kit: &'a Kit,
    i: usize,
    system: &'a System,
    /// Runs one batch after the other; none after a fault.
    old: Option<Runner>,
    report: &'a mut Report,
    ran: Ran,
}

impl Bench<'_> {
    fn check(&mut self, wish: Wish) {
        let batch = self.kit.batch(self.i, wish);
        let Some(output) = self.run_fresh(&batch, wish) else { return };
        self.check_determinism(&batch, &output, wish);
        outputs::check(self, &batch, &output, wish);
        self.check_order(&batch, &output, wish);
    }

    /// Runs in an instance of its own; that is what others are compared with.
    fn run_fresh(&mut self, batch: &Batch, wish: Wish) -> Option<Output> {
        let (output, fuel) = self.run_anew(batch, 0, wish)?;
        let rows = batch.queries.iter().map(|rows| rows.entities.len()).sum();
        match self.ran.fuel.iter_mut().find(|known| known.rows == rows) {
            Some(known) => known.fuel = known.fuel.max(fuel),
            None => self.ran.fuel.push(Fuel { rows, fuel }),
        }
        self.ran.fuel.sort_by_key(|known| known.rows);
        if let Some(max) = self.kit.fuel_per_run_max.filter(|max| fuel > *max) {
            let message = format!("it took {fuel} for {rows} rows in all, and is to take at most {max}");
            self.find(Severity::Error, Check::Fuel, None, message, wish);
        }
        Some(output)
    }

    fn run_anew(&mut self, batch: &Batch, stale: u8, wish: Wish) -> Option<(Output, u64)> {
        self.ran.runs += 1;
        let mut log = Vec::new();
        let done = Runner::new(self.kit, self.kit.limits, stale).and_then(|mut runner| {
            let done = runner.run(self.system, self.i, batch);
            log = runner.log;
            done
        });
        match done {
            Ok(done) => Some((done.output, done.fuel)),
            Err(fault) => {
                self.fault(&fault, &log, wish);
                None
            }
        }
    }

    /// Runs in the instance that has run before.
    fn run_old(&mut self, batch: &Batch, wish: Wish) -> Option<Output> {
        self.ran.runs += 1;
        if self.old.is_none() {
            self.old = Runner::new(self.kit, self.kit.limits, 0).ok();
        }
        let old = self.old.as_mut()?;
        match old.run(self.system, self.i, batch) {
            Ok(done) => Some(done.output),
            Err(fault) => {
                let log = std::mem::take(&mut old.log);
                self.old = None;
                self.fault(&fault, &log, wish);
                None
            }
        }
    }

    fn check_determinism(&mut self, batch: &Batch, output: &Output, wish: Wish) {
        let Some(first) = self.run_old(batch, wish) else { return };
        self.compare(batch, [output, &first], "in one that had run before", KEPT, wish);
        let Some(again) = self.run_old(batch, wish) else { return };
        self.compare(batch, [output, &again], "when the same instance ran it again", KEPT, wish);
        let between = Wish { rows: wish.rows / 2 + 2, only: None, seed: wish.seed.wrapping_add(99), ..wish };
        let between = self.kit.batch(self.i, between);
        let Some(_) = self.run_old(&between, wish) else { return };
        let Some(last) = self.run_old(batch, wish) else { return };
        self.compare(batch, [output, &last], "after another world's batch", KEPT, wish);
        let Some((other, _)) = self.run_anew(batch, 0xA5, wish) else { return };
        let rubbish = "it reads what is no part of the batch";
        self.compare(batch, [output, &other], "where other rubbish lay between the columns", rubbish, wish);
    }

    fn compare(&mut self, batch: &Batch, [new, old]: [&Output; 2], when: &str, why: &str, wish: Wish) {
        let difference = compare::as_they_lie(&self.kit.columns, self.system, batch, new, old);
        if let Some(Difference { place, one, other }) = difference {
            let message = format!("{one} in a new instance, {other} {when}: {why}");
            self.find(Severity::Error, Check::Determinism, place, message, wish);
        }
    }

    fn check_order(&mut self, batch: &Batch, output: &Output, wish: Wish) {
        let any = |(q, rows): (usize, &crate::batch::Rows)| rows.entities.len() > 1 && !self.system.queries[q].ordered;
        // Who spawns is handed ordered rows.
        if self.system.spawns || !batch.queries.iter().enumerate().any(any) {
            return;
        }
        let shuffled = shuffled(self.kit, self.system, batch, wish.seed);
        let Some((other, _)) = self.run_anew(&shuffled, 0, wish) else { return };
        let batches = [batch, &shuffled];
        let difference = compare::by_entity(&self.kit.columns, self.system, batches, output, &other);
        let remedy = "a world and its copy may differ in it; ask for `ordered` (in Rust the filter `Ordered`)";
        if let Some(Difference { place, one, other }) = difference {
            let message = format!("{one}, and {other} where its rows come in another order: {remedy}");
            self.find(Severity::Warning, Check::RowOrder, place, message, wish);
        } else if sorted_commands(self.system, output) != sorted_commands(self.system, &other) {
            let message = format!("its commands are others where its rows come in another order: {remedy}");
            self.find(Severity::Warning, Check::RowOrder, None, message, wish);
        }
    }

    fn fault(&mut self, fault: &Fault, log: &[String], wish: Wish) {
        let said = if log.is_empty() { String::new() } else { format!("; it logged: {}", log.join("; ")) };
        let (check, remedy) = match fault {
            Fault::Commands { .. } => (Check::Commands, ""),
            Fault::Fuel(_) => (
                Check::Fuel,
                ": it does too much for each row, or for each pair; where no world has so many, test with fewer",
            ),
            _ => (Check::Fault, ""),
        };
        self.find(Severity::Error, check, None, format!("{fault}{remedy}{said}"), wish);
    }

    fn find(&mut self, severity: Severity, check: Check, place: Option<Place>, message: String, wish: Wish) {
        let (system, batch) = (self.system.name.clone(), wish.to_string());
        self.report.add(Finding { severity, check, system, place, message, batch, more: 0 });
    }
}

/// The same rows in another order, where the plan asks for none.
fn shuffled(kit: &Kit, system: &System, batch: &Batch, seed: u64) -> Batch {
    let mut shuffled = batch.clone();
    let mut chance = Chance::of(&[seed, 0x0DD]);
    for (query, rows) in system.queries.iter().zip(&mut shuffled.queries).filter(|(query, _)| !query.ordered) {
        let mut order: Vec<usize> = (0..rows.entities.len()).collect();
        chance.shuffle(&mut order);
        rows.entities = order.iter().map(|row| rows.entities[*row]).collect();
        for (column, name) in rows.columns.iter_mut().zip(query.columns()) {
            let words = kit.columns.words(name);
            column.words = order.iter().flat_map(|row| &column.words[row * words..][..words]).copied().collect();
        }
    }
    shuffled
}

/// What is commanded, in whatever order: rows that come in another order are commanded about in another.
fn sorted_commands(system: &System, output: &Output) -> Vec<String> {
    let bytes: Vec<u8> = output.commands.iter().flat_map(|word| word.to_le_bytes()).collect();
    let commands = command::read(&bytes, system.orders()).unwrap_or_default();
    let mut commands: Vec<_> = commands.iter().map(|command| format!("{command:?}")).collect();
    commands.sort_unstable();
    commands
}
