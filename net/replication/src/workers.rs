//! Assembling for many clients on several threads: each has its clients, and encodes for itself what they see.
//!
//! What is known of the world is read by all and written by none meanwhile. Clients are shared out by where they look from, so
//! that few pages are seen from two threads: what is encoded twice costs less than passing it around would.

use std::{collections::BTreeMap, thread};

use hd1_protocol::DecodeError;

use crate::{
    assemble::{Assembly, Outgoing},
    blobs::BlobStore,
    client::Client,
    replicator::{ClientKey, Shared},
    world::Tracked,
};

/// Clients from which on another thread is worth starting, which takes some 30 microseconds.
const CLIENTS_PER_THREAD_MIN: usize = 128;

/// What one thread works with.
#[derive(Debug, Default)]
pub(crate) struct Worker {
    blobs: BlobStore,
    assembly: Assembly,
    out: Outgoing,
}

/// One worker at least.
#[derive(Debug)]
pub(crate) struct Workers(Vec<Worker>);

/// A client whose turn it is.
struct Turn<'a> {
    key: ClientKey,
    client: &'a mut Client,
    opened: Outgoing,
    has_news: bool,
}

impl Default for Workers {
    fn default() -> Self {
        Workers(vec![Worker::default()])
    }
}

impl Worker {
    /// What a client that has looked around is to be sent.
    pub(crate) fn assemble(&mut self, client: &mut Client, tracked: &Tracked, out: &mut Outgoing) {
        let Worker { blobs, assembly, .. } = self;
        out.reliable.extend(assembly.structure(client, tracked));
        if client.is_held {
            client.is_settled = false;
        } else {
            assembly.state(client, tracked, blobs, &mut out.state);
        }
    }

    fn take_turns(
        &mut self,
        turns: &mut [Turn<'_>],
        tracked: &Tracked,
        each: &(impl Fn(ClientKey, &mut Outgoing) + Sync),
    ) {
        for turn in turns {
            if turn.has_news {
                self.assemble(turn.client, tracked, &mut turn.opened);
            }
            each(turn.key, &mut turn.opened);
        }
    }
}

impl Workers {
    /// Begins a tick.
    pub(crate) fn begin(&mut self) {
        self.0.iter_mut().for_each(|worker| worker.blobs.begin());
    }

    /// Blobs encoded in this tick.
    pub(crate) fn blob_count(&self) -> usize {
        self.0.iter().map(|worker| worker.blobs.count()).sum()
    }

    /// The one that is always there.
    pub(crate) fn first(&mut self) -> &mut Worker {
        &mut self.0[0]
    }

    /// See [`crate::Replicator::assemble_each`].
    pub(crate) fn assemble_each(
        &mut self,
        clients: &mut BTreeMap<ClientKey, Client>,
        shared: &mut Shared,
        threads: usize,
        each: &(impl Fn(ClientKey, &mut Outgoing) + Sync),
    ) -> Result<(), DecodeError> {
        let threads = threads.min(clients.len() / CLIENTS_PER_THREAD_MIN).max(1);
        if threads == 1 {
            return self.one_by_one(clients, shared, each);
        }
        let mut turns = Vec::with_capacity(clients.len());
        for (key, client) in clients {
            let mut opened = Outgoing::default();
            let has_news = shared.look(client, &mut opened.reliable)?;
            turns.push(Turn { key: *key, client, opened, has_news });
        }
        turns.sort_by_key(|turn| turn.client.looks_from());
        self.0.resize_with(threads.max(self.0.len()), Worker::default);
        let tracked = shared.tracked();
        let share = turns.len().div_ceil(threads);
        thread::scope(|scope| {
            let mut shares = turns.chunks_mut(share).zip(&mut self.0);
            let own = shares.next();
            for (turns, worker) in shares {
                scope.spawn(move || worker.take_turns(turns, tracked, each));
            }
            if let Some((turns, worker)) = own {
                worker.take_turns(turns, tracked, each);
            }
        });
        Ok(())
    }

    fn one_by_one(
        &mut self,
        clients: &mut BTreeMap<ClientKey, Client>,
        shared: &mut Shared,
        each: &(impl Fn(ClientKey, &mut Outgoing) + Sync),
    ) -> Result<(), DecodeError> {
        let worker = self.first();
        let mut out = std::mem::take(&mut worker.out);
        for (key, client) in clients {
            out.clear();
            if shared.look(client, &mut out.reliable)? {
                worker.assemble(client, shared.tracked(), &mut out);
            }
            each(*key, &mut out);
        }
        worker.out = out;
        Ok(())
    }
}
