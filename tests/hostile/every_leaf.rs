//! Every single value of every answer of a recorded session, altered in every way that makes sense for it.
//!
//! A session is what one device does from where it stood when the story began: an owner and a member read all of it, a
//! node takes a run, and devices that know nothing come to an account by its Master Key and by its kit. Their honest answers are kept, and then given again and again with one thing altered. What must come
//! out is an error with a code, or the same as without, for a reason that stands in `harmless.txt`; and in either case the
//! client goes on with an honest server as if nothing had been.

#[path = "every_leaf/change.rs"]
pub(crate) mod change;
#[path = "every_leaf/newcomer.rs"]
mod newcomer;
#[path = "every_leaf/story.rs"]
mod story;
#[path = "every_leaf/writes.rs"]
mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use holdfast_engine::Error;
use holdfast_engine::ports::Response;
use holdfast_tests::layer::{Layer, Seen};

use change::Case;
use story::{Story, Subject, key};

/// Nothing may take longer: most take some milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
const HARMLESS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/hostile/harmless.txt");

/// Requires that people can look up what each of these codes means.
pub(crate) fn are_explained<'a>(codes: impl Iterator<Item = &'a String>) {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md");
    let page = std::fs::read_to_string(page).expect("the page of errors");
    for code in codes {
        assert!(
            page.contains(&format!("| `{code}` |")),
            "docs/errors.md says nothing about {code}"
        );
    }
}

/// What came of one case.
enum Outcome {
    /// An error with this code.
    Code(String),
    /// The same as without the change.
    Same,
    /// What must not be, in words.
    Wrong(String),
}

/// What is harmless, and which lines of the list were used.
struct Harmless {
    lines: Vec<(String, String, String)>,
    used: Mutex<BTreeSet<usize>>,
}

impl Harmless {
    fn read() -> Self {
        let text = std::fs::read_to_string(HARMLESS).expect("the list");
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let lines = lines.map(|line| {
            let (place, reason) = line.split_once(" : ").unwrap_or_else(|| panic!("no reason: {line}"));
            assert!(reason.len() > 15, "no reason: {line}");
            let (place, ways) = place.rsplit_once(' ').expect("a place and ways");
            (place.to_owned(), ways.to_owned(), reason.to_owned())
        });
        Self {
            lines: lines.collect(),
            used: Mutex::default(),
        }
    }

    /// Whether the list has it, for everybody or for this subject alone.
    fn has(&self, subject: &str, case: &Case) -> bool {
        let place = format!("{} {}", case.route, case.leaf);
        let own = format!("{subject}: {place}");
        let found = self.lines.iter().position(|(known, ways, _)| {
            (*known == place || *known == own) && ways.split(',').any(|way| way == case.way.name())
        });
        let Some(at) = found else { return false };
        self.used.lock().expect("the list").insert(at);
        true
    }

    fn unused(&self) -> Vec<String> {
        let used = self.used.lock().expect("the list");
        let lines = self.lines.iter().enumerate().filter(|(at, _)| !used.contains(at));
        lines.map(|(_, (place, ways, _))| format!("{place} {ways}")).collect()
    }
}

async fn attempt(subject: Arc<Subject>, case: Arc<Case>, folder: std::path::PathBuf) -> Outcome {
    let layer = Layer::new(subject.server.clone());
    let reached = Arc::new(AtomicBool::new(false));
    let (seen, told) = (reached.clone(), case.clone());
    layer.attack(move |now: Seen<'_>| {
        if key(now.request) != told.key {
            return now.honest;
        }
        seen.store(true, Ordering::SeqCst);
        Response {
            status: told.status.unwrap_or(now.honest.status),
            body: told.body.clone().into(),
        }
    });
    let device = subject.device(layer.clone());
    let (first, again) = (folder.join("first"), folder.join("again"));
    let began = Instant::now();
    let told = subject.run(&device, &first).await;
    if !reached.load(Ordering::SeqCst) {
        return Outcome::Wrong("was not reached".into());
    }
    if began.elapsed() > PATIENCE {
        return Outcome::Wrong("took too long".into());
    }
    let outcome = match told {
        Err(error) if matches!(error.bare(), Error::Internal(_)) => {
            Outcome::Wrong(format!("a fault of the program: {error}"))
        }
        Err(error) => Outcome::Code(error.code().to_owned()),
        Ok(told) if told == subject.honest => Outcome::Same,
        Ok(told) => {
            let differs: Vec<_> = told.iter().filter(|line| !subject.honest.contains(line)).collect();
            Outcome::Wrong(format!("something else is shown: {differs:?}"))
        }
    };
    layer.honest();
    match subject.run(&device, &again).await {
        Ok(told) if told == subject.honest => outcome,
        Ok(_) => Outcome::Wrong("the state moved".into()),
        Err(error) => Outcome::Wrong(format!("after it, with an honest server: {error}")),
    }
}

