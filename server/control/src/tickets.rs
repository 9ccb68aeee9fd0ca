//! Tickets: the signed, short-lived, single-use right to connect to one session as one participant.
//!
//! An EdDSA JWS with its own `typ` and its own key. It is judged in a fixed order, cheap checks first, and every
//! failure looks the same from outside. Time is judged here and not by the JWS library, because the clock is ours.

use hd1_core::{Micros, ParticipantId, Role, SessionId};
use hd1_store::{participants, tickets};
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::control::Control;
use crate::error::{ControlError, Result};
use crate::limits::{ENTER_S, TICKET_BYTES_MAX, TICKET_LIFE_S, TICKET_SKEW_S};
use crate::secret::random;

const TYP: &str = "hd1-ticket+jwt";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: ParticipantId,
    sid: SessionId,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Who got in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Where.
    pub session: SessionId,
    /// Under which membership.
    pub participant: ParticipantId,
    /// The name others see.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// Why nobody got in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketRefused {
    /// The ticket is not good; which check it failed is nobody's business.
    #[error("the ticket is not good")]
    NotGood,
    /// The database did not answer; the ticket may still be good.
    #[error("tickets cannot be checked now")]
    Unavailable,
}

/// A ticket about to be signed.
pub(crate) struct NewTicket {
    pub(crate) jti: String,
    pub(crate) expires_at: Micros,
    text: String,
}

impl NewTicket {
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

impl Control {
    pub(crate) fn sign_ticket(&self, session: SessionId, participant: ParticipantId, now: Micros) -> Result<NewTicket> {
        // Whole seconds on the wire; the row expires at the very second that the ticket names.
        let iat = now.0.div_euclid(1_000_000);
        let exp = iat + i64::from(TICKET_LIFE_S);
        let claims = Claims {
            iss: self.inner.issuer.clone(),
            aud: format!("rt:{session}"),
            sub: participant,
            sid: session,
            jti: hex::encode(random::<16>()),
            iat,
            nbf: iat,
            exp,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYP.to_owned());
        header.kid = Some(self.inner.ticket_key.id.clone());
        let text = jsonwebtoken::encode(&header, &claims, &self.inner.ticket_key.signing)
            .map_err(|error| ControlError::Failed(format!("cannot sign a ticket: {error}")))?;
        Ok(NewTicket { jti: claims.jti, expires_at: Micros(exp * 1_000_000), text })
    }

    /// Uses a ticket up and lets its participant in; its place is kept while it enters. Of any number of callers with the same ticket one succeeds.
    ///
    /// # Errors
    /// [`TicketRefused`]; a refused ticket changes nothing.
    pub async fn redeem_ticket(&self, text: &str) -> Result<Admission, TicketRefused> {
        let now = self.now();
        let claims = self.verify_ticket(text, now).ok_or(TicketRefused::NotGood)?;
        let admitted = self.admit(&claims, now).await;
        match admitted {
            Ok(Some(admission)) => Ok(admission),
            Ok(None) => Err(TicketRefused::NotGood),
            Err(error) => {
                tracing::warn!(session.id = %claims.sid, error = %error, "a ticket could not be checked");
                Err(TicketRefused::Unavailable)
            }
        }
    }

    fn verify_ticket(&self, text: &str, now: Micros) -> Option<Claims> {
        if text.len() > TICKET_BYTES_MAX {
            return None;
        }
        let header = jsonwebtoken::decode_header(text).ok()?;
        let key = &self.inner.ticket_key;
        if header.typ.as_deref() != Some(TYP)
            || header.alg != Algorithm::EdDSA
            || header.kid.as_deref() != Some(key.id.as_str())
        {
            return None;
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
        validation.set_issuer(&[&self.inner.issuer]);
        // The audience is compared below, with the session that the same ticket names.
        validation.validate_aud = false;
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let claims = jsonwebtoken::decode::<Claims>(text, &key.verifying, &validation).ok()?.claims;
        let second = now.0.div_euclid(1_000_000);
        let good = claims.iss == self.inner.issuer
            && claims.aud == format!("rt:{}", claims.sid)
            && second < claims.exp
            && claims.exp - claims.iat <= i64::from(TICKET_LIFE_S)
            && second + TICKET_SKEW_S >= claims.nbf
            && second + TICKET_SKEW_S >= claims.iat;
        good.then_some(claims)
    }

    async fn admit(&self, claims: &Claims, now: Micros) -> Result<Option<Admission>> {
        let mut conn = self.inner.db.begin().await?;
        if !tickets::redeem(&mut conn, &claims.jti, claims.sid, claims.sub, now).await? {
            return Ok(None);
        }
        let held_until = now.plus_s(ENTER_S);
        let Some(row) = participants::admit(&mut conn, claims.sid, claims.sub, held_until, now).await? else {
            return Ok(None);
        };
        conn.commit().await?;
        Ok(Some(Admission { session: row.session, participant: row.id, name: row.name, role: row.role }))
    }
}
