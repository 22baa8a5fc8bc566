//! What is stored: pieces of content, items, logs.

use holdfast_engine::ports::Response;
use holdfast_protocol::entry::Role;
use holdfast_tests::layer::{Exchange, Seen, json, refusal, route};
use serde_json::Value;

use crate::scene::{Scene, code, on, secret};

const BYTES: &str = "GET /v1/spaces/{}/packs/{}/bytes";
const ENTRIES: &str = "GET /v1/spaces/{}/entries";

/// Another body for every read from a pack.
fn bytes(change: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> impl Fn(Seen<'_>) -> Response {
    move |seen: Seen<'_>| {
        if route(seen.request) != BYTES {
            return seen.honest;
        }
        Response {
            status: seen.honest.status,
            body: change(seen.honest.body.to_vec()).into(),
        }
    }
}

/// What an observer of a client's requests sees of it: their kinds and sizes.
fn shape(record: &[Exchange]) -> Vec<(String, usize)> {
    let size = |one: &Exchange| one.request.body.as_ref().map_or(0, |(body, _)| body.len());
    record.iter().map(|one| (route(&one.request), size(one))).collect()
}

/// However a piece does not open, the client says the same and the server sees the same: at its beginning, where the
/// padding is, in its tag, nothing at all of it right.
#[tokio::test(flavor = "multi_thread")]
async fn o02_every_way_not_to_open_looks_alike() {
    let scene = Scene::new().await;
    let ana = scene.desk("ana@example.org").await;
    let space = scene.project(&ana).await;
    let content = scene.canary("content");
    scene.upload(&ana, space, "data", content.as_bytes()).await;
    let to = |name: &str| scene.stage.folder().join("got").join(name);
    let whole = ana.download(space, "data", to("whole")).await.expect("the file");
    assert_eq!(whole, content.as_bytes());

    let mut said = Vec::new();
    // What is read is a box or several: some of these reach every block of each, among them the first, the one with the
    // padding, and the tag.
    let ways: [fn(usize, u8) -> u8; 6] = [
        |_, byte| byte ^ 1,
        |_, byte| byte ^ 0x80,
        |at, byte| if at % 16 == 0 { byte ^ 1 } else { byte },
        |at, byte| if at % 16 == 15 { byte ^ 1 } else { byte },
        |_, _| 0,
        |_, _| 0x10,
    ];
    for (number, way) in ways.into_iter().enumerate() {
        ana.layer.attack(bytes(move |body| {
            body.into_iter().enumerate().map(|(at, byte)| way(at, byte)).collect()
        }));
        ana.layer.take_record();
        let got = ana.download(space, "data", to(&number.to_string())).await;
        let error = got.expect_err("it does not open");
        said.push((
            error.code().to_owned(),
            error.to_string(),
            shape(&ana.layer.take_record()),
        ));
    }
    assert_eq!(said[0].0, "damaged");
    assert!(said.iter().all(|one| *one == said[0]), "{said:#?}");
    scene.all_is_well(&[&ana]).await;
}

