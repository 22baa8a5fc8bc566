//! What a server answers to changes: one device goes on and on, each time with one value of one answer altered, and
//! whatever it is told, it and its teammate end up with the same.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use holdfast_engine::Error;
use holdfast_engine::ports::{Method, Response};
use holdfast_protocol::entry::Role;
use holdfast_protocol::id::SpaceId;
use holdfast_tests::layer::{Seen, answer, json, refusal, route};
use serde_json::Value;

use super::change::{WAYS, Way, alter};
use crate::scene::{Desk, Scene, secret};
use crate::tree::{Path, Tree};

const STEPS: [&str; 5] = ["rename", "secret", "upload", "invite", "share"];

struct Writers {
    scene: Scene,
    ana: Desk,
    ben: Desk,
    carl: Desk,
    space: SpaceId,
    number: AtomicUsize,
}

impl Writers {
    /// One change, with names that were not used before.
    async fn step(&self, step: &str) -> Result<(), Error> {
        let number = self.number.fetch_add(1, Ordering::SeqCst);
        let session = &self.ana.session;
        match step {
            "rename" => session.rename_project(self.space, &format!("name {number}")).await,
            "secret" => {
                let new = secret(&format!("secret {number}"), "text");
                session.add_secret(self.space, new).await.map(drop)
            }
            "upload" => {
                let name = format!("data {number}");
                let uploaded = self
                    .scene
                    .try_upload(&self.ana, self.space, &name, name.as_bytes())
                    .await;
                uploaded.map(drop)
            }
            "invite" => {
                let handle = format!("guest-{number}@example.org");
                session.invite(self.space, &handle, Role::Reader).await.map(drop)
            }
            _ => {
                session.share(self.space, &self.carl.handle, Role::Reader).await?;
                session.remove_member(self.space, self.carl.principal()).await.map(drop)
            }
        }
    }

    /// With an honest server again: nobody is in who should not be, and both see one history.
    async fn settle(&self) -> Result<(), String> {
        let told = |error: Error| format!("after it, with an honest server: {error}");
        self.ana.layer.honest();
        let session = &self.ana.session;
        let mine = session.view(self.space).await.map_err(told)?;
        if mine.space.authority().members().contains_key(&self.carl.principal()) {
            session
                .remove_member(self.space, self.carl.principal())
                .await
                .map_err(told)?;
        }
        for waiting in session.waiting_uploads().await.map_err(told)? {
            let spool = self.scene.stage.spool("ana@example.org-data");
            session.abandon_upload(waiting.version, &spool).await.map_err(told)?;
        }
        for waiting in session.waiting_invitations(self.space).await.map_err(told)? {
            session.withdraw_invitation(waiting.id).await.map_err(told)?;
        }
        let mine = session.view(self.space).await.map_err(told)?;
        let theirs = self.ben.session.view(self.space).await.map_err(told)?;
        let heads = [&mine, &theirs].map(|view| view.space.authority().head());
        let members = mine.space.authority().members().len();
        self.ana.layer.take_record();
        match heads[0] == heads[1] && members == 2 {
            true => Ok(()),
            false => Err("two histories, or somebody too many".into()),
        }
    }
}

/// The answers to a step's changes, by route and by which of its kind it is.
fn changes(record: Vec<holdfast_tests::layer::Exchange>) -> Vec<(String, usize, Response)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let changes = record.into_iter().filter(|one| one.request.method != Method::Get);
    let numbered = changes.map(|one| {
        let route = route(&one.request);
        let count = counts.entry(route.clone()).or_default();
        *count += 1;
        (route, *count - 1, one.answer)
    });
    numbered.collect()
}

/// One thing to alter.
struct Change {
    route: String,
    nth: usize,
    /// `None` for the status.
    leaf: Option<(Path, String)>,
    way: Way,
    before: Tree,
}

