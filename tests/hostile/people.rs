//! Other people's keys, who is in, and what everybody sees.

use holdfast_engine::{Invitation, Session};
use holdfast_protocol::bundle::{PrincipalKind, SignedBundle};
use holdfast_protocol::context;
use holdfast_protocol::entry::{NodeScope, Op, Role, SignedEntry, Wrap};
use holdfast_protocol::id::Hash;
use holdfast_protocol::item::PinState;
use holdfast_testkit::phrase;
use holdfast_tests::layer::json;

use crate::keylog::{KeyLog, shows};
use crate::scene::{Desk, Scene, b64, code, forge, from_b64, on, secret};

const ENTRIES: &str = "GET /v1/spaces/{}/entries";

/// The words of keys that were made up.
fn words_of(bundle: &[u8]) -> String {
    let signed = SignedBundle::from_bytes(bundle).expect("a bundle");
    let bundle = signed.verify(None).expect("its signatures are good");
    holdfast_crypto::security_words(&bundle.fingerprint.0).join(" ")
}

fn own_chain(desk: &Desk) -> Vec<Vec<u8>> {
    desk.session
        .account()
        .chain
        .into_iter()
        .map(|bundle| bundle.0)
        .collect()
}

/// Other keys in somebody's place: before anything is known of him, afterwards, at an invitation, and as his next keys.
#[tokio::test(flavor = "multi_thread")]
async fn k01_keys_in_somebodys_place_are_never_trusted() {
    let scene = Scene::new().await;
    let (ana, ben, carl) = tokio::join!(
        scene.desk("ana@example.org"),
        scene.desk("ben@example.org"),
        scene.desk("carl@example.org")
    );
    let space = scene.project(&ana).await;
    let words = ben.session.keyring().current().bundle().clone();
    let words = holdfast_crypto::security_words(&words.fingerprint.0).join(" ");
    let forged = forge(PrincipalKind::User, ben.principal(), &ben.handle, None);

    // First contact: nobody can know yet, so it must not be called checked, and the words tell.
    let stranger = scene.desk("dora@example.org").await;
    stranger.layer.attack(shows(ben.principal(), vec![forged.clone()]));
    assert_eq!(code(stranger.session.person(&ben.handle).await), "directory-unlogged");
    let log = KeyLog::with(&scene, &stranger, std::slice::from_ref(&forged)).await;
    stranger.layer.attack(log.shows(ben.principal(), vec![forged.clone()]));
    let seen = stranger
        .session
        .person(&ben.handle)
        .await
        .expect("keys that hold together");
    assert_eq!(seen.state, PinState::NotChecked);
    assert_eq!(
        code(stranger.session.verify_person(&ben.handle, &words).await),
        "keys-changed"
    );
    // Told apart in time, they are not what the real ones are held against.
    stranger.layer.attack(log.alone());
    stranger
        .session
        .verify_person(&ben.handle, &words)
        .await
        .expect("the real one");
    // What was in the log once can't be taken out of it again.
    stranger.layer.honest();
    assert_eq!(code(stranger.session.person(&carl.handle).await), "directory-rollback");
    stranger.session.accept_directory().await.expect("a new beginning");
    // Somebody else's real keys under his name.
    stranger.layer.attack(shows(carl.principal(), own_chain(&carl)));
    assert_eq!(code(stranger.session.person(&ben.handle).await), "keys-changed");

    // Once pinned, by Ana: other keys, no keys, somebody else's, and keys that nobody signed over to.
    ana.session
        .share(space, &ben.handle, Role::Reader)
        .await
        .expect("sharing with the real one");
    ana.session
        .remove_member(space, ben.principal())
        .await
        .expect("removing");
    let old = (Hash::of(&own_chain(&ben)[0]), 0);
    let next = forge(PrincipalKind::User, ben.principal(), &ben.handle, Some(old));
    let chains = [
        vec![forged.clone()],
        vec![],
        own_chain(&carl),
        vec![own_chain(&ben)[0].clone(), next.clone()],
        vec![own_chain(&ben)[0].clone(), own_chain(&ben)[0].clone()],
    ];
    for chain in chains {
        ana.layer.attack(shows(ben.principal(), chain));
        assert_eq!(
            code(ana.session.share(space, &ben.handle, Role::Reader).await),
            "keys-changed"
        );
        assert_eq!(ana.members(space).await, 1);
    }

    // An invitation names the inviter's keys.
    let invitation = ana
        .session
        .invite(space, &carl.handle, Role::Reader)
        .await
        .expect("an invitation");
    let invitation = Invitation::parse(&invitation.text()).expect("its text");
    let inviter = forge(PrincipalKind::User, ana.principal(), &ana.handle, None);
    carl.layer.attack(shows(ana.principal(), vec![inviter]));
    assert_eq!(code(carl.session.accept_invitation(&invitation).await), "keys-changed");
    // And whoever answers it must have known its code.
    carl.layer.honest();
    carl.session.accept_invitation(&invitation).await.expect("an answer");
    let answered = forge(PrincipalKind::User, carl.principal(), &carl.handle, None);
    ana.layer.attack(shows(carl.principal(), vec![answered]));
    assert_eq!(code(ana.session.complete_invitations().await), "keys-changed");
    assert_eq!(ana.members(space).await, 1);
    scene.all_is_well(&[&ana, &ben, &carl, &stranger]).await;
}

