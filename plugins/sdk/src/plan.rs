//! The plan as constants: gathered from the types of systems, checked and written as JSON while the plugin compiles.
//!
//! [`plugin!`](crate::plugin) does it all; a mistake that the server would find when the plugin is attached is an error
//! of the compiler here.

use crate::schema::{FieldSchema, Schema};

mod names;
mod render;

pub use names::{Lists, Names};
pub use render::render;

/// What a plugin brings.
#[derive(Clone, Copy, Debug)]
pub struct PluginPlan {
    /// Its own components.
    pub components: &'static [Schema],
    /// What an operator sets: the type's path, and its fields.
    pub config: Option<(&'static str, &'static [FieldSchema])>,
    /// In the order of their numbers.
    pub systems: &'static [SystemPlan],
    /// In the order of their numbers.
    pub hooks: &'static [HookPlan],
}

/// A hook: where it is called, and its parameters beside what it is told.
#[derive(Clone, Copy, Debug)]
pub struct HookPlan {
    /// As operators read it.
    pub name: &'static str,
    /// The point's name.
    pub point: &'static str,
    /// Is it asked? Else it is told.
    pub is_filter: bool,
    /// The lesser comes first.
    pub priority: i32,
    /// Patterns of topics.
    pub about: &'static [&'static str],
    /// What each parameter but the first asks for.
    pub params: &'static [ParamPlan],
}

impl HookPlan {
    /// The priority where none is said.
    pub const PRIORITY: i32 = 10;

    /// As a system with the same parameters.
    #[must_use]
    pub const fn as_system(&self) -> SystemPlan {
        SystemPlan { name: self.name, params: self.params }
    }

    /// Where the parameter number `of`, after what it is told, finds what is its own.
    #[must_use]
    pub const fn place(&self, of: usize) -> Place {
        self.as_system().place(of)
    }

    /// Stops the compiler where the server would refuse the hook.
    pub const fn check(&self) {
        self.as_system().check();
        let mut i = 0;
        while i < self.params.len() {
            match self.params[i] {
                ParamPlan::Query { .. } | ParamPlan::Messages(_) | ParamPlan::Gather(_) => {
                    panic!("a hook has no Query, no Messages and no Gather: systems do")
                }
                ParamPlan::Commands(_) | ParamPlan::Topic(_) => {
                    assert!(!self.is_filter, "a filter commands and says nothing: an action does");
                }
                ParamPlan::Step | ParamPlan::Config(_) => {}
            }
            i += 1;
        }
        let is_message = names::is_same(self.point, "message");
        assert!(self.about.is_empty() || is_message, "`about` is for filters of messages");
    }
}

/// A system: its parameters in order.
#[derive(Clone, Copy, Debug)]
pub struct SystemPlan {
    /// As operators read it.
    pub name: &'static str,
    /// What each parameter asks for.
    pub params: &'static [ParamPlan],
}

