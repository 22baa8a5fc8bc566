//! A page whose process ends without having been told to, in the window as people run it: WebDriver's session would end with it.

use std::time::{Duration, Instant};

use holdfast_tests::window::Hands;
use holdfast_tests::{Person, Server};

const PATIENCE: Duration = Duration::from_secs(90);

fn is_unlocked(person: &Person) -> bool {
    person.run_without_key(&["status"]).ok()["unlocked"] == true
}

/// Does the same until it has worked: the page may be slower than the hands.
fn until(person: &Person, unlocked: bool, window: &Hands, again: impl Fn()) {
    let end = Instant::now() + PATIENCE;
    while is_unlocked(person) != unlocked {
        if Instant::now() > end {
            window.shot("page-missing");
            panic!("it does not become unlocked = {unlocked}");
        }
        again();
        std::thread::sleep(Duration::from_secs(2));
    }
}

#[test]
fn a_page_that_is_gone_comes_back_and_nobody_is_locked_out_or_in() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run_without_key(&["lock"]).ok();
    let phrase = std::fs::read_to_string(ana.key_file()).expect("the Master Key");
    let window = Hands::open(&ana.profile());

    // At the door: the page that comes takes the Master Key.
    window.kill_page();
    until(&ana, true, &window, || {
        window.press("ctrl+a");
        window.types(phrase.trim());
        window.press("Return");
    });

    // In the house: still unlocked, and the page that comes listens to the keyboard.
    window.kill_page();
    std::thread::sleep(Duration::from_secs(1));
    assert!(is_unlocked(&ana), "it locked itself");
    window.waits_for_page();
    std::thread::sleep(Duration::from_secs(2));
    window.shot("page-ended");
    until(&ana, false, &window, || window.press("ctrl+l"));
}
