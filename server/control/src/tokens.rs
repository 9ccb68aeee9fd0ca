//! Tokens: who a bearer secret stands for, and API tokens made, listed and revoked.

use hd1_api::{CreateToken, CreatedToken, ParticipantState, Timestamp, Token, TokenId, TokenList};
use hd1_store::participants;
use hd1_store::tokens::{self as repo, TokenRecord};
use serde_json::json;

use crate::authority::{Authority, Caller};
use crate::control::{Control, Page};
use crate::error::{ControlError, Result};
use crate::limits;
use crate::rules::Checks;
use crate::secret::{Secret, SecretKind};

impl Control {
    /// Who a bearer token stands for.
    ///
    /// # Errors
    /// [`ControlError::Unauthenticated`] for one that is unknown, expired or revoked.
    pub async fn authenticate(&self, bearer: &str) -> Result<Authority> {
        let secret = Secret::parse(bearer).ok_or(ControlError::Unauthenticated)?;
        let caller = match secret.kind() {
            SecretKind::Admin => self.inner.admin.matches(&secret).then_some(Caller::Admin),
            SecretKind::Api => self.token_caller(&secret).await?,
            SecretKind::Participant => self.member_caller(&secret).await?,
        };
        caller.map(Authority::of).ok_or(ControlError::Unauthenticated)
    }

    async fn token_caller(&self, secret: &Secret) -> Result<Option<Caller>> {
        let now = self.now();
        let mut conn = self.inner.db.read().await?;
        let found = repo::find_by_secret(&mut conn, &secret.hash().0, now).await?;
        drop(conn);
        let Some(token) = found else { return Ok(None) };
        if token.last_used_at.is_none_or(|at| at.plus_s(limits::TOKEN_TOUCH_S) <= now)
            && let Err(error) = self.touch(token.id).await
        {
            // The note is a convenience; a database that only reads must not lock everybody out.
            tracing::warn!(token.id = %token.id, error = %error, "a token's use could not be noted");
        }
        Ok(Some(Caller::Token { id: token.id, name: token.name, role: token.role }))
    }

    async fn touch(&self, id: TokenId) -> Result<()> {
        let mut conn = self.inner.db.begin().await?;
        repo::touch(&mut conn, id, self.now()).await?;
        Ok(conn.commit().await?)
    }

    async fn member_caller(&self, secret: &Secret) -> Result<Option<Caller>> {
        let mut conn = self.inner.db.read().await?;
        let found = participants::find_by_token(&mut conn, &secret.hash().0).await?;
        Ok(found.and_then(|row| match row.state {
            ParticipantState::Joining | ParticipantState::Connected | ParticipantState::Left => {
                Some(Caller::Member { session: row.session, participant: row.id, role: row.role })
            }
            ParticipantState::Kicked => None,
        }))
    }

    /// Makes an API token; the answer is the only place where its secret is shown.
    ///
    /// # Errors
    /// A missing right, values that break rules.
    pub async fn create_token(&self, authority: &Authority, wish: CreateToken) -> Result<CreatedToken> {
        authority.administer()?;
        let mut checks = Checks::default();
        checks.line("name", &wish.name, limits::NAME_CHARS_MAX);
        if wish.expires_in_s.is_some_and(|life| !limits::TOKEN_LIFE_S.contains(&life)) {
            let (least, most) = limits::TOKEN_LIFE_S.into_inner();
            checks.refuse("expires_in_s", format!("must be from {least} to {most}"));
        }
        checks.done()?;
        let now = self.now();
        let secret = Secret::generate(SecretKind::Api);
        let token = TokenRecord {
            id: TokenId::generate(),
            name: wish.name.trim().to_owned(),
            role: wish.role,
            created_at: now,
            expires_at: wish.expires_in_s.map(|life| now.plus_s(i64::from(life))),
            last_used_at: None,
        };
        let mut conn = self.inner.db.begin().await?;
        let (_, total) = repo::list(&mut conn, 0, 1).await?;
        if total >= limits::TOKENS_MAX {
            let most = limits::TOKENS_MAX;
            return Err(ControlError::Conflict(format!("there are {most} tokens already: revoke some first")));
        }
        repo::insert(&mut conn, &token, &secret.hash().0).await?;
        let about = json!({ "token_id": token.id, "name": token.name, "role": token.role });
        self.tell(&mut conn, "token.created", about).await?;
        self.commit(conn).await?;
        Ok(CreatedToken { token: to_api(token), secret: secret.expose().to_owned() })
    }

    /// A page of API tokens, newest first, without their secrets.
    ///
    /// # Errors
    /// A missing right.
    pub async fn list_tokens(&self, authority: &Authority, page: Page) -> Result<TokenList> {
        authority.administer()?;
        let mut conn = self.inner.db.read().await?;
        let (rows, total) = repo::list(&mut conn, page.offset, page.limit).await?;
        let pagination = page.envelope(total, rows.len());
        Ok(TokenList { tokens: rows.into_iter().map(to_api).collect(), pagination })
    }

    /// Revokes an API token at once. The sessions it made stay, for administrators.
    ///
    /// # Errors
    /// A missing right; [`ControlError::NotFound`].
    pub async fn revoke_token(&self, authority: &Authority, id: TokenId) -> Result<()> {
        authority.administer()?;
        let mut conn = self.inner.db.begin().await?;
        let gone = repo::delete(&mut conn, id).await?;
        if gone {
            self.tell(&mut conn, "token.revoked", json!({ "token_id": id })).await?;
        }
        self.commit(conn).await?;
        if gone { Ok(()) } else { Err(ControlError::NotFound("token")) }
    }
}

fn to_api(record: TokenRecord) -> Token {
    Token {
        id: record.id,
        name: record.name,
        role: record.role,
        created_at: Timestamp(record.created_at),
        expires_at: record.expires_at.map(Timestamp),
        last_used_at: record.last_used_at.map(Timestamp),
    }
}