/// Entries that nobody who may has signed, at the end of an honest log: nobody is let in, and nothing is written to them.
#[tokio::test(flavor = "multi_thread")]
async fn k02_a_member_the_server_adds_is_none() {
    let scene = Scene::new().await;
    let (ana, mallory) = tokio::join!(scene.desk("ana@example.org"), scene.desk("mallory@example.org"));
    let space = scene.project(&ana).await;
    let ghost = mallory.session.keyring().current().bundle().clone();
    let page = ana.session.api().entries(space, 0).await.expect("a page");
    let last = SignedEntry::from_bytes(&page.entries.last().expect("entries").0).expect("an entry");
    let mut entry = last.entry.clone();
    entry.seq += 1;
    entry.prev = last.hash;
    entry.auth = ana
        .session
        .view(space)
        .await
        .expect("the project")
        .space
        .authority()
        .auth_head();
    entry.body = None;
    entry.op = Op::Add {
        principal: ghost.bundle.principal,
        bundle: ghost.hash,
        fingerprint: ghost.fingerprint,
        role: Role::Owner,
        wrap: Some(Wrap {
            recipient: ghost.bundle.principal,
            bundle: ghost.hash,
            ciphertext: vec![1; 256],
        }),
    };
    let key = mallory.session.keyring().current().clone();
    let mut by_mallory = entry.clone();
    (by_mallory.author, by_mallory.author_bundle) = (ghost.bundle.principal, ghost.hash);
    let mut under_mallorys_keys = entry.clone();
    under_mallorys_keys.author_bundle = ghost.hash;
    for (forged, expected) in [
        (entry, "log-signature"),
        (by_mallory, "log-author-unknown"),
        (under_mallorys_keys, "log-author-bundle"),
    ] {
        let signed = forged.sign(key.sign_key()).expect("an entry");
        ana.layer.attack(on(ENTRIES, move |_, mut page| {
            let head = serde_json::json!({ "space": space, "seq": signed.entry.seq, "hash": signed.hash });
            let entries = page["entries"].as_array_mut().expect("entries");
            // Only behind the end, as it would stand.
            let at_end = entries
                .last()
                .is_some_and(|last| Hash::of(&from_b64(last)) == signed.entry.prev);
            if at_end {
                entries.push(b64(signed.as_bytes()));
                page["head"] = head;
            }
            page
        }));
        assert_eq!(code(ana.session.view(space).await), expected);
        assert_eq!(
            code(ana.session.add_secret(space, secret("more", "text")).await),
            expected,
            "something was written"
        );
        assert_eq!(ana.members(space).await, 1);
    }
    scene.all_is_well(&[&ana, &mallory]).await;
}

