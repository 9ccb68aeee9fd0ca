//! What may be asked of a world between two ticks, each with the way its answer takes back.

use std::sync::Arc;

use hd1_core::ParticipantId;
use hd1_replication::ClientKey;
use serde_json::Value as Json;
use tokio::sync::oneshot;

use crate::client::{Admitted, ClientLine, Refusal};
use crate::error::RuntimeError;
use crate::lifecycle;
use crate::query::WorldQuery;
use crate::roster::Entrant;

/// Where an answer goes; nobody may be waiting any more.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, RuntimeError>>;

/// A snapshot that now stands on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SnapshotTaken {
    /// The tick it holds.
    pub tick: u64,
    /// Its size on disk.
    pub bytes: u64,
}

pub(crate) enum Request {
    Lifecycle {
        request: lifecycle::Request,
        reply: Option<Reply<()>>,
    },
    /// Save and free, telling clients to come back; the observer is not told, so that the record says what to recover.
    Drain {
        reply: Reply<()>,
    },
    /// End it without touching its files.
    Forget {
        reply: Reply<()>,
    },
    Snapshot {
        reply: Reply<SnapshotTaken>,
    },
    Join {
        entrant: Entrant,
        line: Arc<ClientLine>,
        reply: oneshot::Sender<Result<Admitted, Refusal>>,
    },
    Gone {
        key: ClientKey,
        participant: ParticipantId,
        for_good: bool,
    },
    Kick {
        participant: ParticipantId,
        reason: String,
        reply: Reply<()>,
    },
    Query {
        query: WorldQuery,
        reply: Reply<Json>,
    },
}
