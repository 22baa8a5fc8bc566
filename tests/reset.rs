//! Somebody loses everything and starts over under the same handle. An operator can free a name; nobody takes a person's place with
//! that: whoever knows the person shares nothing before the six words were compared. All of it by the program, over real HTTP.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use holdfast_tests::{Answer, Dice, Person, Server, difference, small_dataset};
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

const BEN: &str = "ben@example.org";
/// Exit codes: something is wrong with somebody's keys; more than one thing has the name; not there.
const ALARM: i32 = 21;
const AMBIGUOUS: i32 = 2;
const NOT_FOUND: i32 = 12;

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

struct Stage {
    root: tempfile::TempDir,
    server: Server,
    ana: Person,
    ben: Person,
}

impl Stage {
    /// Ana and Ben, who compared words; a project of both with a dataset, and one that is Ana's alone.
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let server = Server::start(&root.path().join("server"));
        let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
        let ben = Person::sign_up(root.path(), &server.url(), BEN);
        let stage = Self { root, server, ana, ben };
        stage.ana.run(&["project", "create", "Scans"]).ok();
        stage.ana.run(&["project", "create", "Own"]).ok();
        stage.upload("Scans", "penguins");
        stage.ana.run(&["verify", BEN, "--words", &words(&stage.ben)]).ok();
        stage
            .ana
            .run(&["project", "share", "Scans", BEN, "--role", "contributor"])
            .ok();
        stage
    }

    fn upload(&self, project: &str, name: &str) {
        let sent = self.sent();
        self.ana
            .run(&["dataset", "upload", project, text(&sent), "--name", name])
            .ok();
    }

    fn sent(&self) -> PathBuf {
        let sent = self.root.path().join("sent");
        if sent.exists() {
            return sent;
        }
        let made = small_dataset(self.root.path());
        std::fs::rename(made, &sent).expect("a folder");
        sent
    }

    fn reset(&self, handle: &str) -> Answer {
        reset(&self.ana, self.server.data(), handle)
    }

    /// Somebody new under Ben's handle.
    fn signs_up_as_ben(&self, name: &str) -> Person {
        let root = self.root.path().join(name);
        std::fs::create_dir_all(&root).expect("a folder");
        Person::sign_up(&root, &self.server.url(), BEN)
    }

    /// What of Ana's project "Own" nobody else was let into.
    fn nobody_was_let_in(&self, stranger: &Person) {
        let own = self.ana.run(&["project", "show", "Own"]).ok();
        assert_eq!(own["people"].as_array().map(Vec::len), Some(1), "{own}");
        let told = self.ana.run(&["project", "activity", "Own"]).ok();
        let added = told
            .as_array()
            .expect("what happened")
            .iter()
            .any(|event| event["what"] == "added");
        assert!(!added, "{told}");
        assert_eq!(stranger.run(&["project", "list"]).ok(), serde_json::json!([]));
    }
}

/// The operator's verb; it needs no profile, whoever runs it here.
fn reset(who: &Person, data: &Path, handle: &str) -> Answer {
    who.run_without_key(&["reset-account", handle, "--data", text(data), "--yes"])
}

fn words(of: &Person) -> String {
    of.run(&["words"]).ok()["words"].as_str().expect("words").to_owned()
}

fn id(of: &Person) -> String {
    of.run(&["whoami"]).ok()["id"].as_str().expect("an id").to_owned()
}

fn code(answer: &Value) -> &str {
    answer["code"].as_str().unwrap_or_default()
}

/// Those with Ben's handle, by id: state, and whether the account was replaced.
fn bens(list: &Value) -> Vec<(String, String, bool)> {
    let mut found: Vec<_> = list
        .as_array()
        .expect("people")
        .iter()
        .filter(|one| one["handle"] == BEN)
        .map(|one| {
            (
                one["id"].as_str().expect("an id").to_owned(),
                one["checked"].as_str().expect("a state").to_owned(),
                one["replaced"].as_bool().expect("a flag"),
            )
        })
        .collect();
    found.sort();
    found
}

