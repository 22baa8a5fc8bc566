//! Accounts, sharing and keys over a real server in this process: what the engine promises its shells.

use holdfast_crypto::rsa::Bits;
use holdfast_crypto::{MIN_LOG2_N, Phrase};
use holdfast_engine::ports::Clock;
use holdfast_engine::{Error, Host, NewKeys, NewSecret, Quick, Session, find_item, forbid_quick_unlock, quick_unlock};
use holdfast_protocol::SecretText;
use holdfast_protocol::entry::Role;
use holdfast_protocol::id::SpaceId;
use holdfast_protocol::item::{Audience, Content, Field, ItemKind, PinState, SecretType};
use holdfast_testkit::{Stage, phrase};
use zeroize::Zeroizing;

fn text(value: &str) -> SecretText {
    SecretText::new(Zeroizing::new(value.to_owned()))
}

fn token(name: &str, value: &str) -> NewSecret {
    NewSecret {
        secret_type: SecretType::Git,
        name: name.to_owned(),
        description: String::new(),
        tags: Vec::new(),
        fields: vec![Field {
            name: "token".into(),
            value: text(value),
        }],
        audience: Audience::default(),
        expires_ms: None,
    }
}

async fn value(session: &Session, space: SpaceId, name: &str) -> Option<String> {
    let view = session.view(space).await.ok()?;
    let item = find_item(&view.space, &[ItemKind::Secret], name, false).ok()?;
    match &item.versions.last()?.content {
        Content::Fields { fields, .. } => Some(fields.first()?.value.expose().to_owned()),
        _ => None,
    }
}

