//! From a tick's changes to every client's frames.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use hd1_core::Tick;
use hd1_protocol::{
    DecodeError, snapshot,
    state::{self, Base, StateHeader, StateWriter},
    structure,
};
use hd1_schema::ComponentSchema;

use crate::{
    Tracked,
    limits::{ACKS_KEPT, BATCH_OPS_MAX, HASH_EVERY_TICKS, HISTORY_TICKS},
};

/// A client's name inside one world's replication; given by the caller, never reused while it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientKey(pub u64);

/// What one client is to be sent for one tick.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    /// Structure batches, for the reliable stream, in order.
    pub reliable: Vec<Bytes>,
    /// State fragments, each a datagram; a newer tick's make these worthless.
    pub state: Vec<Bytes>,
}

impl Outgoing {
    /// Empties it for reuse.
    pub fn clear(&mut self) {
        self.reliable.clear();
        self.state.clear();
    }
}

/// A tick's state against one base: the first fragment carries each client's own acknowledgement of its input, the
/// others are the same bytes for all.
#[derive(Debug)]
struct Bodies {
    first: Vec<u8>,
    rest: Vec<Bytes>,
    /// The first as it was last framed: many clients in a row have sent no input.
    framed: Option<(u32, Bytes)>,
}

impl Bodies {
    fn first(&mut self, input_ack: u32) -> Bytes {
        match &self.framed {
            Some((acked, frame)) if *acked == input_ack => frame.clone(),
            _ => {
                let frame = Bytes::from(state::frame(input_ack, &self.first));
                self.framed = Some((input_ack, frame.clone()));
                frame
            }
        }
    }
}

#[derive(Debug)]
struct Client {
    /// The tick of its join snapshot.
    joined: Tick,
    /// What it is sent state against. Its snapshot from the start: that comes whole, and a client holds back what
    /// overtakes it. Waiting for the first acknowledgement instead would wait for ever where that is lost.
    base: Base,
    /// The newest ticks that it has complete, oldest first; the last is its base's.
    acked: VecDeque<Tick>,
}

impl Client {
    fn new(joined: Tick) -> Self {
        Client { joined, base: Base::alone(joined), acked: VecDeque::from([joined]) }
    }

    /// It has `acked` complete, and the world is at `newest`.
    ///
    /// How things go on is told from the base and from a tick as long before it as the base is behind: from a shorter
    /// way the rounding of both would be blown up, on a longer one they would have turned. It never goes back, since
    /// a client forgets what is older.
    fn ack(&mut self, acked: Tick, newest: Tick) {
        if acked <= self.base.tick {
            return;
        }
        let ahead = newest.since(acked) + 1;
        let far_enough = |tick: &&Tick| acked.since(**tick) >= ahead;
        let before = self.acked.iter().rev().find(far_enough).or(self.acked.front()).copied();
        let before = before.unwrap_or(acked).max(self.base.before);
        self.base = Base { tick: acked, before, whole: false };
        if self.acked.len() == ACKS_KEPT {
            self.acked.pop_front();
        }
        self.acked.push_back(acked);
    }

    /// What it is sent `tick` against, given what is remembered.
    fn base_for(&mut self, tick: Tick) -> Base {
        let remembered = tick.0.saturating_sub(HISTORY_TICKS);
        if self.base.tick.0 < remembered {
            self.base = Base::whole(self.base.tick);
        } else if self.base.before.0 < remembered {
            self.base = Base::alone(self.base.tick);
        }
        self.base
    }
}

/// One world's replication.
#[derive(Debug)]
pub struct Replicator {
    tracked: Tracked,
    structure_seq: u64,
    clients: BTreeMap<ClientKey, Client>,
    /// This tick's structure batches.
    batches: Vec<Bytes>,
    /// This tick's state bodies.
    bodies: Vec<Bodies>,
    by_base: HashMap<Base, usize>,
    /// The base last asked for, and its bodies.
    newest_base: Option<(Base, usize)>,
    /// The newest tick's snapshot, for those who join together.
    snapshot: Option<(Tick, Arc<[Bytes]>)>,
}

impl Replicator {
    /// An empty one that knows these components.
    pub fn new(schemas: impl IntoIterator<Item = ComponentSchema>) -> Self {
        Replicator {
            tracked: Tracked::new(schemas),
            structure_seq: 0,
            clients: BTreeMap::new(),
            batches: Vec::new(),
            bodies: Vec::new(),
            by_base: HashMap::new(),
            newest_base: None,
            snapshot: None,
        }
    }

    /// Learns a component registered at run time; clients must be told before the next tick's structure.
    pub fn register(&mut self, schema: ComponentSchema) {
        self.tracked.register(schema);
    }

    /// What it remembers of the world.
    #[must_use]
    pub fn tracked(&self) -> &Tracked {
        &self.tracked
    }

