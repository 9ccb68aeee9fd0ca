//! API tokens: found by their secret's hash while they are good.

use hd1_api::{ApiRole, TokenId};
use hd1_store::tokens::{self, TokenRecord};
use hd1_store::{Db, StoreError};

use crate::{NOW, on_both};

on_both! {
    tokens_live_until_they_expire_or_are_revoked => life;
}

async fn life(db: Db) {
    let mut conn = db.begin().await.unwrap();
    let token = TokenRecord {
        id: TokenId::generate(),
        name: "ci".to_owned(),
        role: ApiRole::Developer,
        created_at: NOW,
        expires_at: Some(NOW.plus_s(60)),
        last_used_at: None,
    };
    tokens::insert(&mut conn, &token, &[7; 32]).await.unwrap();
    conn.commit().await.unwrap();

    let mut conn = db.begin().await.unwrap();
    let again = TokenRecord { id: TokenId::generate(), ..token.clone() };
    assert!(matches!(tokens::insert(&mut conn, &again, &[7; 32]).await, Err(StoreError::Duplicate)));
    drop(conn);

    let mut conn = db.begin().await.unwrap();
    assert_eq!(tokens::find_by_secret(&mut conn, &[7; 32], NOW).await.unwrap(), Some(token.clone()));
    assert_eq!(tokens::find_by_secret(&mut conn, &[8; 32], NOW).await.unwrap(), None);
    assert_eq!(tokens::find_by_secret(&mut conn, &[7; 32], NOW.plus_s(60)).await.unwrap(), None, "expired");
    tokens::touch(&mut conn, token.id, NOW.plus_s(5)).await.unwrap();
    let (listed, total) = tokens::list(&mut conn, 0, 10).await.unwrap();
    assert_eq!((listed[0].last_used_at, total), (Some(NOW.plus_s(5)), 1));
    assert!(tokens::delete(&mut conn, token.id).await.unwrap());
    assert!(!tokens::delete(&mut conn, token.id).await.unwrap());
    assert_eq!(tokens::find_by_secret(&mut conn, &[7; 32], NOW).await.unwrap(), None, "revoked");
}
