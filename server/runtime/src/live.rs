//! A world in memory: the simulation, its people, their clients and the recording, stepped one tick at a time.
//!
//! Everything here happens on the thread that ticks the world, between two boundaries. It blocks on nothing and knows
//! no lifecycle: [`crate::body`] decides when it lives and when it ticks.

use std::collections::BTreeMap;
use std::sync::Arc;

use hd1_core::{PlayerId, Role, SessionId, Tick};
use hd1_protocol::message::{NO_OP_ID, OpError, Welcome};
use hd1_protocol::{CloseCode, DecodeError, ServerMessage};
use hd1_replication::ClientKey;
use hd1_schema::{CatalogueHash, ComponentSchema};
use hd1_sim::{Command, OpDone, Request, Sim, TickInput, TickOutput};

use crate::admission::Hold;
use crate::client::{Admitted, Client, ClientLine, Refusal};
use crate::limits::{CLIENTS_PER_WORLD_MAX, RECORDING_BYTES_MAX};
use crate::mailbox::Mailbox;
use crate::observer::Asked;
use crate::outbox::Item;
use crate::plugins::{Keeper, Wish};
use crate::recording::writer::Recorder;
use crate::replication::{Replication, schemas};
use crate::roster::{Entrant, Roster};
use crate::slot::Slot;
use crate::snapshot::{Seat, Snapshot};
use crate::spoken::Spoken;
use crate::time::Nanos;

/// See the module's words.
pub(crate) struct Live {
    pub sim: Sim,
    pub roster: Roster,
    pub recorder: Option<Recorder>,
    clients: BTreeMap<ClientKey, Client>,
    replication: Option<Replication>,
    /// The input of the tick under way, for the recording and for the story of a crash.
    input: TickInput,
    encoded: Vec<u8>,
    /// Content hash at the newest snapshot: what has not changed is not written again.
    pub snapshot_content: Option<u64>,
    /// What becomes of its plugins.
    pub keeper: Keeper,
    /// What programs have asked the server, and nobody was told of yet.
    asked: Vec<Asked>,
    /// What newcomers are told, and how many components there were then.
    catalogue: Option<(usize, Arc<[ComponentSchema]>, CatalogueHash)>,
}

/// What the control plane waits for after a tick: how its operations went, by request.
pub(crate) type AdminResults = Vec<(u64, Result<OpDone, OpError>)>;

impl Live {
    /// A world just loaded.
    pub fn new(sim: Sim, roster: Roster) -> Self {
        Live {
            sim,
            roster,
            recorder: None,
            clients: BTreeMap::new(),
            replication: None,
            input: TickInput::default(),
            encoded: Vec::new(),
            snapshot_content: None,
            keeper: Keeper::default(),
            asked: Vec::new(),
            catalogue: None,
        }
    }

    /// Clients connected.
    pub fn client_count(&self) -> usize {
        self.clients.len()
    }

    /// One step: everything that waits at the door goes in, everything that came of it goes to whom it concerns.
    pub fn tick(&mut self, now_ns: Nanos, mailbox: &Mailbox, plugins: &Wish) -> Result<AdminResults, DecodeError> {
        self.input.commands.clear();
        self.input.commands.extend(self.keeper.before(plugins, now_ns));
        self.roster.drain(&mut self.input.commands);
        mailbox.drain(&mut self.input.commands);
        self.encoded.clear();
        if self.recorder.is_some() {
            encode_input(&self.input, &mut self.encoded);
        }
        self.note_inputs();
        let output = self.sim.tick(&self.input);
        self.keeper.after(&output.admin_results, &output.plugin_faults, now_ns);
        self.keeper.note_refusals(&output.plugin_refusals);
        if let Some(recorder) = &mut self.recorder {
            recorder.add(output.tick, Some(self.sim.state_hash()), &self.encoded);
        }
        self.fan_out(now_ns, output)
    }

    /// Takes what programs have asked the server.
    pub fn take_asked(&mut self) -> Vec<Asked> {
        std::mem::take(&mut self.asked)
    }

    fn note_asked(&mut self, requests: Vec<Request>) {
        for Request { id, from, topic, data, .. } in requests {
            // Whoever left meanwhile waits for no answer.
            if let Some(Seat { participant, name, role, .. }) = self.roster.seat(from) {
                let (participant, name, role) = (*participant, name.clone(), *role);
                self.asked.push(Asked { request: id, participant, player: from, name, role, topic, data });
            }
        }
    }

    /// The tick under way panicked: the recording says so.
    pub fn record_crash(&mut self, tick: Tick) {
        if let Some(mut recorder) = self.recorder.take() {
            recorder.add(tick, None, &self.encoded);
        }
    }

