//! `kill -9` at twenty points of one large upload: ten times the client, ten times the server, three of them while the
//! upload is being committed. After each the same command is typed again, until it ends with 0.
//!
//! `HOLDFAST_SEED` repeats a run, `HOLDFAST_KILL_BYTES` says how large it is.
#![allow(clippy::print_stdout, reason = "a run says what it drew and did not do")]

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use holdfast_tests::{Dice, Event, Moment, Parts, Person, Relay, Server, Verdict, difference};
use serde_json::{Value, json};

const BYTES: u64 = 500_000_000;
/// Bytes of a part.
const PART: u64 = 8 << 20;
/// Packs that a client sends at the same time, so parts that can be in flight when somebody is killed.
const WORKERS: u64 = 2;
const DURING_COMMIT: usize = 3;
const KILLS_EACH: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Client,
    Server,
}

/// Where somebody is killed.
#[derive(Debug, Clone, Copy)]
struct Point {
    victim: Victim,
    moment: Moment,
    /// While sending: how many parts have been acknowledged before. During the commit: nothing.
    after: Option<usize>,
}

/// The points of a seed, in the order in which they are met.
fn draw(dice: &mut Dice, bytes: u64) -> VecDeque<Point> {
    let both = [Victim::Client, Victim::Server];
    let anywhere = [
        Moment::Arrived,
        Moment::Half,
        Moment::Sent,
        Moment::Answered,
        Moment::Passed,
    ];
    // Only the last of the three may be one at which the server has the entry: then there is no other append.
    let without = [Moment::Arrived, Moment::Half];
    let with = [Moment::Sent, Moment::Answered, Moment::Passed];
    let commit: Vec<Point> = (1..=DURING_COMMIT)
        .map(|number| {
            let moment = dice.one_of(if number < DURING_COMMIT {
                &without[..]
            } else {
                &with[..]
            });
            Point {
                victim: dice.one_of(&both),
                moment,
                after: None,
            }
        })
        .collect();
    let left = |victim| KILLS_EACH - commit.iter().filter(|point| point.victim == victim).count();
    let mut victims = vec![Victim::Client; left(Victim::Client)];
    victims.resize(victims.len() + left(Victim::Server), Victim::Server);
    for at in (1..victims.len()).rev() {
        victims.swap(at, usize::try_from(dice.below(at as u64 + 1)).expect("a small number"));
    }
    let parts = bytes / PART * 9 / 10;
    assert!(
        parts > 2 * victims.len() as u64,
        "{bytes} bytes are too few for {} points",
        victims.len()
    );
    let mut after = BTreeSet::new();
    while after.len() < victims.len() {
        after.insert(usize::try_from(dice.below(parts)).expect("a small number"));
    }
    let sending = victims.into_iter().zip(after);
    sending
        .map(|(victim, after)| Point {
            victim,
            moment: dice.one_of(&anywhere),
            after: Some(after),
        })
        .chain(commit)
        .collect()
}

/// What the relay's threads share with the test.
struct Stage {
    state: Mutex<State>,
    server: Arc<Mutex<Server>>,
    server_up: Arc<Mutex<bool>>,
}

struct State {
    points: VecDeque<Point>,
    parts: Parts,
    dice: Dice,
    client: Option<Child>,
    /// Connections before this one are those of a client that was killed.
    first_connection: u64,
    met: Vec<Value>,
    server_killed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics while it holds this")
}

