//! One suite, every database: what the repositories promise, held against SQLite always and against PostgreSQL where
//! its programs are installed.

mod group;
mod participants;
mod plugins;
mod schema;
mod sessions;
mod tokens;

use hd1_api::{ParticipantState, ReplicationSettings, SceneSource, SessionSettings, SessionStatus, Visibility};
use hd1_core::{Micros, ParticipantId, Role, SessionId, TickRate};
use hd1_store::participants::ParticipantRecord;
use hd1_store::sessions::SessionRecord;
use hd1_store::{Conn, sessions as repo};

/// Runs a story on every database there is.
macro_rules! on_both {
    ($($(#[$doc:meta])* $name:ident => $story:ident;)*) => {
        $($(#[$doc])* mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$story(hd1_store::testing::sqlite().await.db.clone()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgresql() {
                if let Some(test) = hd1_store::testing::postgres().await {
                    super::$story(test.db.clone()).await;
                }
            }
        })*
    };
}
pub(crate) use on_both;

/// The moment at which the stories begin.
pub(crate) const NOW: Micros = Micros(1_800_000_000_000_000);

pub(crate) fn session(owner: &str, visibility: Visibility) -> SessionRecord {
    SessionRecord {
        id: SessionId::generate(),
        name: "harbour".to_owned(),
        description: "ships, 'quotes' and \u{1f30a}".to_owned(),
        owner: owner.to_owned(),
        status: SessionStatus::Created,
        status_reason: None,
        visibility,
        max_participants: 3,
        tick_rate: TickRate::DEFAULT,
        scene_name: Some("lobby".to_owned()),
        seed: (1 << 53) - 1,
        settings: SessionSettings::default(),
        replication: ReplicationSettings { view_m: Some(30.5), cell_m: None, client_kbit_s: Some(500) },
        metadata: serde_json::Map::from_iter([("k".to_owned(), serde_json::json!([1, null, "x"]))]),
        version: 1,
        created_at: NOW,
        updated_at: NOW,
        participant_count: 0,
    }
}

pub(crate) async fn stored(conn: &mut Conn, owner: &str, visibility: Visibility) -> SessionRecord {
    let session = session(owner, visibility);
    repo::insert(conn, &session, &SceneSource::Library("lobby".to_owned())).await.unwrap();
    session
}

pub(crate) fn participant(session: SessionId, held_until: Micros) -> ParticipantRecord {
    ParticipantRecord {
        session,
        id: ParticipantId::generate(),
        name: "ada".to_owned(),
        role: Role::Participant,
        state: ParticipantState::Joining,
        guest: true,
        member: String::new(),
        held_until,
        joined_at: NOW,
        updated_at: NOW,
    }
}