    /// Is the recording full, or given up?
    pub fn wants_new_recording(&self) -> bool {
        self.recorder.as_ref().is_some_and(|r| r.is_broken() || r.bytes() > RECORDING_BYTES_MAX)
    }

    /// The world's whole state as of the last boundary: the snapshot, once packed on another thread.
    pub fn snapshot(&mut self, session: SessionId) -> impl FnOnce() -> Snapshot + Send + use<> {
        let (state, tick, seats) = (self.sim.copy_state(), self.sim.current_tick(), self.roster.seats());
        move || Snapshot { session, tick, seats, state: state.pack() }
    }

    /// Lets a client in, as of the last boundary.
    pub fn admit(
        &mut self,
        slot: &Arc<Slot>,
        key: ClientKey,
        entrant: &Entrant,
        line: &Arc<ClientLine>,
    ) -> Result<Admitted, Refusal> {
        if self.clients.len() >= CLIENTS_PER_WORLD_MAX {
            return Err(Refusal::of(CloseCode::Full));
        }
        let entered = self.roster.enter(entrant, key);
        let shown = self.show(slot, key, entered.player);
        let shown = shown.map_err(|error| {
            self.roster.remove(entrant.participant);
            Refusal::new(CloseCode::Internal, error.to_string())
        })?;
        slot.mailbox.admit(entered.player, key);
        self.clients.insert(key, Client::new(entered.player, Arc::clone(line)));
        // Only now: when the last client leaves, what is shown is forgotten.
        if let Some(old) = entered.replaced {
            self.expel(old, CloseCode::Replaced, CloseCode::Replaced.reason());
        }
        let (catalogue, catalogue_hash) = self.catalogue();
        let tick = self.sim.current_tick();
        let welcome = Welcome {
            version: hd1_protocol::PROTOCOL_VERSION,
            capabilities: Vec::new(),
            session: slot.session,
            participant: entrant.participant,
            player: entered.player,
            role: entrant.role,
            tick,
            tick_rate: self.sim.config().tick_rate,
            server_us: 0,
            resume_token: String::new(),
            resume_grace_s: 0,
            catalogue_hash,
            catalogue: None,
            participants: self.roster.participants(),
            movement: Some(self.sim.move_rules()),
            camera: (entrant.role == Role::Viewer).then(|| self.camera_of(entered.player)),
        };
        let (player, participant) = (entered.player, entrant.participant);
        let hold = Hold { slot: Arc::clone(slot), key, player, participant, for_good: false };
        Ok(Admitted { hold, welcome, catalogue, snapshot_tick: tick, snapshot: shown })
    }

    /// Where a viewer looks from.
    fn camera_of(&self, player: PlayerId) -> [f32; 3] {
        let known = self.sim.players().here.get(&player).and_then(|here| here.camera);
        known.unwrap_or_else(|| self.sim.scene_info().first_look())
    }

    /// The schemas and their hash, worked out anew only when one was registered.
    fn catalogue(&mut self) -> (Arc<[ComponentSchema]>, CatalogueHash) {
        let count = self.sim.catalogue().entries().len();
        match &self.catalogue {
            Some((known, schemas, hash)) if *known == count => (Arc::clone(schemas), hash.clone()),
            _ => {
                let schemas: Arc<[_]> = schemas(&self.sim).into();
                let hash = self.sim.catalogue().hash();
                self.catalogue = Some((count, Arc::clone(&schemas), hash.clone()));
                (schemas, hash)
            }
        }
    }

    /// Each client is sent so many bytes of state in a second from now on.
    pub fn set_client_bytes_per_s(&mut self, bytes_per_s: u32) {
        if let Some(replication) = &mut self.replication {
            replication.set_client_bytes_per_s(&self.sim, bytes_per_s);
        }
    }

    fn show(&mut self, slot: &Slot, key: ClientKey, player: PlayerId) -> Result<Vec<bytes::Bytes>, DecodeError> {
        let replication = match &mut self.replication {
            Some(replication) => replication,
            none => {
                let (shown, bytes_per_s) = slot.shown();
                none.insert(Replication::begin(&mut self.sim, &shown, bytes_per_s)?)
            }
        };
        replication.add(&self.sim, key, player)
    }

    /// A client's connection is gone. Answers the participant that may still come back.
    pub fn gone(&mut self, key: ClientKey, for_good: bool, now_ns: Nanos) -> Option<hd1_core::ParticipantId> {
        let client = self.forget(key);
        let participant = self.roster.gone(key, for_good, now_ns)?;
        if let Some(client) = client.filter(|_| !for_good) {
            self.roster.halt(client.player, client.last_input);
        }
        Some(participant)
    }

    /// Ends a client's connection.
    pub fn expel(&mut self, key: ClientKey, code: CloseCode, reason: &str) {
        if let Some(client) = self.forget(key) {
            client.line.outbox.close(code, reason);
        }
    }