fn checked(id: &str, replaced: bool) -> (String, String, bool) {
    (id.to_owned(), "checked".to_owned(), replaced)
}

#[test]
fn whoever_takes_a_freed_handle_is_nobody_to_those_who_knew_the_person() {
    let stage = Stage::new();
    let (ana, ben) = (&stage.ana, &stage.ben);
    let (his_words, his_id) = (words(ben), id(ben));
    ben.run(&["project", "list"]).ok();

    // The operator's verb: asked first, and only for somebody who is there.
    let data = stage.server.data();
    let unsure = ana.run_without_key(&["reset-account", BEN, "--data", text(data)]);
    assert_eq!(unsure.code, 2, "{}", unsure.stderr);
    assert_eq!(code(&stage.reset("nobody@example.org").fails(NOT_FOUND)), "not-found");
    ben.run(&["project", "list"]).ok();
    let done = stage.reset(BEN).ok();
    assert_eq!((&done["handle"], &done["id"]), (&BEN.into(), &his_id.clone().into()));
    assert!(done["devices"].as_u64().expect("a number") >= 1, "{done}");
    stage.reset(BEN).fails(NOT_FOUND);

    let eve = stage.signs_up_as_ben("eve");
    let (her_words, her_id) = (words(&eve), id(&eve));
    assert_ne!(her_id, his_id);

    // By name and by id, at a share and at invitations in both directions: refused, and nothing is wrapped.
    for name in [BEN, her_id.as_str()] {
        let refused = ana
            .run(&["project", "share", "Own", name, "--role", "reader"])
            .fails(ALARM);
        assert_eq!(code(&refused), "keys-changed");
        let said = refused.to_string();
        assert!(said.contains("started over") && said.contains("pretends"), "{said}");
        assert!(
            said.contains("holdfast words") && said.contains("holdfast verify"),
            "{said}"
        );
    }
    let invited = ana.run(&["project", "invite", "Own", BEN]).ok();
    let paper = eve.file("invitation", invited["invitation"].as_str().expect("a text"));
    eve.run(&["project", "join", "--invitation-file", &paper]).ok();
    ana.run(&["project", "members", "Own"]).ok();
    let status = ana.run(&["status"]).ok();
    assert_eq!(status["alarms"][0]["code"], "keys-changed", "{status}");
    let hers = eve.run(&["project", "create", "Bait"]).ok();
    assert_eq!(hers["name"], "Bait");
    let bait = eve.run(&["project", "invite", "Bait", ana.handle()]).ok();
    let paper = ana.file("bait", bait["invitation"].as_str().expect("a text"));
    let refused = ana.run(&["project", "join", "--invitation-file", &paper]).fails(ALARM);
    assert_eq!(code(&refused), "keys-changed");
    eve.run(&["project", "delete", "Bait"]).ok();
    eve.run(&["project", "purge", "Bait", "--yes"]).ok();
    stage.nobody_was_let_in(&eve);

    // The words that Ana once heard from Ben are not hers, and trying them keeps nothing of her.
    let refused = ana.run(&["verify", BEN, "--words", &his_words]).fails(ALARM);
    assert_eq!(code(&refused), "keys-changed");
    let shown = ana.run(&["words", BEN]).ok();
    assert_eq!(
        (&shown["words"], &shown["another"], &shown["checked"]["state"]),
        (&her_words.clone().into(), &true.into(), &"changed".into())
    );
    assert_eq!(bens(&ana.run(&["people"]).ok()), [checked(&his_id, false)]);
    ana.run(&["project", "share", "Own", BEN, "--role", "reader"])
        .fails(ALARM);
    stage.nobody_was_let_in(&eve);

    // Ana's own work goes on, with Ben's account in it as it was.
    stage.upload("Scans", "more");
    ana.run(&["project", "rename", "Scans", "Pictures"]).ok();
    assert_eq!(
        bens(&ana.run(&["project", "members", "Pictures"]).ok()),
        [checked(&his_id, false)]
    );

    // Ben is told, in a sentence that says what it may be.
    let out = ben.run(&["project", "show", "Scans"]).fails(ALARM);
    assert!(
        out["message"].as_str().expect("a sentence").contains("another one now"),
        "{out}"
    );
}