/// A project's key that the server knows, wrapped without a fault, in an entry that its own account signed.
#[tokio::test(flavor = "multi_thread")]
async fn k03_a_project_key_the_server_knows_is_not_used() {
    let scene = Scene::new().await;
    let (ana, ben, mallory) = tokio::join!(
        scene.desk("ana@example.org"),
        scene.desk("ben@example.org"),
        scene.desk("mallory@example.org")
    );
    let space = scene.project(&ana).await;
    ana.session
        .share(space, &ben.handle, Role::Contributor)
        .await
        .expect("sharing");
    let ben_now = ben.session.keyring().current().bundle().clone();
    let author = mallory.session.keyring().current().clone();
    // In Ana's log, instead of her entry: signed by Mallory under either name.
    for (as_ana, expected) in [(true, "log-signature"), (false, "log-author-unknown")] {
        let (to, by) = (ben_now.clone(), author.clone());
        ben.layer.attack(on(ENTRIES, move |_, mut page| {
            for entry in page["entries"].as_array_mut().into_iter().flatten() {
                let signed = SignedEntry::from_bytes(&from_b64(entry)).expect("an entry");
                let mut forged = signed.entry.clone();
                let (space, epoch) = (forged.space, forged.epoch);
                if !as_ana {
                    (forged.author, forged.author_bundle) = (by.bundle().bundle.principal, by.bundle().hash);
                }
                let place = context::epoch_wrap(space, epoch, to.hash, forged.author_bundle);
                let Op::Add { wrap: Some(wrap), .. } = &mut forged.op else {
                    continue;
                };
                let evil = holdfast_crypto::Key32::fill_with(|key| key.fill(2));
                wrap.ciphertext = to
                    .rsa
                    .wrap_key(&place, &evil, &mut holdfast_engine::rng())
                    .expect("a wrap");
                *entry = b64(forged.sign(by.sign_key()).expect("an entry").as_bytes());
            }
            page
        }));
        assert_eq!(code(ben.session.view(space).await), expected);
        assert_eq!(
            code(ben.session.add_secret(space, secret("mine", "text")).await),
            expected
        );
    }
    scene.all_is_well(&[&ana, &ben, &mallory]).await;
}

/// After a removal the server serves what was before it: whoever saw the removal refuses, and so does another device of
/// his, which has it from the vault.
#[tokio::test(flavor = "multi_thread")]
async fn k06_what_was_before_a_removal_does_not_come_back() {
    let scene = Scene::new().await;
    let (ana, ben) = tokio::join!(scene.desk("ana@example.org"), scene.desk("ben@example.org"));
    let space = scene.project(&ana).await;
    ana.session
        .share(space, &ben.handle, Role::Contributor)
        .await
        .expect("sharing");
    let second = scene.second(&ana).await;
    let before = scene.fork("before").await;
    ana.session
        .remove_member(space, ben.principal())
        .await
        .expect("removing");
    second.session.vault().await.expect("the vault with the newer pin");

    for desk in [&ana, &second] {
        let honest = desk.layer.clone();
        honest.lead_to(before.way());
        assert_eq!(code(desk.session.view(space).await), "history");
        assert_eq!(
            code(desk.session.add_secret(space, secret("after", "text")).await),
            "history"
        );
        let way = holdfast_device::HttpTransport::new(&scene.stage.url()).expect("an address");
        honest.lead_to(std::sync::Arc::new(way));
    }
    assert_eq!(ana.members(space).await, 1);
    scene.all_is_well(&[&ana, &second, &ben]).await;
}

