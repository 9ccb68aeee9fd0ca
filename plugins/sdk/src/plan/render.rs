//! The plan's JSON, written by the compiler.
//!
//! It is done twice: once to count the bytes, and once into an array of so many.

use super::names::{Lists, Names};
use super::{HookPlan, Order, ParamPlan, PluginPlan, SystemPlan, components, despawns, spawns};
use crate::schema::{Delivery, FieldSchema, Given, Kind, Schema};

/// The JSON of a plan and its bytes. With an `N` of 0 they are counted alone.
#[must_use]
pub const fn render<const N: usize>(plan: &PluginPlan) -> ([u8; N], usize) {
    plan.check();
    let mut json = Json { bytes: [0; N], len: 0 };
    json.text("{\"abi\":1");
    if !plan.components.is_empty() {
        json.text(",\"components\":[");
        let mut i = 0;
        while i < plan.components.len() {
            json.comma(i);
            json.schema(&plan.components[i]);
            i += 1;
        }
        json.text("]");
    }
    if let Some((_, fields)) = plan.config {
        json.text(",\"config\":");
        json.fields(fields);
    }
    json.text(",\"systems\":[");
    let mut i = 0;
    while i < plan.systems.len() {
        json.comma(i);
        json.system(&plan.systems[i]);
        i += 1;
    }
    json.text("]");
    if !plan.hooks.is_empty() {
        json.text(",\"hooks\":[");
        i = 0;
        while i < plan.hooks.len() {
            json.comma(i);
            json.hook(&plan.hooks[i]);
            i += 1;
        }
        json.text("]");
    }
    json.text("}");
    assert!(json.len <= 64 * 1024, "the plan has more than 64 KiB");
    (json.bytes, json.len)
}

struct Json<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Json<N> {
    const fn text(&mut self, text: &str) {
        if N > 0 {
            let (_, rest) = self.bytes.split_at_mut(self.len);
            rest.split_at_mut(text.len()).0.copy_from_slice(text.as_bytes());
        }
        self.len += text.len();
    }

    const fn comma(&mut self, i: usize) {
        if i > 0 {
            self.text(",");
        }
    }

    const fn quoted(&mut self, text: &str) {
        self.text("\"");
        self.text(text);
        self.text("\"");
    }

    const fn whole(&mut self, number: u32) {
        let (mut digits, mut len, mut left) = ([0; 10], 0, number);
        while left > 0 || len == 0 {
            digits[9 - len] = b'0' + (left % 10) as u8;
            left /= 10;
            len += 1;
        }
        // Digits are UTF-8.
        if let Ok(text) = std::str::from_utf8(digits.split_at(10 - len).1) {
            self.text(text);
        }
    }

    const fn schema(&mut self, schema: &Schema) {
        self.text("{\"name\":");
        self.quoted(schema.name);
        self.text(",\"doc\":");
        self.quoted(schema.doc);
        self.text(",\"delivery\":");
        self.text(match schema.delivery {
            Delivery::State => "\"state\"",
            Delivery::Reliable => "\"reliable\"",
            Delivery::Hidden => "\"hidden\"",
        });
        if schema.is_writable {
            self.text(",\"client_writable\":true");
        }
        self.text(",\"fields\":");
        self.fields(schema.fields);
        self.text("}");
    }

    const fn fields(&mut self, fields: &[FieldSchema]) {
        self.text("[");
        let mut i = 0;
        while i < fields.len() {
            self.comma(i);
            self.field(&fields[i]);
            i += 1;
        }
        self.text("]");
    }

    const fn field(&mut self, field: &FieldSchema) {
        self.text("{\"name\":");
        self.quoted(field.name);
        self.text(",\"doc\":");
        self.quoted(field.doc);
        self.text(",\"kind\":");
        self.kind(field);
        if !field.unit.is_empty() {
            self.text(",\"unit\":");
            self.quoted(field.unit);
        }
        self.text(",\"default\":");
        self.default(field);
        self.text("}");
    }

    const fn kind(&mut self, field: &FieldSchema) {
        self.text(match field.kind {
            Kind::Flag => "{\"type\":\"bool\"",
            Kind::U32 => "{\"type\":\"u32\"",
            Kind::I32 => "{\"type\":\"i32\"",
            Kind::F32 => "{\"type\":\"f32\"",
            Kind::Vec3 => "{\"type\":\"vec3\"",
            Kind::Quat => "{\"type\":\"quat\"",
            Kind::Color => "{\"type\":\"color\"",
            Kind::Entity => "{\"type\":\"entity\"",
            Kind::Choice(_) => "{\"type\":\"enum\"",
        });
        let is_real = matches!(field.kind, Kind::F32 | Kind::Vec3);
        if let Some((min, max)) = field.range() {
            self.text(if is_real { ",\"range\":{\"min\":" } else { ",\"min\":" });
            self.text(min.text);
            self.text(",\"max\":");
            self.text(max.text);
            if is_real {
                self.text(if field.is_above_min { ",\"above_min\":true},\"step\":" } else { "},\"step\":" });
                self.text(field.step().text);
            }
        }
        if let Kind::Choice(names) = field.kind {
            self.text(",\"variants\":[");
            let mut i = 0;
            while i < names.len() {
                self.comma(i);
                self.quoted(names[i]);
                i += 1;
            }
            self.text("]");
        }
        self.text("}");
    }

