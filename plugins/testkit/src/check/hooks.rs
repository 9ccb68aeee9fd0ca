//! What is looked for in every hook: that it answers whatever players may say, and the same each time.

use hd1_abi::plan::{Hook, System};
use hd1_abi::{Fault, Guest, Payload, Point, Step, Told, command};
use hd1_host::Instance;

use super::KEPT;
use crate::batch::{Values, Wish};
use crate::chance::{Chance, of_name};
use crate::generate;
use crate::kit::Kit;
use crate::limits::HOOK_CALLS;
use crate::report::{Check, Finding, Fuel, Ran, Report, Severity};

/// Lines as people write them, and as nobody should.
const LINES: [&str; 8] = [
    "hello",
    "WHY",
    "a",
    "\u{1f600}\u{1f600}",
    "\u{e9}t\u{e9} \u{414}\u{430}",
    "one\ntwo",
    "!!! ??? ...",
    "\u{202e}txet",
];
const DATA: [&str; 6] = ["null", "0", "[]", "{\"a\":{\"b\":[1,2.5,\"c\"]}}", "\"text\"", "[[[[[[[[1]]]]]]]]"];
const COMPONENTS: [&str; 3] = ["{}", "{\"Transform\":{\"position\":[1,2,3]}}", "{\"Label\":{\"text\":\"\u{e9}\"}}"];

/// Checks every hook.
pub(super) fn all(kit: &Kit, report: &mut Report) {
    for (h, hook) in kit.plan().hooks.iter().enumerate() {
        let Some(point) = hook.point() else { continue };
        let ran = Ran { system: hook.name.clone(), ..Ran::default() };
        let mut bench = Bench { kit, h, hook, point, ran, report };
        let mut old = None;
        (0..HOOK_CALLS).for_each(|number| bench.check(&mut old, number));
        let ran = bench.ran;
        report.systems.push(ran);
    }
}

struct Bench<'a> {
    kit: &'a Kit,
    h: usize,
    hook: &'a Hook,
    point: Point,
    ran: Ran,
    report: &'a mut Report,
}

impl Bench<'_> {
    /// One call, in an instance that has been called before and in one that has not.
    fn check(&mut self, old: &mut Option<Instance>, number: u64) {
        let values = if number.is_multiple_of(2) { Values::Ordinary } else { Values::Ends };
        let wish = Wish { values, messages: 0, ..Wish::of(0, self.kit.seed.wrapping_add(number)) };
        let mut chance = Chance::of(&[wish.seed, of_name(&self.hook.name)]);
        let fields = self.point.fields();
        let texts: Vec<String> = fields.iter().map(|field| self.text(field.name, number, &mut chance)).collect();
        let told = fields.iter().zip(&texts).map(|(field, text)| match field.is_text {
            true => Told::Text(text),
            false => Told::Word(chance.below(4) as u32),
        });
        let told: Vec<Told<'_>> = told.collect();
        // A system without queries is made up for its config and its moment.
        let system = System { name: self.hook.name.clone(), ..System::default() };
        let batch = generate::batch(self.kit.plan(), &self.kit.columns, &system, wish);
        let has_commands = self.hook.orders().is_any();
        let payload = Payload { point: self.point, told: &told, config: &batch.config, has_commands };
        let step = Step { tick: batch.tick, seed: batch.seed, dt: 1.0 / batch.hz as f32, hz: batch.hz };
        let about = texts.iter().filter(|text| !text.is_empty()).map(|text| format!("{text:?}")).collect::<Vec<_>>();
        let about = format!("{} told of {}, {wish}", self.hook.point, about.join(", "));

        self.ran.runs += 1;
        let anew = self.kit.module.instantiate(self.kit.limits);
        let fresh = anew.and_then(|mut guest| self.call(&mut guest, &payload, step, 0x5a));
        let (given, fuel) = match fresh {
            Ok(fresh) => fresh,
            Err(fault) => {
                let check = if matches!(fault, Fault::Commands { .. }) { Check::Commands } else { Check::Fault };
                return self.find(check, fault.to_string(), about);
            }
        };
        match self.ran.fuel.first_mut() {
            Some(known) => known.fuel = known.fuel.max(fuel),
            None => self.ran.fuel.push(Fuel { rows: 0, fuel }),
        }
        let guest = match old {
            Some(guest) => guest,
            None => match self.kit.module.instantiate(self.kit.limits) {
                Ok(guest) => old.insert(guest),
                Err(_) => return,
            },
        };
        self.ran.runs += 1;
        match self.call(guest, &payload, step, 0) {
            Ok((again, _)) if again == given => {}
            Ok((again, _)) => {
                let message = format!("it answered {given}, and {again} in an instance that was called before: {KEPT}");
                self.find(Check::Determinism, message, about);
            }
            Err(fault) => {
                *old = None;
                self.find(Check::Determinism, format!("it faults only after other calls: {fault}; {KEPT}"), about);
            }
        }
    }

    /// What it answered, as text that can be compared, and the fuel that it took.
    fn call(&self, guest: &mut Instance, payload: &Payload<'_>, step: Step, stale: u8) -> Result<(String, u64), Fault> {
        let bytes = payload.bytes();
        let buffer = guest.buffer(bytes)?;
        buffer.fill(stale);
        payload.write(buffer, step);
        let (ran, returned) = guest.hook(self.h, bytes)?;
        let mut given = format!("{:?}", payload.answer(returned, guest.output())?);
        if payload.has_commands {
            let commands = command::read(payload.commands(guest.output())?, self.hook.orders())?;
            given = format!("{commands:?}");
        }
        Ok((given, ran.fuel))
    }

    fn text(&self, field: &str, number: u64, chance: &mut Chance) -> String {
        let one = |all: &[&str], chance: &mut Chance| all[chance.below(all.len() as u64) as usize].to_owned();
        match (self.point, field) {
            (_, "name") => one(&LINES[..3], chance),
            (_, "topic") => match self.hook.about.first() {
                Some(pattern) => pattern.replace('*', "x"),
                None => "topic".into(),
            },
            (_, "data") => one(&DATA, chance),
            (_, "components") => one(&COMPONENTS, chance),
            // As long as there may be, of letters that take one byte and of letters that take four.
            (_, "text") if number == 0 => "a".repeat(1024),
            (_, "text") if number == 1 => "\u{1f600}".repeat(256),
            (_, "text") => one(&LINES, chance),
            _ => String::new(),
        }
    }

    fn find(&mut self, check: Check, message: String, batch: String) {
        let (severity, system) = (Severity::Error, self.hook.name.clone());
        self.report.add(Finding { severity, check, system, place: None, message, batch, more: 0 });
    }
}
