//! The world as readable JSON, for clients that speak `hd1.json`: a mirror on the server's side decodes for them.
//!
//! Structure is written out as it happens; state is only marked and written when the link has room, so that a slow
//! reader gets each entity's newest value and never a queue of old ones. Texts are put together by hand from parts
//! already in JSON, because a text has a size limit and parts are counted as they are added.

use std::collections::BTreeSet;

use bytes::Bytes;
use hd1_core::{NetId, Tick};
use hd1_protocol::{
    Acks, DecodeError,
    mirror::{Mirror, MirrorChange, StateOutcome},
};
use hd1_schema::{ComponentId, ComponentSchema};
use serde_json::{Map, Value as Json, json};

use crate::limits;

/// Bytes at which a text is closed and the next begun.
const TEXT_BYTES: usize = 128 * 1024;

/// What one JSON client has been told.
#[derive(Debug)]
pub(crate) struct JsonView {
    mirror: Mirror,
    moved: BTreeSet<(NetId, ComponentId)>,
    tick: Tick,
    input_ack: u32,
    /// A tick came that moved nothing: it is still told, for it carries the time.
    untold: bool,
    /// What was said before the whole world was told: it may speak of anything there, so it follows.
    early: Vec<Bytes>,
    early_bytes: usize,
}

impl JsonView {
    pub(crate) fn new(schemas: impl IntoIterator<Item = ComponentSchema>) -> Self {
        JsonView {
            mirror: Mirror::new(schemas).recording_changes(),
            moved: BTreeSet::new(),
            tick: Tick(0),
            input_ack: 0,
            untold: false,
            early: Vec::new(),
            early_bytes: 0,
        }
    }

    /// Has the client been told the whole world, so that anything may be said of it?
    pub(crate) fn is_told(&self) -> bool {
        self.mirror.is_ready()
    }

    /// Keeps a text until then; `false` where too much waits already.
    pub(crate) fn keep(&mut self, text: Bytes) -> bool {
        self.early_bytes += text.len();
        self.early.push(text);
        self.early_bytes <= limits::JSON_EARLY_BYTES_MAX
    }

    pub(crate) fn register(&mut self, schema: ComponentSchema) {
        self.mirror.register(schema);
    }

    /// The ticks applied whole; what the adapter acknowledges for its client.
    pub(crate) fn acks(&self) -> Acks {
        self.mirror.acks()
    }

    /// Takes a snapshot chunk; after the last, the whole world as `snapshot` texts.
    pub(crate) fn snapshot(&mut self, frame: &[u8]) -> Result<Vec<Bytes>, DecodeError> {
        let is_ready = self.mirror.apply_snapshot_chunk(frame)?;
        Ok(if is_ready { self.whole() } else { Vec::new() })
    }

    fn whole(&mut self) -> Vec<Bytes> {
        self.tick = self.mirror.acked();
        self.changes();
        let mut texts = Texts::new("snapshot", self.tick, "entities");
        for entity in self.mirror.entities() {
            let id = entity.id();
            texts.push(&json!({ "id": id, "components": self.components(id) }));
        }
        let mut texts = texts.finish();
        texts.append(&mut self.early);
        texts
    }

    /// Takes a frame of structure, or of pages that come into view; what it changed as `structure` texts.
    pub(crate) fn structure(&mut self, frame: &[u8]) -> Result<Vec<Bytes>, DecodeError> {
        let is_ready = self.mirror.apply_reliable(frame)?;
        Ok(if is_ready { self.whole() } else { self.changes() })
    }

    /// Takes a state fragment and marks what moved.
    pub(crate) fn state(&mut self, frame: &[u8]) -> Result<(), DecodeError> {
        if let StateOutcome::Applied(header) | StateOutcome::Complete(header) = self.mirror.apply_state(frame)? {
            self.tick = self.tick.max(header.tick);
            self.input_ack = self.input_ack.max(header.input_ack);
            self.untold = true;
        }
        // State carries no structure; anything else was told when its batch came.
        self.changes();
        Ok(())
    }

    /// Is there state to write?
    pub(crate) fn has_state(&self) -> bool {
        self.untold || !self.moved.is_empty()
    }