/// Two servers from one past, one for each member: as soon as one sees what the other wrote, it is said.
#[tokio::test(flavor = "multi_thread")]
async fn k09_two_histories_are_seen_where_they_meet() {
    let scene = Scene::new().await;
    let (ana, ben) = tokio::join!(scene.desk("ana@example.org"), scene.desk("ben@example.org"));
    let space = scene.project(&ana).await;
    ana.session
        .share(space, &ben.handle, Role::Contributor)
        .await
        .expect("sharing");
    ben.session.view(space).await.expect("the project");
    let other = scene.fork("other").await;
    ben.layer.lead_to(other.way());
    ana.session
        .add_secret(space, secret("of ana", "text"))
        .await
        .expect("on the one side");
    ben.session
        .add_secret(space, secret("of ben", "text"))
        .await
        .expect("on the other");
    // What Ana wrote, in the place of what Ben wrote.
    let way = std::sync::Arc::new(holdfast_device::HttpTransport::new(&scene.stage.url()).expect("an address"));
    ben.layer.lead_to(way.clone());
    assert_eq!(code(ben.session.view(space).await), "history");
    assert_eq!(
        code(ben.session.add_secret(space, secret("more", "text")).await),
        "history"
    );
    // The same the other way round, one entry longer, so that no number gives it away.
    ben.layer.lead_to(other.way());
    ben.session
        .add_secret(space, secret("more of ben", "text"))
        .await
        .expect("on the other side");
    ana.layer.lead_to(other.way());
    assert_eq!(code(ana.session.view(space).await), "history");
    scene.nothing_was_told(&[&ana, &ben]);
}

/// Fifty times "Ben has new keys": nothing is taken over, however often it is said, and the words that were checked stay.
#[tokio::test(flavor = "multi_thread")]
async fn k10_saying_it_often_changes_no_keys() {
    let scene = Scene::new().await;
    let (ana, ben) = tokio::join!(scene.desk("ana@example.org"), scene.desk("ben@example.org"));
    let space = scene.project(&ana).await;
    let words = holdfast_crypto::security_words(&ben.session.keyring().current().bundle().fingerprint.0).join(" ");
    ana.session.verify_person(&ben.handle, &words).await.expect("the words");
    let old = (Hash::of(&own_chain(&ben)[0]), 0);
    let forged = forge(PrincipalKind::User, ben.principal(), &ben.handle, Some(old));
    let fresh = forge(PrincipalKind::User, ben.principal(), &ben.handle, None);
    for number in 0..50 {
        let chain = match number % 2 {
            0 => vec![own_chain(&ben)[0].clone(), forged.clone()],
            _ => vec![fresh.clone()],
        };
        ana.layer.attack(shows(ben.principal(), chain));
        assert_eq!(
            code(ana.session.share(space, &ben.handle, Role::Owner).await),
            "keys-changed"
        );
        assert_eq!(
            code(ana.session.verify_person(&ben.handle, &words).await),
            "keys-changed"
        );
    }
    // Not even with the words of the other keys.
    let theirs = ana.session.verify_person(&ben.handle, &words_of(&fresh)).await;
    assert_eq!(code(theirs), "keys-changed");
    ana.layer.honest();
    let person = ana.session.person(&ben.handle).await.expect("Ben");
    assert_eq!(person.state, PinState::Checked);
    assert_eq!(ana.members(space).await, 1);
    scene.all_is_well(&[&ana, &ben]).await;
}

