//! Who sees what, who may do what, and what values are refused.

use hd1_api::{
    ApiRole, CreateEntity, CreateSession, CreateToken, ErrorCode, PatchSession, SceneSource, SessionStatus, Visibility,
};
use hd1_control::testing::Stage;
use hd1_control::{Authority, ControlError, EntityRef, Expected, Lifecycle, Page, SessionQuery};
use hd1_core::{Role, SessionId};

use crate::{on_both, session, token};

on_both! {
    every_kind_of_caller_has_its_rights => rights;
    a_hidden_session_looks_like_none => hidden;
    bad_values_are_all_told => values;
    a_refused_scene_leaves_nothing => refused_scene;
    tokens_are_shown_once_and_end => tokens;
    a_change_is_made_to_the_version_it_was_meant_for => versions;
    entities_are_changed_by_those_who_moderate => entities;
}

async fn rights(stage: Stage) {
    let control = &stage.control;
    let owner = token(&stage, ApiRole::Developer).await;
    let mut wish = CreateSession::named("mine");
    wish.visibility = Visibility::Public;
    let id = control.create_session(&owner, wish).await.unwrap().id;

    let other = token(&stage, ApiRole::Developer).await;
    let viewer = token(&stage, ApiRole::Viewer).await;
    let second_admin = token(&stage, ApiRole::Admin).await;
    let anonymous = Authority::anonymous();
    let (ok, denied, login) = (None, Some(ErrorCode::Denied), Some(ErrorCode::Unauthenticated));
    // create, patch, pause and resume, look, list tokens
    let table = [
        ("admin", Authority::admin(), [ok, ok, ok, ok, ok]),
        ("second admin", second_admin, [ok, ok, ok, ok, ok]),
        ("owner", owner, [ok, ok, ok, ok, denied]),
        ("other", other, [ok, denied, denied, ok, denied]),
        ("viewer", viewer, [denied, denied, denied, ok, denied]),
        ("anonymous", anonymous, [login, login, login, login, login]),
    ];
    for (who, authority, expected) in table {
        let code = |result: Option<ControlError>| result.map(|error| error.code());
        let patch = PatchSession { description: Some(who.to_owned()), ..PatchSession::default() };
        let got = [
            code(control.create_session(&authority, CreateSession::named(who)).await.err()),
            code(control.patch_session(&authority, id, &Expected::Any, patch).await.err()),
            code(control.step(&authority, id, Lifecycle::Resume).await.err()),
            code(control.list_entities(&authority, id, None, None, Page::default()).await.err()),
            code(control.list_tokens(&authority, Page::default()).await.err()),
        ];
        assert_eq!(got, expected, "{who}");
    }
}

async fn hidden(stage: Stage) {
    let control = &stage.control;
    let id = session(&stage, Visibility::Private, true).await.id;
    let nobodys = SessionId::generate();
    for authority in [Authority::anonymous(), token(&stage, ApiRole::Developer).await] {
        for id in [id, nobodys] {
            let answers = [
                control.session(&authority, id).await.err().unwrap().to_string(),
                control.delete_session(&authority, id, &Expected::Any).await.err().unwrap().to_string(),
                control.step(&authority, id, Lifecycle::Stop).await.err().unwrap().to_string(),
                control.join(&authority, id, Default::default()).await.err().unwrap().to_string(),
                control.participants(&authority, id, false, Page::default()).await.err().unwrap().to_string(),
                control.stats(&authority, id).await.err().unwrap().to_string(),
            ];
            assert!(answers.iter().all(|answer| answer == "there is no such session"), "{answers:?}");
        }
        let listed = control.list_sessions(&authority, &SessionQuery::default()).await.unwrap();
        assert_eq!(listed.pagination.total, 0);
    }
    let unlisted = session(&stage, Visibility::Unlisted, true).await.id;
    let anonymous = Authority::anonymous();
    assert_eq!(control.session(&anonymous, unlisted).await.unwrap().id, unlisted);
    assert_eq!(control.list_sessions(&anonymous, &SessionQuery::default()).await.unwrap().pagination.total, 0);
}

async fn values(stage: Stage) {
    let mut wish = CreateSession::named(" ");
    wish.description = "x".repeat(2_001);
    wish.max_participants = 0;
    wish.seed = Some(1 << 53);
    wish.settings.guest_role = Role::Owner;
    wish.metadata.insert("k".to_owned(), "x".repeat(20_000).into());
    let refused = stage.control.create_session(&Authority::admin(), wish).await;
    let Err(ControlError::Invalid(errors)) = refused else { panic!("{refused:?}") };
    let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["name", "description", "max_participants", "settings.guest_role", "metadata", "seed"]);
    assert!(stage.worlds.lock().is_empty());

    let id = session(&stage, Visibility::Private, false).await.id;
    let patch = PatchSession { max_participants: Some(20_000), ..PatchSession::default() };
    let refused = stage.control.patch_session(&Authority::admin(), id, &Expected::Any, patch).await;
    assert_eq!(refused.err().unwrap().code(), ErrorCode::Invalid);
}