    /// Ends every connection; the seats stay.
    pub fn expel_all(&mut self, code: CloseCode, reason: &str, now_ns: Nanos) {
        for (key, client) in std::mem::take(&mut self.clients) {
            self.roster.gone(key, false, now_ns);
            client.line.outbox.close(code, reason);
        }
        self.replication = None;
    }

    /// Tells those who asked for something that no tick will do it.
    pub fn refuse(&self, now_ns: Nanos, operations: &[(PlayerId, u32)], error: &OpError) {
        for (player, id) in operations.iter().filter(|(_, id)| *id != NO_OP_ID) {
            self.tell(now_ns, *player, ServerMessage::refusal(*id, error.clone()));
        }
    }

    /// Remembers where each player was looking, for when its connection goes.
    fn note_inputs(&mut self) {
        if self.clients.is_empty() {
            return;
        }
        let samples: BTreeMap<_, _> = self
            .input
            .commands
            .iter()
            .filter_map(|command| match command {
                Command::Input { player, sample } => Some((*player, *sample)),
                _ => None,
            })
            .collect();
        for client in self.clients.values_mut() {
            if let Some(sample) = samples.get(&client.player) {
                client.last_input = Some(*sample);
            }
        }
    }

    fn forget(&mut self, key: ClientKey) -> Option<Client> {
        let client = self.clients.remove(&key)?;
        if self.clients.is_empty() {
            // Nobody watches: the next client starts from a fresh look at the world.
            self.replication = None;
        } else if let Some(replication) = &mut self.replication {
            replication.remove(key);
        }
        Some(client)
    }

    fn tell(&self, now_ns: Nanos, player: PlayerId, message: ServerMessage) {
        if let Some(client) = self.clients.values().find(|client| client.player == player) {
            client.line.outbox.put(now_ns, [Item::message(message)], None);
        }
    }

    fn tell_all(&self, now_ns: Nanos, message: ServerMessage) {
        let message = Item::message(message);
        for client in self.clients.values() {
            client.line.outbox.put(now_ns, [message.clone()], None);
        }
    }

    fn fan_out(&mut self, now_ns: Nanos, mut output: TickOutput) -> Result<AdminResults, DecodeError> {
        let admin_results = std::mem::take(&mut output.admin_results);
        self.note_asked(output.requests.extract_if(.., |request| request.to == PlayerId::SERVER).collect());
        if self.clients.is_empty() {
            return Ok(admin_results);
        }
        let tick = output.tick;
        let acks: BTreeMap<_, _> = std::mem::take(&mut output.input_acks).into_iter().collect();
        let spoken = Spoken::of(output);
        let Some(replication) = &mut self.replication else { return Ok(admin_results) };
        for schema in replication.capture(&mut self.sim)? {
            // Said before the structure that may name it.
            self.tell_all(now_ns, ServerMessage::Registered { schema });
        }
        let Some(replication) = &mut self.replication else { return Ok(admin_results) };
        for (key, client) in &mut self.clients {
            client.input_ack = acks.get(&client.player).copied().unwrap_or(client.input_ack);
            client.is_held = client.line.state_waits();
            client.line.note_tick(tick);
            replication.prepare(&self.sim, *key, client);
        }
        let clients = &self.clients;
        replication.assemble_each(|key, outgoing| {
            let Some(client) = clients.get(&key) else { return };
            // What is said of a tick follows its structure: whoever hears of an entity has it.
            let items = outgoing.reliable.drain(..).map(Item::Structure).chain(spoken.heard_by(client.player));
            let state = std::mem::take(&mut outgoing.state);
            let state = (!state.is_empty()).then_some((tick, state));
            // One that is cut off stays until its connection task, which closes it, reports it gone.
            if client.is_held {
                client.line.outbox.nudge(now_ns, items);
            } else {
                client.line.outbox.put(now_ns, items, state);
            }
        })?;
        Ok(admin_results)
    }
}

/// A tick's input as the recording holds it.
pub(crate) fn encode_input(input: &TickInput, out: &mut Vec<u8>) {
    if input.commands.is_empty() {
        return;
    }
    // Writing to memory does not fail, and commands have no key that msgpack cannot hold.
    if let Err(error) = rmp_serde::encode::write_named(out, &input.commands) {
        tracing::error!(%error, "a tick's input could not be recorded");
        out.clear();
    }
}

/// The inverse of [`encode_input`].
pub(crate) fn decode_input(bytes: &[u8]) -> Result<TickInput, rmp_serde::decode::Error> {
    let commands: Vec<Command> = if bytes.is_empty() { Vec::new() } else { rmp_serde::from_slice(bytes)? };
    Ok(TickInput { commands })
}