/// Two accounts had one name, one after the other: the server shows now the one, now the other. Before words were compared both are
/// strangers to whoever knew the first; then the one they were of has the name, and the other one stays out, by name and by id.
#[tokio::test(flavor = "multi_thread")]
async fn k10_a_name_goes_back_and_forth_only_with_the_words() {
    let scene = Scene::new().await;
    let (ana, ben, carl) = tokio::join!(
        scene.desk("ana@example.org"),
        scene.desk("ben@example.org"),
        scene.desk("carl@example.org")
    );
    let (space, own) = (scene.project(&ana).await, scene.project(&ana).await);
    let of_carl = scene.project(&carl).await;
    ana.session
        .share(space, &ben.handle, Role::Contributor)
        .await
        .expect("sharing with the first");
    // Ana's other friend reads with Ben only because Carl let him in.
    carl.session
        .share(of_carl, &ben.handle, Role::Contributor)
        .await
        .expect("sharing with the first");
    let dora = scene.desk("dora@example.org").await;
    carl.session
        .share(of_carl, &dora.handle, Role::Owner)
        .await
        .expect("sharing");
    dora.session.view(of_carl).await.expect("the project");
    let hers = scene.project(&dora).await;

    let (first, old) = (ben.principal(), own_chain(&ben));
    let again = scene.desk_anew(&ben.handle).await;
    let (second, new) = (again.principal(), own_chain(&again));
    assert_ne!(first, second);
    let honest_or = |number: usize| match number % 2 {
        0 => shows(second, new.clone()),
        _ => shows(first, old.clone()),
    };

    // Ana has pinned him, and Dora has not.
    for number in 0..6 {
        ana.layer.attack(honest_or(number));
        let shared = ana.session.share(own, &ben.handle, Role::Reader).await;
        if number % 2 == 0 {
            assert_eq!(code(shared), "keys-changed");
            let wrong = ana.session.verify_person(&ben.handle, &words_of(&old[0])).await;
            assert_eq!(code(wrong), "keys-changed");
        } else {
            // To her the first one is Ben, as long as nobody said otherwise.
            shared.expect("the one she knows");
            ana.session.remove_member(own, first).await.expect("removing");
        }
        assert_eq!(ana.members(own).await, 1);
    }
    assert_eq!(
        code(dora.session.share(hers, &ben.handle, Role::Reader).await),
        "keys-changed"
    );
    let (known, trouble) = dora.session.known_people().await.expect("people");
    assert!(trouble.is_empty() && known.iter().all(|person| person.bundle.bundle.principal != second));

    for desk in [&ana, &dora] {
        let seen = desk
            .session
            .verify_person(&ben.handle, &words_of(&new[0]))
            .await
            .expect("the words are his");
        assert_eq!((seen.bundle.bundle.principal, seen.replaced), (second, false));
        let before = desk.session.known_person(first).await.expect("an answer").expect("him");
        assert!(before.replaced);
    }
    let project = |desk: &Desk| if desk.principal() == ana.principal() { own } else { hers };
    for desk in [&ana, &dora] {
        for _ in 0..3 {
            desk.layer.attack(shows(first, old.clone()));
            for name in [ben.handle.clone(), first.to_string()] {
                let refused = desk.session.share(project(desk), &name, Role::Owner).await;
                assert_eq!(code(refused), "keys-changed");
            }
            assert_eq!(desk.members(project(desk)).await, 1);
        }
        desk.layer.honest();
        desk.session
            .share(project(desk), &ben.handle, Role::Reader)
            .await
            .expect("sharing with the second");
        assert_eq!(desk.members(project(desk)).await, 2);
    }
    // His own words do not make him somebody else's namesake to himself.
    let own_name = again
        .session
        .verify_person(&first.to_string(), &words_of(&old[0]))
        .await;
    assert_eq!(code(own_name), "keys-changed");
    scene.nothing_was_told(&[&ana, &ben, &carl, &dora, &again]);
}