#[test]
fn who_starts_over_is_let_in_anew_once_the_words_were_compared() {
    let stage = Stage::new();
    let (ana, ben) = (&stage.ana, &stage.ben);
    let old = id(ben);
    let to = |name: &str| stage.root.path().join(name);
    ben.run(&["dataset", "download", "Scans/penguins", "--to", text(&to("before"))])
        .ok();
    stage.reset(BEN).ok();
    let again = stage.signs_up_as_ben("again");
    let new = id(&again);
    assert_eq!(
        again.run(&["project", "list"]).ok(),
        serde_json::json!([]),
        "nothing follows him"
    );

    let verified = ana.run(&["verify", BEN, "--words", &words(&again)]).ok();
    assert_eq!(
        (&verified["checked"]["state"], &verified["another"]),
        (&"checked".into(), &false.into())
    );
    let shown = ana.run(&["words", BEN]).ok();
    assert_eq!(
        (&shown["words"], &shown["another"]),
        (&words(&again).into(), &false.into())
    );
    let mut both = [checked(&old, true), checked(&new, false)];
    both.sort();
    assert_eq!(bens(&ana.run(&["people"]).ok()), both);
    assert_eq!(
        bens(&ana.run(&["project", "members", "Scans"]).ok()),
        [checked(&old, true)]
    );
    // Not even Ana can let the old account in again by accident.
    let refused = ana
        .run(&["project", "share", "Own", &old, "--role", "reader"])
        .fails(ALARM);
    assert_eq!(code(&refused), "keys-changed");

    ana.run(&["project", "share", "Scans", BEN, "--role", "contributor"])
        .ok();
    assert_eq!(bens(&ana.run(&["project", "members", "Scans"]).ok()), both);
    let unclear = ana.run(&["project", "remove", "Scans", BEN]).fails(AMBIGUOUS);
    assert_eq!(code(&unclear), "ambiguous");
    let said = unclear["message"].as_str().expect("a sentence");
    assert!(said.contains(&old) && said.contains(&new), "{said}");
    ana.run(&["project", "role", "Scans", BEN, "--role", "reader"])
        .fails(AMBIGUOUS);
    ana.run(&["project", "remove", "Scans", &old]).ok();
    assert_eq!(
        bens(&ana.run(&["project", "members", "Scans"]).ok()),
        [checked(&new, false)]
    );
    stage.upload("Scans", "after");

    for name in ["penguins", "after"] {
        let got = to(&format!("got-{name}"));
        again
            .run(&["dataset", "download", &format!("Scans/{name}"), "--to", text(&got)])
            .ok();
        assert_eq!(difference(&stage.sent(), &got), "", "{name}");
    }
    let late = to("late");
    ben.run(&["dataset", "download", "Scans/after", "--to", text(&late)])
        .fails(ALARM);
    assert!(!late.exists() || std::fs::read_dir(&late).expect("a folder").next().is_none());
    // Nor does a new device of the old account get in.
    let device = ben.second_device();
    let refused = device.run(&["signin", "--server", &stage.server.url(), "--handle", BEN]);
    assert_eq!(code(&refused.json), "sign-in-refused", "{}", refused.stderr);
}

