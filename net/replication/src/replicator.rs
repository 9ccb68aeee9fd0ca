//! From a world that changes to frames for each client.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use hd1_core::Tick;
use hd1_protocol::{
    DecodeError, Receipt,
    snapshot::{self, ChunkBody, ChunkPlace, OpenPage, Shown},
};
use hd1_schema::ComponentSchema;

use crate::{
    assemble::Outgoing,
    client::{Budget, Client},
    limits::HISTORY_TICKS,
    place::Interest,
    view::Viewer,
    workers::Workers,
    world::Tracked,
};

/// Chunks of different pages that are kept within a tick.
const OPENED_MAX: usize = 4;

/// A client of one replicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientKey(pub u64);

/// One world's replication.
#[derive(Debug, Default)]
pub struct Replicator {
    clients: BTreeMap<ClientKey, Client>,
    shared: Shared,
    /// One, or one for each thread that assembles.
    workers: Workers,
}

/// What serves all clients.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    tracked: Tracked,
    /// What was opened together in this tick, the last few: who comes along with others opens the same.
    opened: VecDeque<(Vec<u32>, Arc<[ChunkBody]>)>,
}

impl Replicator {
    /// An empty one that knows these components and shows so much.
    pub fn new(schemas: impl IntoIterator<Item = ComponentSchema>, interest: Interest) -> Self {
        let tracked = Tracked::new(schemas, interest);
        Replicator { shared: Shared { tracked, ..Shared::default() }, ..Replicator::default() }
    }

    /// Learns a component registered at run time; clients must be told before the next tick's structure.
    pub fn register(&mut self, schema: ComponentSchema) {
        self.shared.tracked.register(schema);
    }

    /// What it remembers of the world.
    #[must_use]
    pub fn tracked(&self) -> &Tracked {
        &self.shared.tracked
    }

    /// Clients there are.
    #[must_use]
    pub fn client_count(&self) -> usize {
        self.clients.len()
    }

    /// Blobs encoded for the newest tick so far: each is of one page on one base.
    #[must_use]
    pub fn blob_count(&self) -> usize {
        self.workers.blob_count()
    }

    /// A client.
    #[must_use]
    pub fn client(&self, key: ClientKey) -> Option<&Client> {
        self.clients.get(&key)
    }

    /// Takes in tick `tick`: `feed` tells [`Tracked`] what changed. Ticks ascend.
    ///
    /// # Errors
    /// `UnknownComponent` where a change names a component never registered.
    pub fn tick(&mut self, tick: Tick, feed: impl FnOnce(&mut Tracked)) -> Result<(), DecodeError> {
        let reach = self.clients.values().map(Client::reach).max().unwrap_or(0).min(HISTORY_TICKS);
        self.shared.tracked.begin(tick, Tick(tick.0.saturating_sub(reach)));
        feed(&mut self.shared.tracked);
        self.workers.begin();
        self.shared.opened.clear();
        self.shared.tracked.end()
    }

    /// Adds a client between ticks; the first frames of what it sees, for a stream of their own. The rest, structure and
    /// state follow from the next tick on; a client holds them back until that stream has ended.
    ///
    /// # Errors
    /// `UnknownComponent`, as in [`Replicator::tick`].
    pub fn add_client(&mut self, key: ClientKey, viewer: Viewer) -> Result<Vec<Bytes>, DecodeError> {
        let mut client = Client::new(viewer, self.shared.tracked.tick());
        // Who has no avatar yet may have one with the next tick: until then it is not known where to look from.
        if viewer.avatar.is_some() || viewer.at.is_some() || self.shared.tracked.grid().is_none() {
            client.look(&mut self.shared.tracked);
        }
        let mut frames = Vec::new();
        self.shared.open(&mut client, false, &mut frames)?;
        self.clients.insert(key, client);
        Ok(frames)
    }

    /// Forgets a client; unknown ones are ignored.
    pub fn remove_client(&mut self, key: ClientKey) {
        if let Some(client) = self.clients.remove(&key) {
            client.leave(&mut self.shared.tracked);
        }
    }

    /// A client looks from elsewhere from now on.
    pub fn set_viewer(&mut self, key: ClientKey, viewer: Viewer) {
        if let Some(client) = self.clients.get_mut(&key) {
            // Nothing in the world changes where somebody without a body looks from elsewhere.
            client.is_settled &= client.viewer == viewer;
            client.viewer = viewer;
        }
    }

    /// Bounds what a client is sent of state; `None` for as much as there is.
    pub fn set_budget(&mut self, key: ClientKey, budget: Option<Budget>) {
        if let Some(client) = self.clients.get_mut(&key) {
            client.budget = budget;
        }
    }

