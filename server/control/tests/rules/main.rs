//! The rules as stories, on every database there is: who may do what, what holds under a rush, what a restart finds.

mod attaching;
mod hooks;
mod installing;
mod joining;
mod lifecycle;
mod rights;
mod secrets;
mod tickets;

use hd1_api::{ApiRole, CreateSession, CreateToken, Session, Visibility};
use hd1_control::Authority;
use hd1_control::testing::Stage;

/// Runs a story on every database there is.
macro_rules! on_both {
    ($($name:ident => $story:ident;)*) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let test = hd1_store::testing::sqlite().await;
                super::$story(hd1_control::testing::Stage::over(test.db.clone()).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgresql() {
                if let Some(test) = hd1_store::testing::postgres().await {
                    super::$story(hd1_control::testing::Stage::over(test.db.clone()).await).await;
                }
            }
        })*
    };
}
pub(crate) use on_both;

/// The authority of a fresh API token.
pub(crate) async fn token(stage: &Stage, role: ApiRole) -> Authority {
    let wish = CreateToken { name: role.as_str().to_owned(), role, expires_in_s: None };
    let made = stage.control.create_token(&Authority::admin(), wish).await.unwrap();
    stage.control.authenticate(&made.secret).await.unwrap()
}

/// A running session of the administrator's.
pub(crate) async fn session(stage: &Stage, visibility: Visibility, guests: bool) -> Session {
    let mut wish = CreateSession::named("harbour");
    wish.visibility = visibility;
    wish.settings.guests = guests;
    stage.control.create_session(&Authority::admin(), wish).await.unwrap()
}
