//! A plan as a person reads it.

use std::fmt::Write as _;

use hd1_abi::hook::Point;
use hd1_abi::plan::{Hook, Query, System};
use hd1_abi::service::{Access, PRIORITY_DEFAULT};
use hd1_abi::{Plan, ServicePlan};
use hd1_schema::schema::FieldSchema;
use hd1_schema::{Delivery, FieldKind, json};

/// Lines for a terminal.
pub(super) fn lines(plan: &Plan) -> String {
    let mut text = String::new();
    for component in &plan.components {
        let delivery = match component.delivery {
            Delivery::State => "the latest is sent",
            Delivery::Reliable => "every change is sent",
            Delivery::Hidden => "the server's own",
        };
        let writable = if component.client_writable { ", clients may write it" } else { "" };
        let _ = writeln!(text, "component {}: {delivery}{writable}{}", component.name, about(&component.doc));
        component.fields.iter().for_each(|one| field(&mut text, one));
    }
    if !plan.config.is_empty() {
        text.push_str("config\n");
        plan.config.iter().for_each(|one| field(&mut text, one));
    }
    plan.systems.iter().for_each(|one| system(&mut text, one));
    plan.hooks.iter().for_each(|one| hook(&mut text, one));
    text
}

/// The same of a service.
pub(super) fn service(plan: &ServicePlan) -> String {
    let mut text = String::new();
    if !plan.config.is_empty() {
        text.push_str("config\n");
        plan.config.iter().for_each(|one| field(&mut text, one));
    }
    for route in &plan.routes {
        let access = match route.access {
            Access::Anyone => "for everybody",
            Access::Token => "with a token",
            Access::Admin => "for administrators",
        };
        let _ = writeln!(text, "route {} {}: {access}{}", route.method, route.path, about(&route.doc));
    }
    for hook in &plan.hooks {
        let kind = if hook.is_filter() { "filter" } else { "action" };
        let _ = writeln!(text, "{kind} {}{}", hook.point, priority(hook.priority));
    }
    for job in &plan.jobs {
        let schedule = job.schedule.as_ref().map(|schedule| format!(": {schedule}")).unwrap_or_default();
        let _ = writeln!(text, "job {}{schedule}", job.name);
    }
    for method in &plan.auth {
        let _ = writeln!(text, "auth: vouches for who comes with Authorization: {} …", method.scheme);
    }
    for channel in &plan.channels {
        let _ = writeln!(text, "channel {}{}", channel.topic, about(&channel.doc));
    }
    for function in &plan.functions {
        let _ = writeln!(text, "function {}{}", function.name, about(&function.doc));
    }
    text
}

fn about(doc: &str) -> String {
    let first = doc.lines().next().unwrap_or_default().trim();
    if first.is_empty() { String::new() } else { format!("; {first}") }
}

fn field(text: &mut String, field: &FieldSchema) {
    let unit = if field.unit.is_empty() { String::new() } else { format!(" {}", field.unit) };
    let default = json::value_json(&field.kind, &field.default);
    let _ = writeln!(text, "  {}: {}{unit}, {default} at first{}", field.name, kind(&field.kind), about(&field.doc));
}

fn kind(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Bool => "yes or no".into(),
        FieldKind::U32 { min, max } => format!("whole number {min} to {max}"),
        FieldKind::I32 { min, max } => format!("whole number {min} to {max}"),
        FieldKind::F32 { range, step } => format!("number {} to {} in steps of {step}", range.min, range.max),
        FieldKind::Vec3 { range, step } => {
            format!("three numbers {} to {} in steps of {step}", range.min, range.max)
        }
        FieldKind::Quat => "rotation".into(),
        FieldKind::Color => "colour".into(),
        FieldKind::Enum { variants } => format!("one of {}", variants.join(", ")),
        FieldKind::Entity => "entity".into(),
        FieldKind::Text { max_bytes } => format!("text of {max_bytes} bytes at most"),
        FieldKind::Points { max_len, .. } => format!("{max_len} points at most"),
    }
}

fn system(text: &mut String, system: &System) {
    let _ = writeln!(text, "system {}", system.name);
    for one in &system.queries {
        query(text, one);
    }
    let mut list = |what: &str, names: &[String]| {
        if !names.is_empty() {
            let _ = writeln!(text, "  {what} {}", names.join(", "));
        }
    };
    list("looks up", &system.gather);
    list("is told of", &system.messages);
    list("inserts and removes", &system.commands);
    list("says", &system.topics);
    let may = [(system.spawns, "makes entities"), (system.despawns, "takes entities away")];
    for (_, what) in may.iter().filter(|(may, _)| *may) {
        let _ = writeln!(text, "  {what}");
    }
}

