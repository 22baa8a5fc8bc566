//! A key change whose process is killed (SIGKILL) at each request from the change on, and finished on a second device.

use holdfast_tests::{Moment, Person, Relay, Server, Trap};

/// Strong enough to be taken, and another one each time.
fn phrase(number: usize) -> String {
    let words = [
        "many",
        "plethora",
        "upward",
        "blah",
        "expediter",
        "wrongness",
        "enamel",
        "unshaved",
    ];
    let mut words = words.to_vec();
    words.rotate_left(number % 8);
    format!("{} {number}", words.join(" "))
}

#[test]
fn a_key_change_whose_process_is_killed_is_finished_elsewhere() {
    let root = tempfile::tempdir().expect("a folder");
    let relay = Relay::bind();
    let url = relay.url();
    let server = Server::start_with(&root.path().join("server"), &["--origin", &url]);
    // From the change on.
    let trap = Trap::open(relay, server.port(), |event| {
        event.method == "PUT" && event.path == "/v1/me/bundle"
    });
    let ana = Person::locked(root.path(), &url, "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let token = format!("token=@{}", ana.file("t", "my token"));
    ana.run(&[
        "secret", "add", "--type", "git", "--name", "GitHub", "--in", "Scans", "--field", &token,
    ])
    .ok();
    let mut current = std::fs::read_to_string(ana.key_file())
        .expect("the key")
        .trim()
        .to_owned();
    let sign_in = |person: &Person| person.run(&["signin", "--server", &url, "--handle", "ana@example.org"]);

    // Before the server has the change, after it has it and nobody knows, and at each request after that.
    let points = [(0, Moment::Arrived), (0, Moment::Answered)];
    let after = (1..40).map(|number| (number, Moment::Answered));
    let mut killed = 0;
    for (turn, point) in points.into_iter().chain(after).enumerate() {
        let next = phrase(turn);
        let file = ana.file("next", &format!("{next}\n"));
        let change = ["key", "change", "--new-master-key-file", &file, "--kdf-log2-n", "17"];
        let ended = !trap.kills(point, || ana.start(&change));
        killed += usize::from(!ended);

        // A second device that has never been here: with whichever of the two phrases counts.
        let laptop = Person::nobody(root.path(), &url, &format!("laptop-{turn}"));
        laptop.keep_key(&next);
        let answer = sign_in(&laptop);
        if answer.code == 10 {
            assert!(point == (0, Moment::Arrived), "{point:?}: the change is lost");
            laptop.keep_key(&current);
            sign_in(&laptop).ok();
        } else {
            answer.ok();
            current.clone_from(&next);
        }
        let shown = laptop.run(&["secret", "show", "Scans/GitHub", "--reveal"]).ok();
        assert_eq!(shown["fields"][0]["value"], "my token", "{point:?}");
        // The first one goes on with what counts.
        ana.keep_key(&current);
        if ana.run(&["whoami"]).code != 0 {
            sign_in(&ana).ok();
        }
        let shown = ana.run(&["secret", "show", "Scans/GitHub", "--reveal"]).ok();
        assert_eq!(shown["fields"][0]["value"], "my token", "{point:?}");
        if ended {
            break;
        }
    }
    assert!(killed >= 4, "killed {killed} times");
    println!("killed {killed} times");
}