async fn refused_scene(stage: Stage) {
    let mut wish = CreateSession::named("x");
    wish.scene = Some(SceneSource::Library("broken".to_owned()));
    let refused = stage.control.create_session(&Authority::admin(), wish.clone()).await;
    let Err(ControlError::Invalid(errors)) = refused else { panic!("{refused:?}") };
    assert_eq!(errors[0].path, "scene.entities[3].components.Geometry.radius");
    wish.scene = Some(SceneSource::Library("fails".to_owned()));
    let failed = stage.control.create_session(&Authority::admin(), wish).await;
    assert_eq!(failed.err().unwrap().code(), ErrorCode::Internal);
    let listed = stage.control.list_sessions(&Authority::admin(), &SessionQuery::default()).await.unwrap();
    assert_eq!(listed.pagination.total, 0);

    let made = session(&stage, Visibility::Private, false).await;
    assert_eq!((made.status, made.tick_rate.hz()), (SessionStatus::Running, 20), "the scene's own rate");
}

async fn versions(stage: Stage) {
    let (control, admin) = (&stage.control, Authority::admin());
    let made = session(&stage, Visibility::Private, false).await;
    assert_eq!(made.version, 1);
    let rename = |name: &str| PatchSession { name: Some(name.to_owned()), ..PatchSession::default() };
    // Eight who have all read version 1: one changes it, the others are told.
    let changes = (0..8).map(|n| {
        let (control, patch) = (stage.control.clone(), rename(&format!("by {n}")));
        tokio::spawn(async move {
            control.patch_session(&Authority::admin(), made.id, &Expected::OneOf(vec![1]), patch).await
        })
    });
    let mut changed = Vec::new();
    for change in changes.collect::<Vec<_>>() {
        match change.await.unwrap() {
            Ok(session) => changed.push(session),
            Err(ControlError::Stale { version: 2, .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((changed.len(), changed[0].version), (1, 2));
    // What happens to the world is no change of what the owner sets.
    control.step(&admin, made.id, Lifecycle::Pause).await.unwrap();
    assert_eq!(control.session(&admin, made.id).await.unwrap().version, 2);

    let stale = control.delete_session(&admin, made.id, &Expected::OneOf(vec![1, 7])).await.err().unwrap();
    assert_eq!(stale.code(), ErrorCode::PreconditionFailed);
    assert_eq!(stale.to_string(), "the session is at version 2 now: read it again and decide anew");
    assert!(stage.worlds.lock().contains_key(&made.id), "nothing was ended");
    control.delete_session(&admin, made.id, &Expected::OneOf(vec![2])).await.unwrap();
}

async fn tokens(stage: Stage) {
    let control = &stage.control;
    let wish = CreateToken { name: "ci".to_owned(), role: ApiRole::Viewer, expires_in_s: Some(60) };
    let made = control.create_token(&Authority::admin(), wish.clone()).await.unwrap();
    assert!(control.authenticate(&made.secret).await.is_ok());
    let listed = control.list_tokens(&Authority::admin(), Page::default()).await.unwrap();
    assert!(listed.tokens[0].last_used_at.is_some());
    assert!(!serde_json::to_string(&listed).unwrap().contains(&made.secret));
    stage.clock.advance_s(60);
    assert_eq!(control.authenticate(&made.secret).await.err().unwrap().code(), ErrorCode::Unauthenticated);

    let made = control.create_token(&Authority::admin(), wish).await.unwrap();
    control.revoke_token(&Authority::admin(), made.token.id).await.unwrap();
    assert!(control.authenticate(&made.secret).await.is_err());
    assert_eq!(control.authenticate(stage.admin.expose()).await.unwrap(), Authority::admin());
    for text in ["", "Bearer", "hd1a_", &format!("{}x", stage.admin.expose()), &made.secret.replace("hd1t_", "hd1a_")] {
        assert!(control.authenticate(text).await.is_err(), "{text}");
    }
}

async fn entities(stage: Stage) {
    let control = &stage.control;
    let id = session(&stage, Visibility::Public, true).await.id;
    let admin = Authority::admin();
    let components = serde_json::Map::from_iter([("Label".to_owned(), serde_json::json!({"text": "hi"}))]);
    let wish = CreateEntity { name: Some("sign".to_owned()), components };
    let made = control.create_entity(&admin, id, wish.clone()).await.unwrap();
    let named = EntityRef::parse("sign");
    assert_eq!(control.entity(&Authority::anonymous(), id, &named).await.unwrap(), made);
    assert_eq!(control.entity(&admin, id, &EntityRef::parse("1")).await.unwrap(), made);

    let patch = hd1_api::PatchEntity {
        name: None,
        components: serde_json::from_str(r#"{"Label": null, "Transform": {}}"#).unwrap(),
    };
    let changed = control.patch_entity(&admin, id, named.clone(), patch).await.unwrap();
    assert_eq!(changed.components.keys().collect::<Vec<_>>(), ["Transform"]);

    let guest = control.join(&Authority::anonymous(), id, Default::default()).await.unwrap();
    let guest = control.authenticate(guest.participant_token.unwrap().expose()).await.unwrap();
    assert_eq!(control.create_entity(&guest, id, wish).await.err().unwrap().code(), ErrorCode::Denied);
    assert_eq!(control.delete_entity(&guest, id, named.clone()).await.err().unwrap().code(), ErrorCode::Denied);
    control.delete_entity(&admin, id, named.clone()).await.unwrap();
    assert_eq!(control.entity(&admin, id, &named).await.err().unwrap().code(), ErrorCode::NotFound);
}