/// Answers about one project for another, one item's piece for another's, a vault for a project.
#[tokio::test(flavor = "multi_thread")]
async fn o04_things_that_change_places_are_refused() {
    let scene = Scene::new().await;
    let (ana, ben) = tokio::join!(scene.desk("ana@example.org"), scene.desk("ben@example.org"));
    let (one, other) = (scene.project(&ana).await, scene.project(&ana).await);
    for space in [one, other] {
        ana.session
            .share(space, &ben.handle, Role::Contributor)
            .await
            .expect("sharing");
    }
    scene.upload(&ana, one, "data", b"what is in the one").await;
    scene.upload(&ana, other, "data", b"what is in the other").await;
    let vault = ana.session.account().vault;
    let mut pages = Vec::new();
    for space in [one, other, vault] {
        let page = ana.session.api().entries(space, 0).await.expect("a page");
        pages.push((space, serde_json::to_value(page).expect("a value")));
    }
    for (mine, _) in &pages[..2] {
        for (theirs, page) in &pages {
            if mine == theirs {
                continue;
            }
            let (mine, page) = (*mine, page.clone());
            ben.layer.attack(on(ENTRIES, move |request, honest| {
                if request.path.contains(&mine.to_string()) {
                    page.clone()
                } else {
                    honest
                }
            }));
            assert_eq!(code(ben.session.view(mine).await), "log-wrong-space");
        }
    }
    ben.layer.honest();
    for space in [one, other] {
        ben.session.view(space).await.expect("a project");
    }
    // Both were made in the same way, so their pieces are as long: only what they are differs.
    ana.layer.take_record();
    let got = ana
        .download(other, "data", scene.stage.folder().join("got-other"))
        .await;
    assert_eq!(got.expect("the file"), b"what is in the other");
    let record = ana.layer.record();
    ben.layer.attack(move |seen: Seen<'_>| {
        let kept = record.iter().find(|one| {
            route(&one.request) == BYTES
                && route(seen.request) == BYTES
                && one.answer.body.len() >= seen.honest.body.len()
        });
        match kept {
            Some(one) => Response {
                status: one.answer.status,
                body: one.answer.body.slice(..seen.honest.body.len()),
            },
            None => seen.honest,
        }
    });
    let got = ben.download(one, "data", scene.stage.folder().join("got-one")).await;
    assert_eq!(code(got), "damaged");
    scene.all_is_well(&[&ana, &ben]).await;
}

/// A state that is whole, signed and old: for who saw a newer one, and for the new device of somebody whose vault says so.
/// A device that was told nothing newer by anybody can't know.
#[tokio::test(flavor = "multi_thread")]
async fn o07_an_old_copy_of_everything_is_old_for_who_saw_more() {
    let scene = Scene::new().await;
    let ana = scene.desk("ana@example.org").await;
    let space = scene.project(&ana).await;
    let second = scene.second(&ana).await;
    let old = scene.fork("old").await;
    ana.session
        .edit_secret(space, "kept", None, |fields, _| {
            fields[0].value = holdfast_protocol::SecretText::new(zeroize::Zeroizing::new("rotated".into()));
            Ok(())
        })
        .await
        .expect("an edit");
    ana.layer.lead_to(old.way());
    assert_eq!(
        code(ana.value(space, "kept").await),
        "history",
        "the rotated value came back"
    );
    assert_eq!(
        code(ana.session.vault().await),
        "ok",
        "of the vault it has all that there is"
    );
    // This device saw neither the edit nor anything that tells of it: what it sees is whole, and signed by Ana.
    second.layer.lead_to(old.way());
    assert_eq!(code(second.value(space, "kept").await), "ok");
    // Now it hears of more, and the older copy is refused from then on.
    let way = std::sync::Arc::new(holdfast_device::HttpTransport::new(&scene.stage.url()).expect("an address"));
    second.layer.lead_to(way.clone());
    assert_eq!(second.value(space, "kept").await.expect("the newest"), "rotated");
    second.layer.lead_to(old.way());
    assert_eq!(code(second.value(space, "kept").await), "history");
    for desk in [&ana, &second] {
        desk.layer.lead_to(way.clone());
    }
    scene.all_is_well(&[&ana, &second]).await;
}

/// Whatever is kept back is missed by name, and nothing else is taken in its place.
#[tokio::test(flavor = "multi_thread")]
async fn o08_what_is_kept_back_is_missed() {
    let scene = Scene::new().await;
    let ana = scene.desk("ana@example.org").await;
    let space = scene.project(&ana).await;
    scene.upload(&ana, space, "data", b"some data").await;
    let deny = |kind: &'static str| {
        move |seen: Seen<'_>| match route(seen.request) == kind {
            true => refusal(404, "not-found"),
            false => seen.honest,
        }
    };
    ana.layer.attack(deny(ENTRIES));
    assert_eq!(code(ana.session.view(space).await), "history");
    assert_eq!(code(ana.session.vault().await), "history");
    ana.layer.attack(deny(BYTES));
    let got = ana.download(space, "data", scene.stage.folder().join("got")).await;
    assert!(["not-found", "damaged"].contains(&code(got).as_str()));
    // A list without the project: it is asked for all the same.
    ana.layer.attack(on("GET /v1/spaces", |_, _| Value::Array(Vec::new())));
    let seen = ana.session.all_projects().await.expect("a list");
    assert_eq!(seen.views.len(), 1);
    // The newest entries, with and without a head that says so.
    let length = ana.session.view(space).await.expect("it").space.authority().seq();
    for honest_head in [true, false] {
        ana.layer.attack(on(ENTRIES, move |request, mut page| {
            if request.path.contains(&space.to_string()) {
                page["entries"] = Value::Array(Vec::new());
                if !honest_head {
                    page["head"]["seq"] = (length - 1).into();
                }
            }
            page
        }));
        assert_eq!(code(ana.session.view(space).await), "history");
    }
    scene.all_is_well(&[&ana]).await;
}