    /// Holds a client's state back while what it was sent has not left, or lets it go again. What changes meanwhile is told
    /// at once in the end: state that is made and then dropped on its way would count as lost.
    pub fn hold(&mut self, key: ClientKey, is_held: bool) {
        if let Some(client) = self.clients.get_mut(&key) {
            client.is_held = is_held;
        }
    }

    /// A client says what it has, whole ticks alone or ticks in part too. What it cannot have is ignored.
    pub fn ack(&mut self, key: ClientKey, received: impl Into<Receipt>) {
        if let Some(client) = self.clients.get_mut(&key) {
            client.ack(&received.into(), self.shared.tracked.tick());
        }
    }

    /// The newest of a client's inputs that the world has applied: it is told with the next state.
    pub fn note_input(&mut self, key: ClientKey, applied: u32) {
        if let Some(client) = self.clients.get_mut(&key) {
            client.input_applied = client.input_applied.max(applied);
        }
    }

    /// Appends to `out` what a client is to be sent for the newest tick; once a tick. `input_ack` is the newest of its
    /// inputs that the world has applied.
    ///
    /// # Errors
    /// `UnknownComponent`, as in [`Replicator::tick`].
    pub fn assemble(&mut self, key: ClientKey, input_ack: u32, out: &mut Outgoing) -> Result<(), DecodeError> {
        self.note_input(key, input_ack);
        let Some(client) = self.clients.get_mut(&key) else { return Ok(()) };
        if self.shared.look(client, &mut out.reliable)? {
            self.workers.first().assemble(client, &self.shared.tracked, out);
        }
        Ok(())
    }

    /// Hands `each` client what it is to be sent for the newest tick, if anything; once a tick, instead of
    /// [`Replicator::assemble`]. Many clients are shared out among `threads`, those who are near each other to the same:
    /// what two threads need of a page, both encode.
    ///
    /// # Errors
    /// `UnknownComponent`, as in [`Replicator::tick`].
    pub fn assemble_each(
        &mut self,
        threads: usize,
        each: impl Fn(ClientKey, &mut Outgoing) + Sync,
    ) -> Result<(), DecodeError> {
        let Replicator { clients, shared, workers } = self;
        workers.assemble_each(clients, shared, threads, &each)
    }
}

impl Shared {
    /// A client looks around, and what comes into its view goes to `frames`; is there more to tell it?
    pub(crate) fn look(&mut self, client: &mut Client, frames: &mut Vec<Bytes>) -> Result<bool, DecodeError> {
        if client.is_settled && self.tracked.is_still() && client.input_ack >= client.input_applied {
            return Ok(false);
        }
        client.look(&mut self.tracked);
        if client.has_own_structure() {
            self.open(client, true, frames)?;
        }
        Ok(true)
    }

    pub(crate) fn tracked(&self) -> &Tracked {
        &self.tracked
    }

    /// Opens what waits to be opened, as much as one tick allows.
    fn open(&mut self, client: &mut Client, with_structure: bool, frames: &mut Vec<Bytes>) -> Result<(), DecodeError> {
        let opened = client.take_waiting(&mut self.tracked);
        let place = ChunkPlace { ends_stream: !with_structure, completes_view: client.completes(), with_structure };
        if opened.is_empty() && with_structure && !place.completes_view {
            return Ok(());
        }
        let pages: Vec<u32> = opened.iter().map(|(_, page)| *page).collect();
        let bodies = self.bodies(pages)?;
        for (i, body) in bodies.iter().enumerate() {
            let last = i + 1 == bodies.len();
            let record = |(at, entities): &(usize, u32)| {
                let (number, page) = opened[*at];
                let version = self.tracked.places().page(page).version();
                OpenPage { page: number, version, entities: *entities }
            };
            let records: Vec<OpenPage> = body.pages.iter().map(record).collect();
            let place = if last { place } else { ChunkPlace { with_structure, ..ChunkPlace::default() } };
            frames.push(snapshot::frame(self.tracked.tick(), place, &records, &body.bytes).into());
        }
        Ok(())
    }

    fn bodies(&mut self, pages: Vec<u32>) -> Result<Arc<[ChunkBody]>, DecodeError> {
        if let Some((_, bodies)) = self.opened.iter().find(|(opened, _)| *opened == pages) {
            return Ok(Arc::clone(bodies));
        }
        let mut shown = Shown::default();
        pages.iter().for_each(|page| self.tracked.show(*page, &mut shown));
        let bodies: Arc<[ChunkBody]> = snapshot::encode(self.tracked.shapes(), &shown)?.into();
        self.opened.truncate(OPENED_MAX - 1);
        self.opened.push_front((pages, Arc::clone(&bodies)));
        Ok(bodies)
    }
}