fn hook(text: &mut String, hook: &Hook) {
    let is_filter = Point::of_name(&hook.point).is_some_and(Point::is_filter);
    let kind = if is_filter { "filter" } else { "action" };
    let _ = writeln!(text, "{kind} {}: at {}{}", hook.name, hook.point, priority(hook.priority));
    let mut list = |what: &str, names: &[String]| {
        if !names.is_empty() {
            let _ = writeln!(text, "  {what} {}", names.join(", "));
        }
    };
    list("is asked about", &hook.about);
    list("inserts and removes", &hook.commands);
    list("says", &hook.topics);
    let may = [(hook.spawns, "makes entities"), (hook.despawns, "takes entities away")];
    for (_, what) in may.iter().filter(|(may, _)| *may) {
        let _ = writeln!(text, "  {what}");
    }
}

/// What is said of one that is not the ordinary.
fn priority(priority: i32) -> String {
    if priority == PRIORITY_DEFAULT { String::new() } else { format!(", priority {priority}") }
}

fn query(text: &mut String, query: &Query) {
    let lists = [
        ("writes", &query.write),
        ("reads", &query.read),
        ("with", &query.with),
        ("without", &query.without),
        ("where changed", &query.changed),
        ("where added", &query.added),
    ];
    let lists = lists.iter().filter(|(_, names)| !names.is_empty());
    let mut parts: Vec<_> = lists.map(|(what, names)| format!("{what} {}", names.join(", "))).collect();
    if query.ordered {
        parts.push("in the order of entities".into());
    }
    let _ = writeln!(text, "  {}", parts.join("; "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_told_in_lines() {
        let plan = Plan::parse(
            br#"{"abi":1,
            "components":[{"name":"Wind","doc":"What blows.\nMore.","delivery":"state","client_writable":true,"fields":[
                {"name":"force","doc":"How strong.","unit":"m/s2","default":{"F32":1.5},
                 "kind":{"type":"f32","range":{"min":0,"max":50},"step":0.5}}]}],
            "config":[{"name":"on","doc":"","default":{"Bool":true},"kind":{"type":"bool"}}],
            "systems":[{"name":"blow",
                "queries":[{"write":["Velocity"],"read":["Wind"],"without":["Frozen"],"ordered":true}],
                "gather":["Transform"],"messages":["PlayerInput"],"commands":["Wind"],"despawns":true,"topics":["gust"]}],
            "hooks":[{"name":"mild","point":"chat","priority":5},{"name":"greet","point":"joined","topics":["hello"]}]}"#,
        );
        let told = "component Wind: the latest is sent, clients may write it; What blows.\n  \
            force: number 0 to 50 in steps of 0.5 m/s2, 1.5 at first; How strong.\n\
            config\n  on: yes or no, true at first\n\
            system blow\n  writes Velocity; reads Wind; without Frozen; in the order of entities\n  \
            looks up Transform\n  is told of PlayerInput\n  inserts and removes Wind\n  says gust\n  \
            takes entities away\n\
            filter mild: at chat, priority 5\n\
            action greet: at joined\n  says hello\n";
        assert_eq!(lines(&plan.unwrap()), told);
    }

    #[test]
    fn a_service_is_told_in_lines() {
        let plan = ServicePlan::parse(
            br#"{"abi":1,"routes":[{"method":"GET","path":"/","access":"token","doc":"Home."}],
            "hooks":[{"point":"session.created"},{"point":"participant.joining","priority":3}],
            "jobs":[{"name":"rest","schedule":"every 5m"},{"name":"post"}],
            "auth":[{"scheme":"ApiKey"}],"channels":[{"topic":"score/*","doc":"Scores."}],"functions":[{"name":"sum"}]}"#,
        );
        let told = "route GET /: with a token; Home.\n\
            action session.created\nfilter participant.joining, priority 3\n\
            job rest: every 5m\njob post\n\
            auth: vouches for who comes with Authorization: ApiKey \u{2026}\nchannel score/*; Scores.\nfunction sum\n";
        assert_eq!(service(&plan.unwrap()), told);
    }
}