fn new_keys(leaked: bool) -> NewKeys {
    NewKeys {
        bits: None,
        leaked,
        ..NewKeys::at(MIN_LOG2_N)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sharing_lets_in_and_removal_closes() {
    let stage = Stage::new().await;
    let (ana, ben) = tokio::join!(stage.person("ana@example.org"), stage.person("ben@example.org"));
    let space = ana
        .create_project("Scans", true)
        .await
        .expect("a project")
        .authority()
        .space();
    ana.add_secret(space, token("GitHub", "before"))
        .await
        .expect("a secret");
    let person = ana
        .share(space, "ben@example.org", Role::Contributor)
        .await
        .expect("sharing");
    assert_eq!(person.state, PinState::NotChecked);
    assert_eq!(value(&ben, space, "GitHub").await.as_deref(), Some("before"));
    ben.add_secret(space, token("AWS", "from ben"))
        .await
        .expect("a contributor adds");
    assert_eq!(value(&ana, space, "AWS").await.as_deref(), Some("from ben"));

    let could_open = ana.remove_member(space, ben.principal()).await.expect("removing");
    assert_eq!(could_open.secrets.len(), 2);
    ana.edit_secret(space, "GitHub", None, |fields, _| {
        fields[0].value = text("after");
        Ok(())
    })
    .await
    .expect("an edit");
    assert_eq!(value(&ana, space, "GitHub").await.as_deref(), Some("after"));
    // What he saw he may keep; what came after he can't read, and he can't write.
    assert_eq!(value(&ben, space, "GitHub").await.as_deref(), Some("before"));
    let refused = ben.add_secret(space, token("x", "y")).await;
    assert!(matches!(refused, Err(Error::NotAllowed(_))), "{:?}", refused.err());

    // Let in again, he reads everything.
    ana.share(space, "ben@example.org", Role::Reader)
        .await
        .expect("sharing again");
    assert_eq!(value(&ben, space, "GitHub").await.as_deref(), Some("after"));
    let refused = ben.add_secret(space, token("x", "y")).await;
    assert!(matches!(refused, Err(Error::NotAllowed(_))), "{:?}", refused.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standard_project_shares_and_holds_no_secrets() {
    let stage = Stage::new().await;
    let (ana, ben) = tokio::join!(stage.person("ana@example.org"), stage.person("ben@example.org"));
    let space = ana
        .create_project("Open", false)
        .await
        .expect("a project")
        .authority()
        .space();
    let refused = ana.add_secret(space, token("x", "y")).await.err();
    assert!(
        refused
            .as_ref()
            .is_some_and(|error| error.code() == "not-allowed" && error.next().contains("encrypted project")),
        "{refused:?}"
    );
    ana.share(space, "ben@example.org", Role::Contributor)
        .await
        .expect("sharing");
    ben.rename_project(space, "Opened")
        .await
        .expect("a contributor renames");
    assert_eq!(ana.view(space).await.expect("a view").space.contents().name(), "Opened");
    ana.remove_member(space, ben.principal()).await.expect("removing");
    assert_eq!(ana.view(space).await.expect("a view").space.authority().epoch(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_makes_the_next_owner_renew_the_key() {
    let stage = Stage::new().await;
    let (ana, ben) = tokio::join!(stage.person("ana@example.org"), stage.person("ben@example.org"));
    let space = ana
        .create_project("Scans", true)
        .await
        .expect("a project")
        .authority()
        .space();
    ana.share(space, "ben@example.org", Role::Reader)
        .await
        .expect("sharing");
    let refused = ana.leave(space).await.err();
    assert!(
        refused
            .as_ref()
            .is_some_and(|error| error.code() == "not-allowed" && error.next().contains("project role")),
        "the last owner left: {refused:?}"
    );
    ben.leave(space).await.expect("leaving");
    // Whatever the owner writes next is under a new key, whether or not upkeep ran before.
    ana.rename_project(space, "Scans 2").await.expect("a change");
    assert_eq!(ana.view(space).await.expect("a view").space.authority().epoch(), 1);
    ana.share(space, "ben@example.org", Role::Reader)
        .await
        .expect("sharing again");
    ben.leave(space).await.expect("leaving");
    assert_eq!(ana.upkeep(space).await.expect("upkeep").rotated, 1);
    assert_eq!(ana.view(space).await.expect("a view").space.authority().epoch(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_device_has_everything_and_a_wrong_phrase_nothing() {
    let stage = Stage::new().await;
    let ana = stage.person("ana@example.org").await;
    let vault = ana.account().vault;
    ana.add_secret(vault, token("GitHub", "mine")).await.expect("a secret");
    let wrong = Session::sign_in(
        stage.device("laptop").await,
        "ana@example.org",
        &phrase("somebody else"),
    )
    .await;
    assert!(matches!(wrong, Err(Error::SignInRefused)));
    let nobody = Session::sign_in(
        stage.device("laptop").await,
        "zoe@example.org",
        &phrase("zoe@example.org"),
    )
    .await;
    assert!(
        matches!(nobody, Err(Error::SignInRefused)),
        "an unknown handle looks like a wrong Master Key"
    );
    let laptop = Session::sign_in(
        stage.device("laptop").await,
        "ana@example.org",
        &phrase("ana@example.org"),
    )
    .await
    .expect("signing in");
    assert_eq!(value(&laptop, vault, "GitHub").await.as_deref(), Some("mine"));
    assert_eq!(
        laptop.display_name().await.expect("a name").as_deref(),
        Some("ana@example.org")
    );
    // And again from its own store.
    drop(laptop);
    let laptop = Session::unlock(stage.device("laptop").await, &phrase("ana@example.org"))
        .await
        .expect("unlocking");
    assert_eq!(value(&laptop, vault, "GitHub").await.as_deref(), Some("mine"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_change_reaches_every_device_and_every_project() {
    let stage = Stage::new().await;
    let (ana, ben) = tokio::join!(stage.person("ana@example.org"), stage.person("ben@example.org"));
    let space = ana
        .create_project("Scans", true)
        .await
        .expect("a project")
        .authority()
        .space();
    ana.add_secret(space, token("GitHub", "kept")).await.expect("a secret");
    ben.create_project("Ben's", true).await.expect("a project");
    ana.share(space, "ben@example.org", Role::Owner).await.expect("sharing");
    ana.verify_person("ben@example.org", &own_words(&ben).await)
        .await
        .expect("Ben's words");

    let old = Session::sign_in(
        stage.device("old laptop").await,
        "ben@example.org",
        &phrase("ben@example.org"),
    )
    .await
    .expect("signing in");
    let new_phrase = Phrase::new("an entirely new master key for ben").expect("a phrase");
    ben.change_keys(&new_phrase, new_keys(true))
        .await
        .expect("a key change");
    assert_eq!(value(&ben, space, "GitHub").await.as_deref(), Some("kept"));
    assert!(
        ana.view(space).await.expect("a view").space.authority().epoch() >= 1,
        "a leak renews the keys"
    );

    // The old phrase signs in nowhere; the old device is told.
    let refused = Session::sign_in(stage.device("new").await, "ben@example.org", &phrase("ben@example.org")).await;
    assert!(matches!(refused, Err(Error::SignInRefused)));
    let told = old.check_account().await;
    assert!(matches!(told, Err(Error::KeysChanged(_))), "{:?}", told.err());
    drop(old);
    // The new phrase opens the old laptop's profile, with what it had.
    let laptop = Session::sign_in(stage.device("old laptop").await, "ben@example.org", &new_phrase)
        .await
        .expect("signing in with the new phrase");
    assert_eq!(value(&laptop, space, "GitHub").await.as_deref(), Some("kept"));
    drop(laptop);
    Session::unlock(stage.device("old laptop").await, &new_phrase)
        .await
        .expect("unlocking with the new phrase");

    // For Ana he was checked; now his keys are changed, confirmed by the old ones.
    let person = ana.person("ben@example.org").await.expect("Ben");
    assert_eq!(person.state, PinState::Changed);
    assert_eq!(person.words().join(" "), own_words(&ben).await);
}

/// A clock that is some days ahead.
struct Ahead(u64);

impl Clock for Ahead {
    fn now_ms(&self) -> u64 {
        holdfast_device::SystemClock.now_ms() + self.0 * 24 * 3600 * 1000
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keychain_opens_a_device_until_something_ends_it() {
    let stage = Stage::new().await;
    let ana = stage.person("ana@example.org").await;
    let vault = ana.account().vault;
    ana.add_secret(vault, token("GitHub", "mine")).await.expect("a secret");
    let ana_phrase = phrase("ana@example.org");
    let laptop = Session::sign_in(stage.device("laptop").await, "ana@example.org", &ana_phrase)
        .await
        .expect("signing in");
    let host = || stage.device("laptop");
    let quick = async || quick_unlock(&stage.device("laptop").await).await.expect("the store");
    assert_eq!(quick().await, Quick::Off);
    let first = laptop.allow_quick_unlock().await.expect("quick unlock");
    let key = laptop.allow_quick_unlock().await.expect("another key");
    drop(laptop);
    assert_eq!(quick().await, Quick::Ready);

    // The key of the newest box opens, no other, and not after two weeks.
    let refused = Session::unlock_quickly(host().await, &first).await;
    assert!(matches!(refused, Err(Error::Keychain(_))), "{:?}", refused.err());
    let later = Host {
        clock: std::sync::Arc::new(Ahead(15)),
        ..host().await
    };
    assert_eq!(quick_unlock(&later).await.expect("the store"), Quick::Due);
    let refused = Session::unlock_quickly(later, &key).await;
    assert!(matches!(refused, Err(Error::Keychain(_))), "{:?}", refused.err());
    let laptop = Session::unlock_quickly(host().await, &key).await.expect("unlocking");
    assert_eq!(value(&laptop, vault, "GitHub").await.as_deref(), Some("mine"));

    // Signed out from elsewhere: the Master Key has to be typed.
    let devices = laptop.api().devices().await.expect("devices");
    let current = devices.iter().find(|device| device.current).expect("this one");
    ana.api().remove_device(current.id).await.expect("signing it out");
    for _ in 0..2 {
        let refused = laptop.check_account().await;
        assert!(matches!(refused, Err(Error::Locked)), "{:?}", refused.err());
    }
    assert_eq!(quick().await, Quick::Off);
    let refused = Session::unlock_quickly(host().await, &key).await;
    assert!(matches!(refused, Err(Error::Keychain(_))), "{:?}", refused.err());
    let laptop = Session::unlock(host().await, &ana_phrase).await.expect("unlocking");
    laptop.check_account().await.expect("signed in again");

    // Switched off, or with other keys: nothing is left to open.
    laptop.allow_quick_unlock().await.expect("quick unlock");
    forbid_quick_unlock(&host().await).await.expect("switched off");
    assert_eq!(quick().await, Quick::Off);
    laptop.allow_quick_unlock().await.expect("quick unlock");
    let new_phrase = Phrase::new("an entirely new master key for ana").expect("a phrase");
    laptop
        .change_keys(&new_phrase, new_keys(false))
        .await
        .expect("a key change");
    assert_eq!(quick().await, Quick::Off);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_were_refused_are_remembered() {
    let stage = Stage::new().await;
    let ana = stage.person("ana@example.org").await;
    assert!(ana.refused_words().await.expect("none").is_empty());
    ana.refuse_words("ben@example.org", Some("a b c d e f"))
        .await
        .expect("kept");
    drop(ana);
    let again = Session::unlock(stage.device("ana@example.org").await, &phrase("ana@example.org"))
        .await
        .expect("unlocking");
    let refused = again.refused_words().await.expect("one");
    assert_eq!(refused.get("ben@example.org").map(String::as_str), Some("a b c d e f"));
    again.refuse_words("ben@example.org", None).await.expect("taken back");
    assert!(again.refused_words().await.expect("none").is_empty());
}

async fn own_words(session: &Session) -> String {
    let person = session
        .known_person(session.principal())
        .await
        .expect("myself")
        .expect("myself");
    person.words().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kit_alone_recovers_the_account() {
    let stage = Stage::new().await;
    let (ana, kit) = stage.person_with("ana@example.org", true).await;
    let kit = kit.expect("a kit");
    let vault = ana.account().vault;
    ana.add_secret(vault, token("GitHub", "mine")).await.expect("a secret");
    ana.test_kit(&kit.code).await.expect("the kit works");
    drop(ana);
    let new_phrase = Phrase::new("found again by means of the kit").expect("a phrase");
    let bad = Session::recover(
        stage.device("bare").await,
        "one two three",
        &new_phrase,
        new_keys(false),
    )
    .await;
    assert!(matches!(bad, Err(Error::Invalid(_))));
    let (ana, none) = Session::recover(stage.device("bare").await, &kit.code, &new_phrase, new_keys(false))
        .await
        .expect("recovery");
    assert!(none.is_none());
    assert_eq!(value(&ana, vault, "GitHub").await.as_deref(), Some("mine"));
    // The kit ended with the keys it belonged to.
    assert!(ana.test_kit(&kit.code).await.is_err());
    let (kit, sealed) = ana.make_kit().await.expect("a kit");
    assert!(
        ana.test_kit(&kit.code).await.is_err(),
        "it counts once the server has it"
    );
    ana.replace_kit(&sealed).await.expect("a new kit");
    ana.test_kit(&kit.code).await.expect("the new kit works");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_checks_both_sides() {
    let stage = Stage::new().await;
    let ana = stage.person("ana@example.org").await;
    let space = ana
        .create_project("Scans", true)
        .await
        .expect("a project")
        .authority()
        .space();
    ana.add_secret(space, token("GitHub", "for the newcomer"))
        .await
        .expect("a secret");
    let invitation = ana
        .invite(space, "ben@example.org", Role::Reader)
        .await
        .expect("an invitation");
    let text = invitation.text();
    let ben = stage.person("ben@example.org").await;
    let parsed = holdfast_engine::Invitation::parse(&text).expect("the text is an invitation");
    assert_eq!(
        ben.accept_invitation(&parsed).await.expect("accepting"),
        "ana@example.org"
    );
    assert_eq!(
        ana.complete_invitations().await.expect("completing"),
        ["ben@example.org"]
    );
    assert_eq!(value(&ben, space, "GitHub").await.as_deref(), Some("for the newcomer"));
    assert_eq!(
        ana.person("ben@example.org").await.expect("Ben").state,
        PinState::Checked
    );
    assert_eq!(
        ben.person("ana@example.org").await.expect("Ana").state,
        PinState::Checked
    );
    assert!(ana.complete_invitations().await.expect("nothing left").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_lets_nobody_in_under_another_name() {
    let stage = Stage::new().await;
    let (ana, eve) = tokio::join!(stage.person("ana@example.org"), stage.person("eve@example.org"));
    let space = ana
        .create_project("Scans", true)
        .await
        .expect("a project")
        .authority()
        .space();
    let invitation = ana
        .invite(space, "ben@example.org", Role::Reader)
        .await
        .expect("an invitation");
    eve.accept_invitation(&invitation).await.expect("she knows its text");
    let told = ana.complete_invitations().await;
    let text = told.expect_err("it is said").to_string();
    assert!(
        text.contains("eve@example.org") && text.contains("ben@example.org"),
        "{text}"
    );
    let view = ana.view(space).await.expect("a view");
    assert_eq!(view.space.authority().members().len(), 1);
    assert_eq!(
        ana.waiting_invitations(space).await.expect("a list").len(),
        1,
        "until somebody takes it back"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_key_that_leaked_does_not_come_back() {
    let stage = Stage::new().await;
    let ana = stage.person("ana@example.org").await;
    let same = phrase("ana@example.org");
    for leaked in [false, true] {
        let refused = ana.change_keys(&same, new_keys(leaked)).await;
        assert!(matches!(refused, Err(Error::Invalid(_))));
    }
    let larger = NewKeys {
        bits: Some(Bits::B3072),
        ..new_keys(false)
    };
    ana.change_keys(&same, larger).await.expect("only the size changes");
    assert_eq!(ana.keyring().current().bundle().rsa.bits(), Bits::B3072);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_edits_at_once_are_both_kept() {
    let stage = Stage::new().await;
    let (ana, ben) = tokio::join!(stage.person("ana@example.org"), stage.person("ben@example.org"));
    let space = ana
        .create_project("Scans", true)
        .await
        .expect("a project")
        .authority()
        .space();
    ana.add_secret(space, token("GitHub", "one")).await.expect("a secret");
    ana.share(space, "ben@example.org", Role::Contributor)
        .await
        .expect("sharing");
    let view = ben.view(space).await.expect("a view");
    let seen = find_item(&view.space, &[ItemKind::Secret], "GitHub", false)
        .expect("it")
        .versions[0]
        .id;
    let set = |to: &'static str| {
        move |fields: &mut Vec<Field>, _: &mut Audience| {
            fields[0].value = text(to);
            Ok(())
        }
    };
    let first = ana
        .edit_secret(space, "GitHub", Some(seen), set("by ana"))
        .await
        .expect("an edit");
    assert!(!first.conflict);
    let second = ben
        .edit_secret(space, "GitHub", Some(seen), set("by ben"))
        .await
        .expect("an edit");
    assert!(second.conflict);
    let view = ana.view(space).await.expect("a view");
    let item = find_item(&view.space, &[ItemKind::Secret], "GitHub", false).expect("it");
    assert_eq!(item.versions.len(), 3, "both edits are kept");
}