/// What a parameter of a system asks for.
#[derive(Clone, Copy, Debug)]
pub enum ParamPlan {
    /// Nothing that a plan says.
    Step,
    /// Entities.
    Query {
        /// What of each.
        terms: &'static [Term],
        /// Which.
        filters: &'static [Filter],
    },
    /// What it may leave behind.
    Commands(&'static [Order]),
    /// What it is told.
    Messages(&'static str),
    /// What it may say.
    Topic(&'static str),
    /// What an operator sets: the type's path.
    Config(&'static str),
    /// A component that may be looked up of any entity.
    Gather(&'static str),
}

/// One thing of each entity.
#[derive(Clone, Copy, Debug)]
pub enum Term {
    /// A column that is taken back.
    Write(&'static str),
    /// A column.
    Read(&'static str),
    /// Its number.
    Entity,
}

/// Which entities, and how.
#[derive(Clone, Copy, Debug)]
pub enum Filter {
    /// That have it.
    With(&'static str),
    /// That have it not.
    Without(&'static str),
    /// For which it changed.
    Changed(&'static str),
    /// To which it came.
    Added(&'static str),
    /// By their numbers.
    Ordered,
}

/// What commands may do.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// Insert and remove a component, and spawn with it.
    Component(&'static str),
    /// Make entities.
    Spawn,
    /// Take entities away.
    Despawn,
}

/// Where a parameter finds what is its own.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Words of the batch's table before it.
    pub table: usize,
    /// Parameters of its sort before it.
    pub index: u32,
}

const QUERIES_MAX: usize = 8;
const SYSTEMS_MAX: usize = 256;
const HOOKS_MAX: usize = 64;
const READ_ONLY: [&str; 4] = ["Owner", "Authority", "Avatar", "CameraView"];

impl SystemPlan {
    /// Where the parameter number `of` finds what is its own.
    #[must_use]
    pub const fn place(&self, of: usize) -> Place {
        let mut place = Place { table: 0, index: 0 };
        // The table holds all queries, then all messages, in whatever order the parameters come.
        let is_message = matches!(self.params[of], ParamPlan::Messages(_));
        let mut i = 0;
        while i < self.params.len() {
            let is_before = i < of;
            match &self.params[i] {
                ParamPlan::Query { terms, .. } if is_before || is_message => {
                    let mut term = 0;
                    place.table += 2;
                    while term < terms.len() {
                        place.table += !matches!(terms[term], Term::Entity) as usize;
                        term += 1;
                    }
                }
                ParamPlan::Messages(_) if is_before && is_message => place.table += 2,
                ParamPlan::Topic(_) if is_before && matches!(self.params[of], ParamPlan::Topic(_)) => place.index += 1,
                ParamPlan::Gather(_) if is_before && matches!(self.params[of], ParamPlan::Gather(_)) => {
                    place.index += 1
                }
                _ => {}
            }
            i += 1;
        }
        place
    }

    /// May it make entities?
    #[must_use]
    pub const fn spawns(&self) -> bool {
        let mut i = 0;
        while i < self.params.len() {
            if let ParamPlan::Commands(orders) = self.params[i]
                && spawns(orders)
            {
                return true;
            }
            i += 1;
        }
        false
    }

    /// Stops the compiler where the server would refuse the system.
    pub const fn check(&self) {
        let (mut messages, mut topics, mut queries, mut commands) = (Names::EMPTY, Names::EMPTY, 0, 0);
        let mut gathered = Names::EMPTY;
        check_name(self.name);
        let mut i = 0;
        while i < self.params.len() {
            match &self.params[i] {
                ParamPlan::Query { terms, filters } => {
                    let lists = Lists::of(terms, filters);
                    lists.check();
                    let mut name = 0;
                    while name < READ_ONLY.len() {
                        let is_written = lists.write.has(READ_ONLY[name]);
                        assert!(
                            !is_written,
                            "Owner, Authority, Avatar and CameraView are read with `&`: nobody writes them"
                        );
                        name += 1;
                    }
                    let mut other = 0;
                    while other < i {
                        if let ParamPlan::Query { terms, filters } = &self.params[other] {
                            assert!(
                                Lists::of(terms, filters).may_stand_beside(&lists),
                                "two queries share a component that one writes: tell them apart by With and Without",
                            );
                        }
                        other += 1;
                    }
                    queries += 1;
                }
                ParamPlan::Commands(_) => commands += 1,
                ParamPlan::Messages(name) => messages.push_once(name),
                ParamPlan::Gather(name) => gathered.push_once(name),
                ParamPlan::Topic(name) => {
                    check_name(name);
                    topics.push_once(name);
                }
                ParamPlan::Step | ParamPlan::Config(_) => {}
            }
            i += 1;
        }
        assert!(queries <= QUERIES_MAX, "a system has at most 8 queries");
        assert!(commands <= 1, "a system has one Commands: name all components in it");
    }
}

impl PluginPlan {
    /// Stops the compiler where the server would refuse the plugin.
    pub const fn check(&self) {
        let mut components = Names::EMPTY;
        let mut i = 0;
        while i < self.components.len() {
            assert!(!self.components[i].is_builtin, "a built-in component is not the plugin's to declare");
            components.push_once(self.components[i].name);
            i += 1;
        }
        assert!(self.systems.len() <= SYSTEMS_MAX, "a plugin has at most 256 systems");
        assert!(self.hooks.len() <= HOOKS_MAX, "a plugin has at most 64 hooks");
        assert!(!self.systems.is_empty() || !self.hooks.is_empty(), "a plugin has systems or hooks");
        i = 0;
        while i < self.systems.len() {
            let system = &self.systems[i];
            let mut other = 0;
            while other < i {
                assert!(!names::is_same(system.name, self.systems[other].name), "two systems have the same name");
                other += 1;
            }
            self.check_config(system.params);
            i += 1;
        }
        i = 0;
        while i < self.hooks.len() {
            let hook = &self.hooks[i];
            let mut other = 0;
            while other < i {
                assert!(!names::is_same(hook.name, self.hooks[other].name), "two hooks have the same name");
                other += 1;
            }
            other = 0;
            while other < self.systems.len() {
                assert!(!names::is_same(hook.name, self.systems[other].name), "a hook and a system have the same name");
                other += 1;
            }
            self.check_config(hook.params);
            i += 1;
        }
    }

    const fn check_config(&self, params: &[ParamPlan]) {
        let mut param = 0;
        while param < params.len() {
            if let ParamPlan::Config(id) = params[param] {
                let is_own = match self.config {
                    Some((own, _)) => names::is_same(own, id),
                    None => false,
                };
                assert!(is_own, "a config is taken that plugin! does not name: add `config: TheType`");
            }
            param += 1;
        }
    }
}

/// Is making entities among them?
#[must_use]
pub const fn spawns(orders: &[Order]) -> bool {
    let mut i = 0;
    while i < orders.len() {
        if matches!(orders[i], Order::Spawn) {
            return true;
        }
        i += 1;
    }
    false
}

/// Is taking entities away among them?
#[must_use]
pub const fn despawns(orders: &[Order]) -> bool {
    let mut i = 0;
    while i < orders.len() {
        if matches!(orders[i], Order::Despawn) {
            return true;
        }
        i += 1;
    }
    false
}

/// The components among them, in the order of their numbers.
#[must_use]
pub const fn components(orders: &[Order]) -> Names {
    let (mut names, mut i) = (Names::EMPTY, 0);
    while i < orders.len() {
        if let Order::Component(name) = orders[i] {
            names.push_once(name);
        }
        i += 1;
    }
    names
}

const fn check_name(name: &str) {
    let bytes = name.as_bytes();
    assert!(!bytes.is_empty() && bytes.len() <= 96, "a name has 1 to 96 bytes");
    let mut i = 0;
    while i < bytes.len() {
        let is_fit = bytes[i].is_ascii_alphanumeric() || matches!(bytes[i], b'_' | b'-' | b':' | b'/' | b'.');
        assert!(is_fit, "a name is letters, digits and _ - : / .");
        i += 1;
    }
}