/// The server shows its own keys for a node, and its own keys for the node's operator: the words differ, on both sides.
#[tokio::test(flavor = "multi_thread")]
async fn k11_a_node_of_the_server_is_not_paired() {
    let scene = Scene::new().await;
    let ana = scene.desk("ana@example.org").await;
    let space = scene.project(&ana).await;
    let token = ana.session.invite_node().await.expect("a token");
    let (layer, host) = scene.device("gpu-box").await;
    let secret = phrase("gpu-box");
    let new = holdfast_engine::NewNode {
        name: "gpu-box",
        token: &token.token,
        secret: &secret,
        bits: holdfast_crypto::rsa::Bits::B2048,
        log2_n: holdfast_crypto::MIN_LOG2_N,
    };
    let node = Session::enrol(host, new).await.expect("a node");
    let words = |session: &Session| {
        holdfast_crypto::security_words(&session.keyring().current().bundle().fingerprint.0).join(" ")
    };
    let until_ms = ana.session.now_ms() + 60_000;

    let forged = forge(PrincipalKind::Node, node.principal(), "gpu-box", None);
    let operator = forge(PrincipalKind::User, ana.principal(), &ana.handle, None);
    let log = KeyLog::with(&scene, &ana, &[forged.clone(), operator.clone()]).await;
    ana.layer.attack(log.shows(node.principal(), vec![forged.clone()]));
    assert_eq!(
        code(ana.session.verify_node("gpu-box", &words(&node)).await),
        "keys-changed"
    );
    let let_in = ana
        .session
        .authorise_node(space, "gpu-box", NodeScope::Project, until_ms)
        .await;
    assert_eq!(code(let_in), "not-allowed");
    // A person's keys are no node's.
    ana.layer.attack(log.shows(ana.principal(), own_chain(&ana)));
    assert_eq!(code(ana.session.node("gpu-box").await), "keys-changed");

    layer.attack(log.shows(ana.principal(), vec![operator.clone()]));
    assert_eq!(
        code(node.take_operator(&ana.handle, &words(&ana.session)).await),
        "keys-changed"
    );
    assert!(node.operators().await.expect("the own store").is_empty());

    layer.attack(log.alone());
    ana.layer.attack(log.alone());
    ana.session
        .verify_node("gpu-box", &words(&node))
        .await
        .expect("the real one");
    let node = Desk {
        session: node,
        layer,
        handle: "gpu-box".into(),
    };
    ana.session
        .authorise_node(space, "gpu-box", NodeScope::Project, until_ms)
        .await
        .expect("authorised");
    node.session
        .take_operator(&ana.handle, &words(&ana.session))
        .await
        .expect("the real one");
    // From now on something rests on these keys, and not even the words of others take their place.
    ana.layer.attack(log.shows(node.principal(), vec![forged.clone()]));
    node.layer.attack(log.shows(ana.principal(), vec![operator.clone()]));
    for _ in 0..2 {
        let node_again = ana.session.verify_node("gpu-box", &words_of(&forged)).await;
        let operator_again = node.session.take_operator(&ana.handle, &words_of(&operator)).await;
        assert_eq!(
            (code(node_again), code(operator_again)),
            ("keys-changed".into(), "keys-changed".into())
        );
    }
    scene.nothing_was_told(&[&ana, &node]);
}

/// A removed member, with all that he kept and all that the server has, reads nothing of what came after.
#[tokio::test(flavor = "multi_thread")]
async fn k12_who_was_removed_reads_nothing_new_with_the_servers_help() {
    let scene = Scene::new().await;
    let (ana, ben) = tokio::join!(scene.desk("ana@example.org"), scene.desk("ben@example.org"));
    let space = scene.project(&ana).await;
    ana.session
        .share(space, &ben.handle, Role::Contributor)
        .await
        .expect("sharing");
    ben.session.view(space).await.expect("the project");
    let could = ana
        .session
        .remove_member(space, ben.principal())
        .await
        .expect("removing");
    assert_eq!(could.secrets, ["kept"]);
    let value = scene.canary("after the removal");
    ana.session
        .add_secret(space, secret("new", &value))
        .await
        .expect("a secret");
    // The server gives him what Ana is given.
    let page = ana.session.api().entries(space, 0).await.expect("all of it");
    ben.layer.attack(on(ENTRIES, move |request, honest| {
        if !request.path.contains(&space.to_string()) {
            return honest;
        }
        let from = request
            .path
            .rsplit('=')
            .next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let entries: Vec<_> = page.entries.iter().skip(from).map(|entry| b64(&entry.0)).collect();
        serde_json::json!({ "entries": entries, "head": page.head })
    }));
    let read = ben.session.view(space).await;
    if let Ok(view) = &read {
        let names: Vec<_> = view
            .space
            .contents()
            .items()
            .values()
            .map(|item| item.name.clone())
            .collect();
        assert_eq!(names, ["kept"], "he reads on");
    }
    assert_ne!(code(ben.value(space, "new").await), "ok");
    assert_ne!(code(ben.session.add_secret(space, secret("his", "text")).await), "ok");
    let sent = ben.layer.record();
    assert!(
        sent.iter()
            .all(|one| !json(&one.answer.body).to_string().contains(&value)),
        "it was in clear"
    );
    scene.nothing_was_told(&[&ana, &ben]);
}
