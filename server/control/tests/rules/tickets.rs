//! Tickets: what opens the door once, and the many that do not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use hd1_api::{JoinRequest, Visibility};
use hd1_control::testing::Stage;
use hd1_control::{Authority, TicketRefused};
use hd1_core::Role;
use serde_json::{Value, json};

use crate::{on_both, session};

on_both! {
    a_ticket_opens_once => once;
    of_many_with_the_same_ticket_one_gets_in => race;
    forgeries_are_refused_alike => forgeries;
}

async fn ticket(stage: &Stage) -> (hd1_core::SessionId, String) {
    let id = session(stage, Visibility::Public, true).await.id;
    let wish = JoinRequest { name: Some("Ada".to_owned()), ..JoinRequest::default() };
    (id, stage.control.join(&Authority::anonymous(), id, wish).await.unwrap().ticket)
}

fn part(ticket: &str, n: usize) -> Value {
    serde_json::from_slice(&B64.decode(ticket.split('.').nth(n).unwrap()).unwrap()).unwrap()
}

fn with_part(ticket: &str, n: usize, value: &Value) -> String {
    let mut parts: Vec<String> = ticket.split('.').map(str::to_owned).collect();
    parts[n] = B64.encode(value.to_string());
    parts.join(".")
}

async fn once(stage: Stage) {
    let (id, ticket) = ticket(&stage).await;
    assert_eq!((&part(&ticket, 0)["typ"], &part(&ticket, 0)["alg"]), (&json!("hd1-ticket+jwt"), &json!("EdDSA")));
    let claims = part(&ticket, 1);
    assert_eq!(claims["aud"], format!("rt:{id}"));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
    let admission = stage.control.redeem_ticket(&ticket).await.unwrap();
    assert_eq!((admission.session, admission.name.as_str(), admission.role), (id, "Ada", Role::Participant));
    assert_eq!(stage.control.redeem_ticket(&ticket).await, Err(TicketRefused::NotGood));
}

async fn race(stage: Stage) {
    let (_, ticket) = ticket(&stage).await;
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (control, ticket) = (stage.control.clone(), ticket.clone());
            tokio::spawn(async move { control.redeem_ticket(&ticket).await.is_ok() })
        })
        .collect();
    let mut admitted = 0;
    for task in tasks {
        admitted += usize::from(task.await.unwrap());
    }
    assert_eq!(admitted, 1);
}

async fn forgeries(stage: Stage) {
    let (_, good) = ticket(&stage).await;
    let (_, other) = ticket(&stage).await;
    let (header, claims) = (part(&good, 0), part(&good, 1));
    let header_with = |key: &str, value: Value| {
        let mut header = header.clone();
        header[key] = value;
        with_part(&good, 0, &header)
    };
    let claims_with = |key: &str, value: Value| {
        let mut claims = claims.clone();
        claims[key] = value;
        with_part(&good, 1, &claims)
    };
    let mut forged = vec![
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "x".repeat(4_096),
        good[..good.len() - 4].to_owned(),
        good.rsplit_once('.').unwrap().0.to_owned() + ".",
        header_with("alg", json!("none")),
        header_with("alg", json!("HS256")),
        header_with("typ", json!("JWT")),
        header_with("kid", json!("0000")),
        claims_with("aud", json!("rt:everything")),
        claims_with("sid", part(&other, 1)["sid"].clone()),
        claims_with("sub", part(&other, 1)["sub"].clone()),
        claims_with("jti", part(&other, 1)["jti"].clone()),
        claims_with("exp", json!(4_000_000_000_i64)),
        format!("{}.{}", good.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1),
    ];
    // Signed well, by the key of another installation.
    let elsewhere = stage.restarted().await;
    forged.push(self::ticket(&elsewhere).await.1);
    for ticket in &forged {
        assert_eq!(stage.control.redeem_ticket(ticket).await, Err(TicketRefused::NotGood), "{ticket}");
    }
    // A clock that was set back a little does no harm; one that was set back far does not bring a ticket forward.
    stage.clock.advance_s(-6);
    assert_eq!(stage.control.redeem_ticket(&good).await, Err(TicketRefused::NotGood), "not yet");
    stage.clock.advance_s(6 + 60);
    assert_eq!(stage.control.redeem_ticket(&good).await, Err(TicketRefused::NotGood), "too late");
    stage.clock.advance_s(-1);
    stage.control.redeem_ticket(&good).await.unwrap();
}
