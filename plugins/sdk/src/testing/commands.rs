//! Reads what a system commanded, and does it.

use super::{Bench, Held, Ran, is_admitted};
use crate::Entity;
use crate::plan::{Names, ParamPlan, SystemPlan, components, despawns, spawns};

/// A command as it was read, components by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// An entity goes.
    Despawn(Entity),
    /// An entity loses a component.
    Remove(Entity, &'static str),
    /// An entity gets a component: its words.
    Insert(Entity, &'static str, Vec<u32>),
    /// An entity comes to be with these.
    Spawn(Vec<(&'static str, Vec<u32>)>),
}

struct Words<'a> {
    left: &'a [u32],
    names: Names,
}

impl Words<'_> {
    fn word(&mut self) -> u32 {
        let (first, left) = self.left.split_first().expect("the commands end within one");
        self.left = left;
        *first
    }

    fn words(&mut self, count: u32) -> Vec<u32> {
        (0..count).map(|_| self.word()).collect()
    }

    fn name(&mut self) -> &'static str {
        let index = self.word() as usize;
        self.names.at(index)
    }

    fn valued(&mut self) -> (&'static str, Vec<u32>) {
        let (name, count) = (self.name(), self.word());
        (name, self.words(count))
    }
}

/// Reads all commands, and does them.
pub(super) fn carry_out(bench: &mut Bench, plan: &SystemPlan, words: &[u32], ran: &mut Ran) {
    let orders = plan.params.iter().find_map(|param| match param {
        ParamPlan::Commands(orders) => Some(*orders),
        _ => None,
    });
    let orders = orders.unwrap_or_default();
    let topics: Vec<_> = plan.params.iter().filter_map(topic).collect();
    let mut words = Words { left: words, names: components(orders) };
    while !words.left.is_empty() {
        match words.word() {
            1 => {
                assert!(despawns(orders), "the plan does not let it despawn");
                ran.commands.push(Command::Despawn(Entity(words.word())));
            }
            2 => ran.commands.push(Command::Remove(Entity(words.word()), words.name())),
            3 => {
                let (entity, (name, value)) = (Entity(words.word()), words.valued());
                ran.commands.push(Command::Insert(entity, name, value));
            }
            4 => {
                assert!(spawns(orders), "the plan does not let it spawn");
                let count = words.word();
                ran.commands.push(Command::Spawn((0..count).map(|_| words.valued()).collect()));
            }
            5 => {
                let (player, topic, bytes) = (words.word(), words.word() as usize, words.word());
                let text: Vec<u8> = words.words(bytes.div_ceil(4)).into_iter().flat_map(u32::to_le_bytes).collect();
                let text = String::from_utf8_lossy(&text[..bytes as usize]).into_owned();
                ran.said.push((topics[topic].to_owned(), player, text));
            }
            other => panic!("no command has the number {other}"),
        }
    }
    for command in ran.commands.clone() {
        bench.carry_out(command, ran);
    }
}

fn topic(param: &ParamPlan) -> Option<&'static str> {
    match param {
        ParamPlan::Topic(name) => Some(name),
        _ => None,
    }
}

impl Bench {
    fn carry_out(&mut self, command: Command, ran: &mut Ran) {
        match command {
            Command::Despawn(entity) => self.despawn(entity),
            Command::Remove(entity, name) => {
                if let Some(held) = self.entities.get_mut(&entity) {
                    held.remove(name);
                }
            }
            Command::Insert(entity, name, words) => ran.refused += usize::from(!self.give(entity, name, words)),
            Command::Spawn(values) => {
                self.last_entity += 1;
                let entity = Entity(self.last_entity);
                self.entities.insert(entity, std::collections::BTreeMap::new());
                ran.spawned.push(entity);
                for (name, words) in values {
                    ran.refused += usize::from(!self.give(entity, name, words));
                }
            }
        }
    }

    /// Was it given? One that is gone is passed over.
    fn give(&mut self, entity: Entity, name: &'static str, words: Vec<u32>) -> bool {
        let fields = self.entities.values().find_map(|held| held.get(name)).map_or(&[][..], |held: &Held| held.fields);
        if !self.entities.contains_key(&entity) || !fields.is_empty() && !is_admitted(fields, &words) {
            return false;
        }
        self.put(entity, name, words, fields);
        true
    }
}