impl Stage {
    fn judge(&self, event: &Event) -> Verdict {
        let mut state = lock(&self.state);
        let alive = event.connection >= state.first_connection && state.client.is_some();
        state.parts.note(event, alive);
        let Some(point) = state.points.front().copied() else {
            return Verdict::Go;
        };
        let here = event.moment == point.moment
            && match point.after {
                Some(after) => event.part().is_some() && state.parts.acknowledged.len() >= after,
                None => event.is_append(),
            };
        if !here || !alive || !*lock(&self.server_up) {
            return Verdict::Go;
        }
        state.points.pop_front();
        state.parts.killed();
        let parts = state.parts.acknowledged.len();
        println!(
            "{:>2}: {point:?}, {parts} parts acknowledged, {}",
            state.met.len() + 1,
            event.path
        );
        let note = json!({"victim": format!("{:?}", point.victim), "moment": format!("{:?}", point.moment),
            "during_commit": point.after.is_none(), "parts_acknowledged": parts});
        state.met.push(note);
        if point.moment == Moment::Sent {
            // Anything from "it has not looked at it yet" to "it is done with it".
            std::thread::sleep(Duration::from_micros(state.dice.below(30_000)));
        }
        match point.victim {
            Victim::Client => {
                state
                    .client
                    .as_mut()
                    .expect("it lives")
                    .kill()
                    .expect("it can be killed");
                // Nothing that is still passed on to it counts as heard.
                state.first_connection = u64::MAX;
            }
            Victim::Server => {
                *lock(&self.server_up) = false;
                state.server_killed = true;
                lock(&self.server).kill();
                let pause = Duration::from_millis(state.dice.below(1_500));
                let (server, up) = (self.server.clone(), self.server_up.clone());
                std::thread::spawn(move || {
                    std::thread::sleep(pause);
                    lock(&server).restart();
                    *lock(&up) = true;
                });
            }
        }
        Verdict::Cut
    }