    /// The number of the newest structure batch.
    #[must_use]
    pub fn structure_seq(&self) -> u64 {
        self.structure_seq
    }

    /// Clients there are.
    #[must_use]
    pub fn client_count(&self) -> usize {
        self.clients.len()
    }

    /// Takes in tick `tick`: `feed` tells [`Tracked`] what changed. Ticks ascend.
    ///
    /// # Errors
    /// `UnknownComponent` where a change names a component never registered.
    pub fn tick(&mut self, tick: Tick, feed: impl FnOnce(&mut Tracked)) -> Result<(), DecodeError> {
        let oldest = self.clients.values().map(|client| client.base.before).min().unwrap_or(tick);
        self.tracked.begin(tick, oldest.max(Tick(tick.0.saturating_sub(HISTORY_TICKS))));
        feed(&mut self.tracked);
        self.bodies.clear();
        self.by_base.clear();
        self.newest_base = None;
        self.batches.clear();
        self.snapshot = None;
        for ops in self.tracked.ops().chunks(BATCH_OPS_MAX) {
            self.structure_seq += 1;
            let batch = structure::encode_batch(self.tracked.shapes(), tick, self.structure_seq, ops)?;
            self.batches.push(batch.into());
        }
        Ok(())
    }

    /// Adds a client between ticks; the frames of its join snapshot, for a stream of their own. Structure and state
    /// follow from the next tick on; a client holds them back until it has the snapshot.
    ///
    /// # Errors
    /// `UnknownComponent`, as in [`Replicator::tick`].
    pub fn add_client(&mut self, key: ClientKey) -> Result<Arc<[Bytes]>, DecodeError> {
        let tick = self.tracked.tick();
        let frames = match &self.snapshot {
            Some((at, frames)) if *at == tick => Arc::clone(frames),
            _ => {
                let shown = self.tracked.shown();
                let chunks = snapshot::encode(self.tracked.shapes(), tick, self.structure_seq, &shown)?;
                let frames: Arc<[Bytes]> = chunks.into_iter().map(Bytes::from).collect();
                self.snapshot = Some((tick, Arc::clone(&frames)));
                frames
            }
        };
        self.clients.insert(key, Client::new(tick));
        Ok(frames)
    }

    /// Forgets a client; unknown ones are ignored.
    pub fn remove_client(&mut self, key: ClientKey) {
        self.clients.remove(&key);
    }

    /// A client says that it has `tick` completely. Ticks that it cannot have are ignored.
    pub fn ack(&mut self, key: ClientKey, tick: Tick) {
        let newest = self.tracked.tick();
        let Some(client) = self.clients.get_mut(&key) else { return };
        if tick <= newest {
            client.ack(tick, newest);
        }
    }

    /// The newest tick that a client has completely, where it is there.
    #[must_use]
    pub fn acked(&self, key: ClientKey) -> Option<Tick> {
        Some(self.clients.get(&key)?.base.tick)
    }

    /// Appends to `out` what a client is to be sent for the newest tick. `input_ack` is the newest of its inputs that
    /// the world has applied.
    pub fn assemble(&mut self, key: ClientKey, input_ack: u32, out: &mut Outgoing) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        if client.joined < self.tracked.tick() {
            out.reliable.extend(self.batches.iter().cloned());
        }
        let base = client.base_for(self.tracked.tick());
        if base.tick == self.tracked.tick() {
            return;
        }
        let bodies = self.bodies_for(base);
        out.state.push(bodies.first(input_ack));
        out.state.extend(bodies.rest.iter().cloned());
    }

    /// Writes what changed after `base`, as for a client that stands there: to compare, and to look at.
    pub fn write_since(&mut self, base: Base, writer: &mut StateWriter) {
        self.tracked.write_since(base, writer);
    }

    fn bodies_for(&mut self, base: Base) -> &mut Bodies {
        // Most clients stand where the one before them stands.
        let at = match self.newest_base {
            Some((newest, at)) if newest == base => at,
            _ => match self.by_base.get(&base) {
                Some(at) => *at,
                None => self.encode(base),
            },
        };
        self.newest_base = Some((base, at));
        &mut self.bodies[at]
    }

    fn encode(&mut self, base: Base) -> usize {
        let tick = self.tracked.tick();
        let mut writer = StateWriter::default();
        self.tracked.write_since(base, &mut writer);
        let mut header = StateHeader::new(tick, base, self.structure_seq);
        header.hash = tick.0.is_multiple_of(HASH_EVERY_TICKS).then(|| self.tracked.sum_up());
        let mut bodies = writer.finish(header).into_iter();
        let first = bodies.next().unwrap_or_default();
        let rest = bodies.map(|body| state::frame(0, &body).into()).collect();
        self.bodies.push(Bodies { first, rest, framed: None });
        self.by_base.insert(base, self.bodies.len() - 1);
        self.bodies.len() - 1
    }
}
