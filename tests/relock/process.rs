//! The real program and the real server, killed (SIGKILL) in the middle of it, again and again. `HOLDFAST_SEED` repeats it.
#![allow(clippy::print_stdout, reason = "a run says what it drew and did")]

use std::path::Path;
use std::process::Child;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use holdfast_tests::{Dice, Event, Moment, Person, Relay, Server, Verdict, difference};

const BYTES: u64 = 60_000_000;
/// Parts that are let through before somebody is killed, in turn.
const KILLS: usize = 4;

/// Waits until enough parts were sent; `false` when it ended before, with nothing left to send.
fn sends_parts(child: &mut Child, reached: &Receiver<()>) -> bool {
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        if reached.recv_timeout(Duration::from_millis(50)).is_ok() {
            return true;
        }
        if let Some(status) = child.try_wait().expect("its state") {
            assert!(status.success(), "it ended by itself: {status}");
            return reached.try_recv().is_ok();
        }
        assert!(Instant::now() < until, "it sends parts");
    }
}

#[test]
fn killed_half_way_it_goes_on_and_everybody_reads_everything() {
    let (_, mut dice) = Dice::printed();
    let root = tempfile::tempdir().expect("a folder");
    let relay = Relay::bind();
    let url = relay.url();
    let server = Server::start_with(&root.path().join("server"), &["--origin", &url]);
    // Parts that the server got since the job was begun again, and at which one somebody is killed.
    let state = Arc::new(Mutex::new((0_usize, usize::MAX)));
    let (tell, reached) = std::sync::mpsc::channel();
    let (seen, tell) = (state.clone(), Mutex::new(tell));
    relay.open(
        server.port(),
        Arc::new(move |event: &Event| {
            let mut state = seen.lock().expect("the count");
            if event.part().is_some() && event.moment == Moment::Answered {
                state.0 += 1;
                if state.0 == state.1 {
                    let _ = tell.lock().expect("the way out").send(());
                    return Verdict::Cut;
                }
            }
            Verdict::Go
        }),
    );
    let server = Mutex::new(server);
    // Without an agent: the process that is killed is the one that works.
    let ana = Person::locked(root.path(), &url, "ana@example.org");
    let [ben, carl] = ["ben", "carl"].map(|name| Person::sign_up(root.path(), &url, &format!("{name}@example.org")));
    ana.run(&["project", "create", "Scans"]).ok();
    for person in [&ben, &carl] {
        ana.run(&["project", "share", "Scans", person.handle(), "--role", "contributor"])
            .ok();
    }
    let sources = root.path().join("sources");
    for (name, person, bytes) in [("large", &ana, BYTES), ("other", &ben, 3_000_000)] {
        dice.file(&sources.join(name).join("file"), bytes);
        dice.file(&sources.join(name).join("small"), 2_000);
        let source = sources.join(name).display().to_string();
        person
            .run(&["dataset", "upload", "Scans", &source, "--name", name])
            .ok();
    }
    let all_read = |what: &str| {
        for person in [&ana, &carl] {
            for name in ["large", "other"] {
                let to = tempfile::tempdir().expect("a folder");
                let got = to.path().join("got").display().to_string();
                let item = format!("Scans/{name}");
                person.run(&["dataset", "download", &item, "--to", &got]).ok();
                let differs = difference(&sources.join(name), Path::new(&got));
                assert_eq!(differs, "", "{what}: {} {name}", person.handle());
            }
        }
    };
    ana.run(&["project", "remove", "Scans", ben.handle()]).ok();
    let plan = ana.run(&["project", "relock", "Scans", "--dry-run"]).ok();
    assert_eq!((&plan["items"], &plan["versions"]), (&2.into(), &2.into()), "{plan}");
    let refused = carl.run(&["project", "relock", "Scans"]);
    assert_eq!(refused.code, 13, "{}{}", refused.stdout, refused.stderr);

    let (begun, mut sent) = (Instant::now(), 0);
    for kill in 0..KILLS {
        *state.lock().expect("the count") = (0, 1 + usize::try_from(dice.below(2)).expect("a small number"));
        let mut child = ana.start(&["project", "relock", "Scans"]);
        if !sends_parts(&mut child, &reached) {
            // So much arrived while others were killed that there was not enough left.
            assert!(kill >= 2, "it was done after {kill} kills");
            sent += state.lock().expect("the count").0;
            break;
        }
        if kill % 2 == 0 {
            child.kill().expect("it runs");
        } else {
            let mut server = server.lock().expect("the server");
            server.kill();
            std::thread::sleep(Duration::from_millis(dice.below(800)));
            server.restart();
            // It asks again for a while by itself, or ends as unreachable; either way it may be killed now.
            std::thread::sleep(Duration::from_millis(dice.below(400)));
            let _ = child.kill();
        }
        child.wait().expect("its end");
        sent += state.lock().expect("the count").0;
        *state.lock().expect("the count") = (0, usize::MAX);
        all_read(&format!("after kill {kill}"));
    }
    *state.lock().expect("the count") = (0, usize::MAX);
    let done = ana.run(&["project", "relock", "Scans"]).ok();
    assert_eq!(done["left"], serde_json::json!([]), "{done}");
    sent += state.lock().expect("the count").0;
    let parts = BYTES.div_ceil(8 << 20) + 2;
    println!("{sent} parts for about {parts}, {KILLS} kills, {:.1?}", begun.elapsed());
    // What had arrived before a kill is not sent again: at most what was on its way.
    assert!(sent as u64 <= parts + 3 * KILLS as u64, "{sent} parts were sent");
    all_read("in the end");
    let plan = ana.run(&["project", "relock", "Scans", "--dry-run"]).ok();
    assert_eq!(plan["items"], 0, "{plan}");
    let versions = carl.run(&["dataset", "versions", "Scans/other"]).ok();
    assert!(
        versions[0]["note"]
            .as_str()
            .expect("a note")
            .contains("by ben@example.org"),
        "{versions}"
    );
    server.lock().expect("the server").kill();
}