/// What one of Ana's devices found out counts on the other, whichever looks first; and a later comparison counts more.
#[test]
fn anas_devices_agree_on_whose_the_name_is() {
    let stage = Stage::new();
    let ana = &stage.ana;
    let laptop = ana.second_device();
    laptop
        .run(&["signin", "--server", &stage.server.url(), "--handle", ana.handle()])
        .ok();
    laptop.run(&["unlock"]).ok();
    laptop.run(&["project", "list"]).ok();
    let (old, old_words) = (id(&stage.ben), words(&stage.ben));
    stage.reset(BEN).ok();
    let again = stage.signs_up_as_ben("again");
    let new = id(&again);
    let share = |who: &Person, name: &str| who.run(&["project", "share", "Own", name, "--role", "reader"]);
    let out = |who: &Person| who.run(&["project", "remove", "Own", &new]).ok();

    // Refused on both, in both orders of asking; compared on the one, good on the other.
    for who in [ana, &laptop, ana] {
        share(who, BEN).fails(ALARM);
    }
    laptop.run(&["verify", BEN, "--words", &words(&again)]).ok();
    let mut both = [checked(&old, true), checked(&new, false)];
    both.sort();
    share(ana, BEN).ok();
    for who in [ana, &laptop] {
        share(who, &old).fails(ALARM);
        assert_eq!(bens(&who.run(&["people"]).ok()), both);
    }
    out(&laptop);

    // Should the old account turn out to be Ben after all, its words say so, on either device; and back again.
    ana.run(&["verify", &old, "--words", &old_words]).ok();
    for who in [&laptop, ana] {
        share(who, BEN).fails(ALARM);
        let seen = bens(&who.run(&["people"]).ok());
        assert!(
            seen.contains(&checked(&new, true)) && seen.contains(&checked(&old, false)),
            "{seen:?}"
        );
    }
    ana.run(&["verify", BEN, "--words", &words(&again)]).ok();
    share(&laptop, BEN).ok();
    assert_eq!(bens(&ana.run(&["people"]).ok()), both);

    // A device that comes new takes it from the vault.
    let phone = stage.root.path().join("phone");
    std::fs::create_dir_all(&phone).expect("a folder");
    let phone = Person::nobody(&phone, &stage.server.url(), ana.handle());
    phone.keep_key(std::fs::read_to_string(ana.key_file()).expect("the Master Key").trim());
    phone
        .run(&["signin", "--server", &stage.server.url(), "--handle", ana.handle()])
        .ok();
    phone
        .run(&["project", "share", "Own", &old, "--role", "reader"])
        .fails(ALARM);
    let members = phone.run(&["project", "members", "Own"]).ok();
    assert_eq!(bens(&members), [checked(&new, false)]);
}

/// Everybody's log of keys goes on, over a restart, a backup and a restore; and who had the name, and who has it, are told.
#[test]
fn the_log_of_keys_keeps_both_and_monitors_say_so() {
    let mut stage = Stage::new();
    let (old, old_words) = (id(&stage.ben), words(&stage.ben));
    let size = |who: &Person| {
        let seen = who.run(&["monitor"]);
        (seen.code, seen.json["size"].as_u64().unwrap_or_default())
    };
    assert_eq!(size(&stage.ana), (0, 2));
    assert_eq!(size(&stage.ben), (0, 2));
    stage.reset(BEN).ok();
    assert_eq!(size(&stage.ana), (0, 2));
    let again = stage.signs_up_as_ben("again");
    assert_eq!(size(&stage.ana), (0, 3));

    // Who had the name can't look any more, and is told why; who has it sees that there was somebody before him.
    let told = stage.ben.run(&["monitor"]).fails(ALARM);
    assert!(
        told["message"]
            .as_str()
            .expect("a sentence")
            .contains("another one now"),
        "{told}"
    );
    let seen = again.run(&["monitor"]).fails(ALARM);
    let published = seen["published"].as_array().expect("a list");
    assert_eq!(
        (&published[0]["id"], &published[0]["known"], &published[0]["words"]),
        (&old.into(), &false.into(), &old_words.into())
    );
    assert_eq!(
        (&published[1]["id"], &published[1]["known"]),
        (&id(&again).into(), &true.into())
    );

    let root = stage.root.path().to_owned();
    let (out, data) = (root.join("backup"), stage.server.data().to_owned());
    stage
        .ana
        .run_without_key(&["backup", "--data", text(&data), "--out", text(&out)])
        .ok();
    stage.server.kill();
    std::fs::rename(&data, root.join("lost")).expect("the disk is gone");
    stage
        .ana
        .run_without_key(&["restore", "--from", text(&out), "--data", text(&data)])
        .ok();
    let found = stage.ana.run_without_key(&["doctor", "--data", text(&data)]).ok();
    let handles = found["findings"].as_array().expect("findings").iter();
    assert!(
        handles
            .clone()
            .any(|one| one["code"] == "handles" && one["level"] == "ok"),
        "{found}"
    );
    stage.server.restart();
    assert_eq!(size(&stage.ana), (0, 3), "the very log that was seen before");
    assert_eq!(size(&again), (ALARM, 3));
    stage.ben.run(&["project", "list"]).fails(ALARM);
    stage.ana.run(&["verify", BEN, "--words", &words(&again)]).ok();
    stage
        .ana
        .run(&["project", "share", "Own", BEN, "--role", "reader"])
        .ok();
    assert_eq!(size(&stage.ana), (0, 3));
}