/// What somebody stores is as long whether or not the same is there already, in another item or by somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn o12_sizes_do_not_tell_what_is_there_already() {
    let scene = Scene::new().await;
    let (ana, ben) = tokio::join!(scene.desk("ana@example.org"), scene.desk("ben@example.org"));
    let space = scene.project(&ana).await;
    ana.session
        .share(space, &ben.handle, Role::Contributor)
        .await
        .expect("sharing");
    // As long as several pieces, so that some of them could be found to be there.
    let content: Vec<u8> = (0..3_000_000_u32)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let mut sizes = Vec::new();
    for (desk, name) in [(&ben, "first"), (&ana, "second"), (&ben, "third")] {
        desk.layer.take_record();
        scene.upload(desk, space, name, &content).await;
        let parts = desk
            .layer
            .take_record()
            .into_iter()
            .filter(|one| route(&one.request).starts_with("PUT "));
        sizes.push(
            parts
                .map(|one| one.request.body.map_or(0, |(body, _)| body.len()))
                .sum::<usize>(),
        );
    }
    assert!(sizes[0] >= content.len(), "{sizes:?}");
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
    scene.all_is_well(&[&ana, &ben]).await;
}

/// Where a secret may go is sealed with it: nothing that the server says changes it, and nothing of it is beside it in clear.
#[tokio::test(flavor = "multi_thread")]
async fn o18_where_a_secret_may_go_is_part_of_it() {
    let scene = Scene::new().await;
    let ana = scene.desk("ana@example.org").await;
    let space = scene.project(&ana).await;
    let host = scene.canary("host");
    let mut new = secret("bound", &scene.canary("token"));
    new.audience.host.clone_from(&host);
    ana.session.add_secret(space, new).await.expect("a secret");
    let length = ana.session.api().entries(space, 0).await.expect("a page").entries.len();
    let fresh = scene.second(&ana).await;
    // Any byte of the box in which it is.
    for part in 1..20 {
        fresh.layer.attack(on(ENTRIES, move |request, mut page| {
            let mine = request.path.contains(&space.to_string());
            if let Some(entry) = page["entries"].get_mut(length - 1).filter(|_| mine) {
                let mut bytes = crate::scene::from_b64(entry);
                let at = bytes.len() * part / 20;
                bytes[at] ^= 4;
                *entry = crate::scene::b64(&bytes);
            }
            page
        }));
        let ended = code(fresh.value(space, "bound").await);
        assert!(ended == "damaged" || ended.starts_with("log-"), "{ended}");
    }
    fresh.layer.honest();
    let view = fresh.session.view(space).await.expect("the project");
    let items = view.space.contents().items().values();
    let versions = items
        .filter(|item| item.name == "bound")
        .flat_map(|item| &item.versions);
    let hosts = versions.filter_map(|version| match &version.content {
        holdfast_protocol::item::Content::Fields { audience, .. } => Some(audience.host.clone()),
        _ => None,
    });
    assert_eq!(hosts.collect::<Vec<_>>(), [host]);
    let record: Vec<Exchange> = fresh.layer.record();
    assert!(record.iter().all(|one| {
        scene
            .canaries_in(json(&one.answer.body).to_string().as_bytes())
            .is_empty()
    }));
    scene.all_is_well(&[&ana, &fresh]).await;
}