/// Runs all cases of one subject, as many at a time as there are cores.
async fn all_cases(
    subject: Arc<Subject>,
    cases: Vec<Case>,
    folder: &Path,
    harmless: &Harmless,
) -> BTreeMap<String, usize> {
    let cases: Arc<Vec<Arc<Case>>> = Arc::new(cases.into_iter().map(Arc::new).collect());
    let next = Arc::new(AtomicUsize::new(0));
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let mut tasks = Vec::new();
    for _ in 0..workers {
        let (subject, cases, next, folder) = (subject.clone(), cases.clone(), next.clone(), folder.to_owned());
        tasks.push(tokio::spawn(async move {
            let mut found = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::SeqCst);
                let Some(case) = cases.get(at) else { return found };
                let folder = folder.join(format!("{}-{at}", subject.name));
                // A task of its own: a panic is an outcome.
                let tried = tokio::spawn(attempt(subject.clone(), case.clone(), folder));
                let outcome = match tokio::time::timeout(2 * PATIENCE, tried).await {
                    Ok(Ok(outcome)) => outcome,
                    Ok(Err(error)) => Outcome::Wrong(format!("a panic: {error}")),
                    Err(_) => Outcome::Wrong("has no end".into()),
                };
                found.push((case.clone(), outcome));
            }
        }));
    }
    let mut counts = BTreeMap::new();
    let mut wrong = BTreeSet::new();
    for task in tasks {
        for (case, outcome) in task.await.expect("a worker") {
            match outcome {
                Outcome::Code(code) => *counts.entry(code).or_insert(0) += 1,
                Outcome::Same => {
                    *counts.entry("harmless".into()).or_insert(0) += 1;
                    if !harmless.has(&subject.name, &case) {
                        wrong.insert(format!("{case}: makes no difference, and the list does not say why"));
                    }
                }
                Outcome::Wrong(what) => {
                    wrong.insert(format!("{case}: {what}"));
                }
            }
        }
    }
    let told: Vec<_> = wrong.iter().map(String::as_str).collect();
    assert!(
        told.is_empty(),
        "{} of {}:\n{}",
        told.len(),
        subject.name,
        told.join("\n")
    );
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn no_leaf_of_any_answer_can_be_altered_unseen() {
    let began = Instant::now();
    let harmless = Harmless::read();
    let story = Story::tell().await;
    let only = std::env::var("HOLDFAST_ONLY").ok();
    for subject in &story.subjects {
        if only.as_ref().is_some_and(|only| *only != subject.name) {
            continue;
        }
        let (leaves, cases) = change::cases(&subject.answers, &subject.older);
        assert!(leaves > 10, "{} hears only {leaves} values", subject.name);
        let number = cases.len();
        println!("{}: {leaves} values, {number} ways to alter them", subject.name);
        let since = Instant::now();
        let counts = all_cases(subject.clone(), cases, story.folder(), &harmless).await;
        assert_eq!(counts.values().sum::<usize>(), number);
        are_explained(counts.keys().filter(|code| *code != "harmless"));
        println!("{}: {counts:?} in {:?}", subject.name, since.elapsed());
    }
    if only.is_none() {
        let unused = harmless.unused();
        assert!(
            unused.is_empty(),
            "said to be harmless, and never so:\n{}",
            unused.join("\n")
        );
    }
    println!("{:?} in all", began.elapsed());
}