    const fn default(&mut self, field: &FieldSchema) {
        self.text(match field.kind {
            Kind::Flag => "{\"Bool\":",
            Kind::U32 => "{\"U32\":",
            Kind::I32 => "{\"I32\":",
            Kind::F32 => "{\"F32\":",
            Kind::Vec3 => "{\"Vec3\":[",
            Kind::Quat => "{\"Quat\":[",
            Kind::Color => "{\"Color\":[",
            Kind::Entity => "{\"Entity\":",
            Kind::Choice(_) => "{\"Enum\":",
        });
        match (field.default, field.kind) {
            (Given::Variant(variant), _) => self.whole(variant),
            (Given::Nothing, Kind::Flag) => self.text("false"),
            (Given::Nothing, Kind::Vec3) => self.text("0,0,0"),
            (Given::Nothing, Kind::Quat) => self.text("0,0,0,1"),
            (Given::Nothing, Kind::Color) => self.text("1,1,1"),
            (Given::Nothing, _) => self.text("0"),
            (Given::Numbers(numbers), Kind::Flag) => self.text(if numbers[0].value == 0.0 { "false" } else { "true" }),
            (Given::Numbers(numbers), kind) => {
                let mut i = 0;
                while i < kind.words() {
                    self.comma(i);
                    // One number stands for all.
                    self.text(numbers[if i < numbers.len() { i } else { 0 }].text);
                    i += 1;
                }
            }
        }
        self.text(if field.kind.words() > 1 { "]}" } else { "}" });
    }

    const fn system(&mut self, system: &SystemPlan) {
        system.check();
        self.text("{\"name\":");
        self.quoted(system.name);
        let (mut i, mut queries, mut messages, mut topics) = (0, 0, Names::EMPTY, Names::EMPTY);
        let mut gathered = Names::EMPTY;
        while i < system.params.len() {
            match &system.params[i] {
                ParamPlan::Query { terms, filters } => {
                    self.text(if queries == 0 { ",\"queries\":[" } else { "," });
                    self.query(&Lists::of(terms, filters), system.spawns());
                    queries += 1;
                }
                ParamPlan::Messages(name) => messages.push_once(name),
                ParamPlan::Topic(name) => topics.push_once(name),
                ParamPlan::Gather(name) => gathered.push_once(name),
                _ => {}
            }
            i += 1;
        }
        if queries > 0 {
            self.text("]");
        }
        self.names(",\"gather\":", &gathered);
        self.names(",\"messages\":", &messages);
        self.orders(system.params);
        self.names(",\"topics\":", &topics);
        self.text("}");
    }

    const fn orders(&mut self, params: &[ParamPlan]) {
        let mut i = 0;
        while i < params.len() {
            if let ParamPlan::Commands(orders) = params[i] {
                self.commands(orders);
            }
            i += 1;
        }
    }

    const fn hook(&mut self, hook: &HookPlan) {
        hook.check();
        self.text("{\"name\":");
        self.quoted(hook.name);
        self.text(",\"point\":");
        self.quoted(hook.point);
        if hook.priority != HookPlan::PRIORITY {
            self.text(if hook.priority < 0 { ",\"priority\":-" } else { ",\"priority\":" });
            self.whole(hook.priority.unsigned_abs());
        }
        let (mut i, mut topics) = (0, Names::EMPTY);
        if !hook.about.is_empty() {
            self.text(",\"about\":[");
            while i < hook.about.len() {
                self.comma(i);
                self.quoted(hook.about[i]);
                i += 1;
            }
            self.text("]");
        }
        self.orders(hook.params);
        i = 0;
        while i < hook.params.len() {
            if let ParamPlan::Topic(name) = hook.params[i] {
                topics.push_once(name);
            }
            i += 1;
        }
        self.names(",\"topics\":", &topics);
        self.text("}");
    }

    const fn query(&mut self, lists: &Lists, spawns: bool) {
        let begin = self.len;
        self.names(",\"write\":", &lists.write);
        self.names(",\"read\":", &lists.read);
        self.names(",\"with\":", &lists.with);
        self.names(",\"without\":", &lists.without);
        self.names(",\"changed\":", &lists.changed);
        self.names(",\"added\":", &lists.added);
        if lists.entities {
            self.text(",\"entities\":true");
        }
        // Which number a new entity gets must not depend on how rows happened to lie.
        if lists.ordered || spawns {
            self.text(",\"ordered\":true");
        }
        // Each key brought its comma: the first one opens.
        if N > 0 {
            self.bytes[begin] = b'{';
        }
        self.text("}");
    }

    const fn commands(&mut self, orders: &[Order]) {
        self.names(",\"commands\":", &components(orders));
        if spawns(orders) {
            self.text(",\"spawns\":true");
        }
        if despawns(orders) {
            self.text(",\"despawns\":true");
        }
    }

    const fn names(&mut self, key: &str, names: &Names) {
        if names.is_empty() {
            return;
        }
        self.text(key);
        self.text("[");
        let mut i = 0;
        while i < names.len() {
            self.comma(i);
            self.quoted(names.at(i));
            i += 1;
        }
        self.text("]");
    }
}