    /// Waits for the client that is on the stage.
    fn wait(&self) -> ExitStatus {
        loop {
            if let Some(status) = lock(&self.state)
                .client
                .as_mut()
                .expect("a client")
                .try_wait()
                .expect("its end")
            {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Large files with small ones between them, nothing of it compressible.
fn write_tree(top: &Path, dice: &mut Dice, bytes: u64) {
    let weights = [5, 1, 4, 2, 3];
    let mut left = bytes;
    for (number, weight) in weights.into_iter().enumerate() {
        for small in 0..80 {
            let size = dice.below(12_000);
            left = left.saturating_sub(size);
            dice.file(&top.join(format!("{number}-small/{}/{small}", small % 7)), size);
        }
        let size = if number + 1 == weights.len() {
            left
        } else {
            bytes / 15 * weight
        };
        left = left.saturating_sub(size);
        dice.file(&top.join(format!("{number}-large")), size);
    }
}

fn files_below(folder: &Path, ending: &str) -> u64 {
    let all = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok);
    all.filter(|entry| entry.file_type().is_file() && entry.path().to_string_lossy().ends_with(ending))
        .map(|entry| entry.metadata().map_or(0, |metadata| metadata.len()))
        .sum()
}

#[test]
fn an_upload_survives_twenty_kills() {
    let began = Instant::now();
    let (seed, mut dice) = Dice::printed();
    let bytes = std::env::var("HOLDFAST_KILL_BYTES").map_or(BYTES, |text| text.parse().expect("a number of bytes"));
    let points = draw(&mut dice, bytes);
    let root = tempfile::tempdir().expect("a folder");
    let source = root.path().join("source");
    write_tree(&source, &mut dice, bytes);

    let relay = Relay::bind();
    let url = relay.url();
    let server = Server::start_with(&root.path().join("server"), &["--origin", &url]);
    let port = server.port();
    let data = server.data().to_owned();
    let stage = Arc::new(Stage {
        state: Mutex::new(State {
            points,
            parts: Parts::default(),
            dice,
            client: None,
            first_connection: 0,
            met: Vec::new(),
            server_killed: false,
        }),
        server: Arc::new(Mutex::new(server)),
        server_up: Arc::new(Mutex::new(true)),
    });
    let judge = stage.clone();
    let connections = relay.open(port, Arc::new(move |event: &Event| judge.judge(event)));
    // Without an agent: the process that is killed is the one that works.
    let ana = Person::locked(root.path(), &url, "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    println!("made {bytes} bytes in {:.1} s", began.elapsed().as_secs_f64());

    let uploading = Instant::now();
    let (answer, runs) = upload_until_done(&stage, &ana, &source, &connections, root.path());
    let seconds = uploading.elapsed().as_secs_f64();

    let state = lock(&stage.state);
    assert!(
        state.points.is_empty(),
        "the upload ended before these points were met: {:?}",
        state.points
    );
    assert_eq!(state.met.len(), 2 * KILLS_EACH);
    assert_eq!(
        state.parts.twice,
        Vec::<String>::new(),
        "parts that were acknowledged were sent again"
    );
    let (parts, again) = (state.parts.acknowledged.len(), state.parts.sent_again());
    let in_flight = state.parts.in_flight_twice.len();
    assert!(
        again <= WORKERS * state.met.len() as u64,
        "{again} parts were sent again"
    );
    assert_eq!(answer["version"], 1);
    assert_eq!(answer["files"], 405);
    assert_eq!(answer["bytes"], bytes);
    drop(state);

    let versions = ana.run(&["dataset", "versions", "Scans/large"]).ok();
    assert_eq!(versions.as_array().map(Vec::len), Some(1), "{versions}");
    assert_eq!(
        ana.run(&["dataset", "list", "Scans"]).ok().as_array().map(Vec::len),
        Some(1)
    );
    let got = root.path().join("got");
    let laptop = ana.second_device();
    laptop.run(&["signin", "--server", &url, "--handle", ana.handle()]).ok();
    laptop
        .run(&[
            "dataset",
            "download",
            "Scans/large",
            "--to",
            got.to_str().expect("a path"),
        ])
        .ok();
    assert_eq!(difference(&source, &got), "");
    assert_eq!(files_below(&ana.profile(), ".pack"), 0, "sealed packs were left behind");
    // What was sealed and lost is not kept at the server either.
    let stored = files_below(&data.join("packs"), "");
    assert!(
        stored < bytes + bytes / 100 + (64 << 20),
        "{stored} bytes are stored for {bytes}"
    );

    let figures = json!({"seed": seed, "bytes": bytes, "parts": parts, "parts_sent_again": again,
        "of_these_acknowledged_in_flight": in_flight, "runs": runs,
        "stored_bytes": stored, "upload_seconds": seconds, "all_seconds": began.elapsed().as_secs_f64(),
        "kills": lock(&stage.state).met});
    println!(
        "{parts} parts, {again} of them sent again, {in_flight} acknowledged in flight, {runs} runs, {seconds:.1} s of uploading"
    );
    if let Some(folder) = std::env::var_os("HOLDFAST_FIGURES") {
        let folder = Path::new(&folder).join("e2e");
        std::fs::create_dir_all(&folder).expect("the folder for figures");
        std::fs::write(folder.join("kill-nine.json"), figures.to_string()).expect("the figures");
    }
    // The relay's thread holds the stage, so the process would outlive the test.
    lock(&stage.server).kill();
}

/// Types the same command until it ends with 0; gives what it said then, and how often it was typed.
fn upload_until_done(stage: &Stage, ana: &Person, source: &Path, connections: &AtomicU64, root: &Path) -> (Value, u32) {
    let args = [
        "dataset",
        "upload",
        "Scans",
        source.to_str().expect("a path"),
        "--name",
        "large",
    ];
    for run in 1.. {
        assert!(run <= 3 * KILLS_EACH as u32, "the upload does not come to an end");
        let (stdout, stderr) = (root.join(format!("out-{run}")), root.join(format!("err-{run}")));
        let child = {
            let mut state = lock(&stage.state);
            state.first_connection = connections.load(Ordering::SeqCst);
            state.server_killed = false;
            ana.command(&args)
                .env("HOLDFAST_MASTER_KEY_FILE", ana.key_file())
                .stdout(File::create(&stdout).expect("a file"))
                .stderr(File::create(&stderr).expect("a file"))
                .spawn()
                .expect("the binary starts")
        };
        lock(&stage.state).client = Some(child);
        let status = stage.wait();
        let mut state = lock(&stage.state);
        state.client = None;
        let said = std::fs::read_to_string(&stderr).unwrap_or_default();
        match status.code() {
            Some(0) => {
                let text = std::fs::read_to_string(&stdout).expect("the answer");
                return (serde_json::from_str(&text).expect("JSON"), run);
            }
            // Killed, by us.
            None if state.first_connection == u64::MAX => {}
            Some(30) if state.server_killed => {}
            _ => panic!("run {run} ended with {status}: {said}"),
        }
        drop(state);
        while !*lock(&stage.server_up) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    unreachable!("the loop ends by itself")
}