fn all(answers: Vec<(String, usize, Response)>) -> Vec<Change> {
    let mut found = Vec::new();
    for (route, nth, answer) in answers {
        let value = json(&answer.body);
        let before = Tree::of_json(&value);
        for way in [Way::Flip, Way::Truncate] {
            found.push(Change {
                route: route.clone(),
                nth,
                leaf: None,
                way,
                before: before.clone(),
            });
        }
        if value == Value::Null {
            continue;
        }
        for leaf in before.leaves() {
            for way in WAYS {
                found.push(Change {
                    route: route.clone(),
                    nth,
                    leaf: Some(leaf.clone()),
                    way,
                    before: before.clone(),
                });
            }
        }
    }
    found
}

impl Change {
    fn name(&self) -> String {
        let leaf = self.leaf.as_ref().map_or("status", |(_, name)| name);
        format!("{} {leaf} {}", self.route, self.way.name())
    }

    fn made(&self, honest: &Response) -> Option<Response> {
        let Some((path, name)) = &self.leaf else {
            return Some(match self.way {
                Way::Flip => refusal(404, "not-found"),
                _ => refusal(500, "internal"),
            });
        };
        let whole = Tree::of_json(&json(&honest.body));
        let mut tree = whole.clone();
        let from = match self.way {
            Way::Swap => &whole,
            _ => &self.before,
        };
        alter(self.way, &mut tree, path, name, std::slice::from_ref(from))?;
        (tree != whole).then(|| Response {
            status: honest.status,
            ..answer_of(&tree)
        })
    }
}

fn answer_of(tree: &Tree) -> Response {
    Response {
        body: tree.to_json().into_bytes().into(),
        ..answer(&Value::Null)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_to_a_change_is_believed() {
    let scene = Scene::new().await;
    let (ana, ben, carl) = tokio::join!(
        scene.desk("ana@example.org"),
        scene.desk("ben@example.org"),
        scene.desk("carl@example.org")
    );
    let space = scene.project(&ana).await;
    ana.session
        .share(space, &ben.handle, Role::Contributor)
        .await
        .expect("sharing");
    let writers = Writers {
        scene,
        ana,
        ben,
        carl,
        space,
        number: AtomicUsize::new(0),
    };
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for step in STEPS {
        // The first time, somebody is pinned and never again.
        for _ in 0..2 {
            writers.settle().await.expect("an honest server");
            writers.step(step).await.expect("an honest server");
        }
        let all = all(changes(writers.ana.layer.take_record()));
        assert!(all.len() > 10, "{step} hears only {} answers", all.len());
        for change in all {
            writers.settle().await.expect("settled before");
            let (name, change) = (change.name(), Arc::new(change));
            let (seen, reached, fits) = (
                Mutex::new(0),
                Arc::new(AtomicBool::new(false)),
                Arc::new(AtomicBool::new(true)),
            );
            let (now, met, made) = (change.clone(), reached.clone(), fits.clone());
            writers.ana.layer.attack(move |seen_now: Seen<'_>| {
                if route(seen_now.request) != now.route {
                    return seen_now.honest;
                }
                let mut seen = seen.lock().expect("a number");
                *seen += 1;
                if *seen != now.nth + 1 {
                    return seen_now.honest;
                }
                met.store(true, Ordering::SeqCst);
                now.made(&seen_now.honest).unwrap_or_else(|| {
                    made.store(false, Ordering::SeqCst);
                    seen_now.honest
                })
            });
            let told = writers.step(step).await;
            if !reached.load(Ordering::SeqCst) {
                wrong.push(format!("{step}: {name} was not reached"));
            }
            if !fits.load(Ordering::SeqCst) {
                continue;
            }
            if let Err(Error::Internal(what)) = &told {
                wrong.push(format!("{step}: {name} is a fault of the program: {what}"));
            }
            let code = told.map_or_else(|error| error.code().to_owned(), |()| "done".into());
            *outcomes.entry(code).or_default() += 1;
            if let Err(what) = writers.settle().await {
                wrong.push(format!("{step}: {name}: {what}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    super::are_explained(outcomes.keys().filter(|code| *code != "done"));
    println!("answers to changes: {outcomes:?}");
    writers
        .scene
        .all_is_well(&[&writers.ana, &writers.ben, &writers.carl])
        .await;
}
