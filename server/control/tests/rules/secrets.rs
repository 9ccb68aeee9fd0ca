//! Secrets of services: who sets them, for whom they open, and what becomes of them.

use hd1_api::{ApiRole, ErrorCode, PluginSecret, SetPluginSecret};
use hd1_control::testing::{Stage, TestPackage};
use hd1_control::{Authority, ControlError, PluginId};
use serde_json::json;

use crate::{on_both, token};

on_both! {
    a_secret_is_for_its_plugin_alone => secrets;
    a_secret_does_not_open_with_another_key_or_in_another_place => sealed;
}

async fn install(stage: &Stage, id: &str, version: &str, rights: &[&str]) -> PluginId {
    let package = TestPackage::new(id, version).service(json!({ "abi": 1 }), rights);
    stage.control.install_plugin(&Authority::admin(), package.bytes()).await.unwrap();
    id.parse().unwrap()
}

fn value(value: &str) -> SetPluginSecret {
    SetPluginSecret { value: value.to_owned() }
}

async fn secrets(stage: Stage) {
    let (control, admin) = (&stage.control, Authority::admin());
    let hello = install(&stage, "acme:hello", "1.0.0", &["secret:TOKEN", "secret:A", "kv"]).await;
    let other = install(&stage, "acme:other", "1.0.0", &["kv"]).await;
    control.set_plugin_secret(&admin, &hello, "TOKEN", value("one")).await.unwrap();
    control.set_plugin_secret(&admin, &hello, "TOKEN", value("two")).await.unwrap();
    assert_eq!(control.plugin_secret("acme:hello", "TOKEN").await.unwrap().unwrap(), "two");
    assert_eq!(control.plugin_secret("acme:hello", "A").await.unwrap(), None);
    assert_eq!(control.plugin_secret("acme:other", "TOKEN").await.unwrap(), None);
    let names = async || -> Vec<(String, bool, bool)> {
        let list = control.plugin_secrets(&admin, &hello).await.unwrap().secrets;
        list.into_iter().map(|PluginSecret { name, asked, set_at }| (name, asked, set_at.is_some())).collect()
    };
    assert_eq!(names().await, [("A".to_owned(), true, false), ("TOKEN".to_owned(), true, true)]);

    // Who may not, what is not asked for, what is no value.
    let developer = token(&stage, ApiRole::Developer).await;
    for authority in [&developer, &Authority::anonymous()] {
        assert!(control.set_plugin_secret(authority, &hello, "TOKEN", value("x")).await.is_err());
        assert!(control.plugin_secrets(authority, &hello).await.is_err());
        assert!(control.remove_plugin_secret(authority, &hello, "TOKEN").await.is_err());
    }
    for (plugin, name, text, path, told) in [
        (&hello, "KEY", "x", "name", "it asks for A, TOKEN"),
        (&other, "KEY", "x", "name", "it asks for none"),
        (&hello, "TOKEN", "", "value", "1 to 8192 bytes, not 0"),
        (&hello, "TOKEN", &"x".repeat(8_193), "value", "1 to 8192 bytes, not 8193"),
    ] {
        let refused = control.set_plugin_secret(&admin, plugin, name, value(text)).await;
        let Err(ControlError::Invalid(errors)) = refused else { panic!("{refused:?}") };
        assert_eq!(errors[0].path, path);
        assert!(errors[0].message.contains(told), "{errors:?}");
    }
    let long = "\u{e9}".repeat(4_096);
    control.set_plugin_secret(&admin, &hello, "A", value(&long)).await.unwrap();
    assert_eq!(control.plugin_secret("acme:hello", "A").await.unwrap().unwrap(), long);

    // A version that asks for less leaves it to be removed, or to be had again.
    install(&stage, "acme:hello", "2.0.0", &["secret:A"]).await;
    assert_eq!(names().await, [("A".to_owned(), true, true), ("TOKEN".to_owned(), false, true)]);
    control.remove_plugin_secret(&admin, &hello, "TOKEN").await.unwrap();
    for name in ["TOKEN", "a/b", "a\0b", ""] {
        let gone = control.remove_plugin_secret(&admin, &hello, name).await.err().unwrap();
        assert_eq!(gone.to_string(), "there is no such secret", "{name:?}");
    }
    control.uninstall_plugin(&admin, &hello).await.unwrap();
    assert_eq!(control.plugin_secret("acme:hello", "A").await.unwrap(), None);
    let gone = control.set_plugin_secret(&admin, &hello, "A", value("x")).await.err().unwrap();
    assert_eq!(gone.code(), ErrorCode::NotFound);
    assert!(!format!("{:?}", value("hush")).contains("hush"));
}

async fn sealed(stage: Stage) {
    let admin = Authority::admin();
    let hello = install(&stage, "acme:hello", "1.0.0", &["secret:TOKEN", "secret:A"]).await;
    stage.control.set_plugin_secret(&admin, &hello, "TOKEN", value("hush")).await.unwrap();
    let mut conn = stage.db.begin().await.unwrap();
    let row = hd1_store::plugin_secrets::find(&mut conn, "acme:hello", "TOKEN").await.unwrap().unwrap();
    assert!(!row.windows(4).any(|bytes| bytes == b"hush"));
    hd1_store::plugin_secrets::put(&mut conn, "acme:hello", "A", &row, hd1_core::Micros(0)).await.unwrap();
    conn.commit().await.unwrap();
    let moved = stage.control.plugin_secret("acme:hello", "A").await.err().unwrap();
    assert_eq!(moved.code(), ErrorCode::Internal);
    // Another data folder has another key.
    let restarted = stage.restarted().await;
    assert_eq!(restarted.control.plugin_secret("acme:hello", "TOKEN").await.err().unwrap().code(), ErrorCode::Internal);
    assert_eq!(restarted.control.plugin_secrets(&admin, &hello).await.unwrap().secrets.len(), 2);
    restarted.control.set_plugin_secret(&admin, &hello, "TOKEN", value("anew")).await.unwrap();
    assert_eq!(restarted.control.plugin_secret("acme:hello", "TOKEN").await.unwrap().unwrap(), "anew");
}
