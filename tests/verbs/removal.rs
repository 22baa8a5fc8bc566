//! A removal whose process is killed (SIGKILL) at each of its requests, and finished by the same terminal or by another owner's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use holdfast_tests::{Event, Moment, Person, Relay, Server, Trap, Verdict};

fn value(person: &Person) -> Option<String> {
    let shown = person.run(&["secret", "show", "Scans/GitHub", "--reveal"]);
    shown.json["fields"][0]["value"].as_str().map(str::to_owned)
}

fn is_in(owner: &Person, handle: &str) -> bool {
    let members = owner.run(&["project", "members", "Scans"]).ok();
    let members = members.as_array().expect("members");
    members.iter().any(|member| member["handle"] == handle)
}

#[test]
fn a_removal_whose_process_is_killed_is_finished_by_any_owner() {
    let root = tempfile::tempdir().expect("a folder");
    let relay = Relay::bind();
    let url = relay.url();
    let server = Server::start_with(&root.path().join("server"), &["--origin", &url]);
    let trap = Trap::open(relay, server.port(), |_| true);
    // Without an agent: the process that is killed is the one that works.
    let ana = Person::locked(root.path(), &url, "ana@example.org");
    let [olga, ben, carl] =
        ["olga", "ben", "carl"].map(|name| Person::sign_up(root.path(), &url, &format!("{name}@example.org")));
    ana.run(&["project", "create", "Scans"]).ok();
    for (person, role) in [(&olga, "owner"), (&ben, "contributor"), (&carl, "reader")] {
        ana.run(&["project", "share", "Scans", person.handle(), "--role", role])
            .ok();
    }
    let token = format!("token=@{}", ana.file("t", "0"));
    ana.run(&[
        "secret", "add", "--type", "git", "--name", "GitHub", "--in", "Scans", "--field", &token,
    ])
    .ok();
    let remove = ["project", "remove", "Scans", "ben@example.org"];
    let (mut killed, mut turn) = (0, 0);
    let mut points = (0..60).flat_map(|number| [(number, Moment::Arrived), (number, Moment::Answered)]);
    loop {
        let point = points.next().expect("a command has fewer requests");
        turn += 1;
        assert_eq!(value(&ben), value(&carl), "{point:?}: not where it began");
        let ended = !trap.kills(point, || ana.start(&remove));
        killed += usize::from(!ended);

        // In between nobody is without his right: either it has not happened yet, or it has, whole.
        assert_eq!(value(&ben).is_some(), is_in(&olga, ben.handle()), "{point:?}");
        assert_eq!(value(&carl), value(&olga), "{point:?}");
        let finisher = if turn % 2 == 0 { &ana } else { &olga };
        if is_in(finisher, ben.handle()) {
            finisher.run(&remove).ok();
        }
        // What is written now is for those who are in.
        let next = format!("token=@{}", ana.file("t", &turn.to_string()));
        ana.run(&["secret", "edit", "Scans/GitHub", "--field", &next]).ok();
        for person in [&ana, &olga, &carl] {
            assert_eq!(value(person), Some(turn.to_string()), "{point:?}: {}", person.handle());
        }
        let refused = ben.run(&["secret", "show", "Scans/GitHub", "--reveal"]);
        assert_eq!(refused.code, 12, "{point:?}: {}{}", refused.stdout, refused.stderr);
        if ended {
            break;
        }
        ana.run(&["project", "share", "Scans", ben.handle(), "--role", "contributor"])
            .ok();
    }
    assert!(killed >= 8, "killed {killed} times");
    println!("killed {killed} times");
}

/// The server takes a removal, and the connection ends before its answer: whoever removed is told all the same, with what to change.
#[test]
fn a_removal_whose_answer_is_lost_says_what_to_change() {
    let root = tempfile::tempdir().expect("a folder");
    let relay = Relay::bind();
    let url = relay.url();
    let server = Server::start_with(&root.path().join("server"), &["--origin", &url]);
    let lose = Arc::new(AtomicUsize::new(0));
    let left = lose.clone();
    relay.open(
        server.port(),
        Arc::new(move |event: &Event| {
            let last = |left: usize| left.checked_sub(1);
            let lost = event.is_append()
                && event.moment == Moment::Answered
                && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, last).is_ok();
            if lost { Verdict::Cut } else { Verdict::Go }
        }),
    );
    let [ana, ben] = ["ana", "ben"].map(|name| Person::sign_up(root.path(), &url, &format!("{name}@example.org")));
    ana.run(&["project", "create", "Scans"]).ok();
    ana.run(&["project", "share", "Scans", ben.handle(), "--role", "reader"])
        .ok();
    let token = format!("token=@{}", ana.file("t", "0"));
    ana.run(&[
        "secret", "add", "--type", "git", "--name", "GitHub", "--in", "Scans", "--field", &token,
    ])
    .ok();
    lose.store(1, Ordering::SeqCst);
    let removed = ana.run(&["project", "remove", "Scans", ben.handle()]).ok();
    assert_eq!(lose.load(Ordering::SeqCst), 0, "no answer was lost");
    assert_eq!(removed["change_secrets"], serde_json::json!(["GitHub"]));
    assert!(!is_in(&ana, ben.handle()));
    let activity = ana.run(&["project", "activity", "Scans"]).ok();
    let removals = activity.to_string().matches("\"what\":\"removed\"").count();
    assert_eq!(removals, 1, "{activity:#}");
}