    /// What moved since the last call, as one text of at most so many entities; the rest waits for the next.
    pub(crate) fn take_state(&mut self) -> Option<Bytes> {
        if !self.has_state() {
            return None;
        }
        self.untold = false;
        let mut texts = Texts::new("state", self.tick, "entities");
        texts.head = format!("{},\"input_ack\":{}", texts.head, self.input_ack);
        let mut count = 0;
        while let Some(&(id, _)) = self.moved.first() {
            if count == limits::JSON_ENTITIES_PER_TEXT {
                break;
            }
            count += 1;
            let mut entity = Map::from_iter([("id".to_owned(), json!(id))]);
            while let Some(&(same, component)) = self.moved.first().filter(|(other, _)| *other == id) {
                self.moved.pop_first();
                if let Some((name, value)) = self.component(same, component) {
                    entity.insert(name, value);
                }
            }
            if entity.len() > 1 {
                texts.push(&Json::Object(entity));
            }
        }
        texts.finish().pop()
    }

    /// Sorts the mirror's changes: structure becomes texts, state becomes marks.
    fn changes(&mut self) -> Vec<Bytes> {
        let changes = self.mirror.take_changes();
        if !self.mirror.is_ready() {
            // The snapshot tells it all.
            return Vec::new();
        }
        let mut texts = Texts::new("structure", self.mirror.acked().max(self.tick), "ops");
        for change in changes {
            match change {
                MirrorChange::Spawned(id) if self.mirror.entity(id).is_some() => {
                    texts.push(&json!({ "op": "spawn", "id": id, "components": self.components(id) }));
                }
                MirrorChange::Despawned(id) => texts.push(&json!({ "op": "despawn", "id": id })),
                MirrorChange::Set(id, component) => {
                    if let Some((name, value)) = self.component(id, component) {
                        texts.push(&json!({ "op": "set", "id": id, "components": { name: value } }));
                    }
                }
                MirrorChange::Removed(id, component) => {
                    let shapes = self.mirror.shapes();
                    let name = shapes.schema(component).map(|s| s.name.as_str());
                    // One that has another schema now is still there by its name.
                    let newest = name.and_then(|name| shapes.by_name(name)).map(|schema| schema.id);
                    if newest.is_some_and(|newest| newest != component && self.component(id, newest).is_some()) {
                        continue;
                    }
                    texts.push(&json!({ "op": "remove", "id": id, "component": name }));
                }
                MirrorChange::State(id, component) => {
                    self.moved.insert((id, component));
                }
                // After the snapshot all is told anyway; spawns that are gone again are told by their despawn alone.
                MirrorChange::Reset | MirrorChange::Spawned(_) => {}
            }
        }
        if texts.is_empty() { Vec::new() } else { texts.finish() }
    }

    fn components(&self, id: NetId) -> Json {
        let Some(entity) = self.mirror.entity(id) else { return Json::Object(Map::new()) };
        Json::Object(entity.components().filter_map(|held| self.component(id, held.id)).collect())
    }

    fn component(&self, id: NetId, component: ComponentId) -> Option<(String, Json)> {
        let schema = self.mirror.shapes().schema(component)?;
        Some((schema.name.clone(), schema.to_json(&self.mirror.record(id, component)?)))
    }
}

/// A list that is cut into texts of bounded size, each `{"t":…,"tick":…,"<list>":[…],"last":…}`.
struct Texts {
    head: String,
    list: &'static str,
    body: String,
    done: Vec<String>,
}

impl Texts {
    fn new(t: &str, tick: Tick, list: &'static str) -> Self {
        Texts { head: format!("{{\"t\":\"{t}\",\"tick\":{tick}"), list, body: String::new(), done: Vec::new() }
    }

    fn is_empty(&self) -> bool {
        self.body.is_empty() && self.done.is_empty()
    }

    fn push(&mut self, item: &Json) {
        let item = item.to_string();
        if !self.body.is_empty() && self.body.len() + item.len() > TEXT_BYTES {
            self.done.push(std::mem::take(&mut self.body));
        }
        if !self.body.is_empty() {
            self.body.push(',');
        }
        self.body.push_str(&item);
    }

    fn finish(mut self) -> Vec<Bytes> {
        self.done.push(self.body);
        let last = self.done.len() - 1;
        let text = |(i, body): (usize, String)| {
            Bytes::from(format!("{},\"{}\":[{body}],\"last\":{}}}", self.head, self.list, i == last))
        };
        self.done.into_iter().enumerate().map(text).collect()
    }
}
