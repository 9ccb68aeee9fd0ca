//! What players' programs ask the server, carried from the threads that tick to the plugins that answer.
//!
//! What does not fit any more is not answered, and the program is told by its world that the time is over.

use std::sync::{Arc, OnceLock};

use hd1_control::{ChannelAsked, Control};
use hd1_core::SessionId;
use hd1_runtime::Asked;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// Requests of all worlds that wait to be put to plugins.
const WAITING_MAX: usize = 1_024;
/// Requests that plugins answer at a time.
const ANSWERED_AT_ONCE: usize = 64;

type Waiting = (SessionId, Asked);

/// See the module's words. Clones share everything.
#[derive(Clone, Default)]
pub struct Programs(Arc<OnceLock<mpsc::Sender<Waiting>>>);

impl Programs {
    /// Takes a request. Does not wait.
    pub fn put(&self, session: SessionId, asked: Asked) {
        let Some(sender) = self.0.get() else { return };
        if let Err(mpsc::error::TrySendError::Full((session, asked))) = sender.try_send((session, asked)) {
            tracing::warn!(session.id = %session, topic = asked.topic, "too many requests to plugins wait already");
        }
    }

    /// Has plugins answer until cancelled.
    pub async fn answer(self, control: Control, stop: CancellationToken) {
        let (sender, mut waiting) = mpsc::channel(WAITING_MAX);
        if self.0.set(sender).is_err() {
            return;
        }
        let places = Arc::new(Semaphore::new(ANSWERED_AT_ONCE));
        loop {
            let next = async {
                let place = Arc::clone(&places).acquire_owned().await.ok()?;
                Some((waiting.recv().await?, place))
            };
            let ((session, asked), place) = tokio::select! {
                Some(next) = next => next,
                () = stop.cancelled() => return,
            };
            let control = control.clone();
            tokio::spawn(async move {
                let _place = place;
                let Asked { request, participant, player, name, role, topic, data } = asked;
                let asked = ChannelAsked { session, participant, player, name, role, topic, data };
                // Whoever asked may have left, or the time may be over: then nobody waits for the answer.
                if let Err(error) = control.answer_program(request, &asked).await {
                    tracing::debug!(session.id = %session, topic = asked.topic, %error, "an answer came to nobody");
                }
            });
        }
    }
}