/// How an account is in the database: whole, freed, or something that must not be.
fn standing(data: &Path, principal: &str) -> String {
    let file = data.join("holdfast.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let of = hex::decode(principal).expect("an id");
    runtime.block_on(async {
        let mut open = SqliteConnectOptions::new()
            .filename(&file)
            .busy_timeout(Duration::from_secs(10))
            .connect()
            .await
            .expect("the database");
        let query = "SELECT a.handle = ?2, a.handle = 'released ' || lower(hex(a.principal)),
                EXISTS (SELECT 1 FROM released r WHERE r.principal = ?1 AND r.handle = ?2),
                (SELECT count(*) FROM devices d WHERE d.principal = ?1) > 0,
                (SELECT count(*) FROM recovery d WHERE d.principal = ?1) > 0
             FROM accounts a WHERE a.principal = ?1";
        let row: (bool, bool, bool, bool, bool) = sqlx::query_as(query)
            .bind(of)
            .bind(BEN)
            .fetch_one(&mut open)
            .await
            .expect("the account");
        open.close().await.expect("closed");
        match row {
            (true, false, false, true, true) => "whole".into(),
            (false, true, true, false, false) => "freed".into(),
            other => format!("by halves: {other:?}"),
        }
    })
}

/// The verb and the server end as by a power cut, at any moment: the name is freed, or nothing has changed.
#[test]
fn a_handle_is_freed_whole_or_not_at_all() {
    const ROUNDS: usize = 4;
    let (seed, mut dice) = Dice::printed();
    let root = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(&root.path().join("server"));
    let mut cut = 0;
    for round in 0..ROUNDS {
        let home = root.path().join(format!("ben-{round}"));
        std::fs::create_dir_all(&home).expect("a folder");
        let ben = Person::with_kit(&home, &server.url(), BEN);
        ben.run(&["unlock"]).ok();
        let principal = id(&ben);
        // Too short at first: then later and later, until it is through.
        let mut takes = Duration::from_millis(3);
        loop {
            assert_eq!(standing(server.data(), &principal), "whole", "seed {seed}");
            let args = ["reset-account", BEN, "--data", text(server.data()), "--yes"];
            let begun = Instant::now();
            let mut verb = ben
                .command(&args)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("it starts");
            let limit = u64::try_from(takes.as_micros()).expect("a short time");
            std::thread::sleep(Duration::from_micros(dice.below(limit)));
            let server_too = dice.below(2) == 0;
            if server_too {
                server.kill();
            }
            verb.kill().expect("it can be killed");
            let ended = verb.wait().expect("it ends");
            if server_too {
                server.restart();
            }
            let now = standing(server.data(), &principal);
            assert!(
                now == "whole" || now == "freed",
                "{now} after {:?}, seed {seed}",
                begun.elapsed()
            );
            if ended.success() {
                assert_eq!(now, "freed", "it was acknowledged");
            }
            cut += usize::from(!ended.success());
            if now == "freed" {
                break;
            }
            takes += Duration::from_millis(3);
        }
        ben.run(&["project", "list"]).fails(ALARM);
        let found = ben.run_without_key(&["doctor", "--data", text(server.data())]);
        assert_eq!(found.json["bad"], 0, "{}", found.stdout);
    }
    println!("{cut} times cut off");
    assert!(cut > 0, "nothing was ever cut off: the dice never fell before the end");
    let last = Person::sign_up(&root.path().join("ben-0"), &server.url(), "last@example.org");
    assert_eq!(last.run(&["monitor"]).ok()["size"], ROUNDS + 1);
}
