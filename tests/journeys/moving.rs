//! Transfers in the window: how far they are, paused by a person and by locking, cancelled, failed and tried again. The way to
//! the server is held where the test wants it, so that what is seen stays to be seen.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use holdfast_tests::{Dice, Event, Moment, Person, Relay, Server, Verdict, Window};

use super::prepared::{folder, unlock, unlocked};

/// What happens to parts on their way.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Road {
    Open,
    /// So many parts more pass, the others wait.
    After(u32),
    Cut,
}

/// A road that can be closed.
pub(super) struct Gate {
    road: Mutex<Road>,
    opened: Condvar,
}

impl Gate {
    /// Stands between the clients and a server.
    fn before(server: &Server, relay: Relay) -> Arc<Self> {
        let gate = Arc::new(Self {
            road: Mutex::new(Road::Open),
            opened: Condvar::new(),
        });
        let judge = Arc::clone(&gate);
        relay.open(server.port(), Arc::new(move |event: &Event| judge.judge(event)));
        gate
    }

    pub(super) fn set(&self, road: Road) {
        *self.road.lock().expect("the road") = road;
        self.opened.notify_all();
    }

    fn judge(&self, event: &Event) -> Verdict {
        let moving = event.part().is_some() || event.is_read();
        if !moving || event.moment != Moment::Arrived {
            return Verdict::Go;
        }
        let mut road = self.road.lock().expect("the road");
        loop {
            match *road {
                Road::Open => return Verdict::Go,
                Road::Cut => return Verdict::Cut,
                Road::After(0) => road = self.opened.wait(road).expect("the road"),
                Road::After(more) => {
                    *road = Road::After(more - 1);
                    return Verdict::Go;
                }
            }
        }
    }
}

/// Ana with a project, at a server whose road is open until it is closed.
pub(super) fn on_the_road(root: &Path, project: &str) -> (Server, Arc<Gate>, Person) {
    let relay = Relay::bind();
    let url = relay.url();
    let server = Server::start_with(&root.join("server"), &["--origin", &url]);
    let gate = Gate::before(&server, relay);
    let ana = Person::sign_up(root, &url, "ana@example.org");
    ana.run(&["project", "create", project]).ok();
    (server, gate, ana)
}

/// A file that nothing can make smaller.
pub(super) fn large(folder: &Path, name: &str, seed: u64) {
    Dice::new(seed).file(&folder.join(name), 48_000_000);
}

pub(super) async fn upload(window: &Window, folder: &Path) {
    window.drop_files(&[folder]).await;
    window.sees("What is new").await;
    window.click("Start").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_paused_cancelled_and_tried_again() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let (_server, gate, ana) = on_the_road(root, "Scans");
    let scans = folder(root, "Scans of the left hemisphere");
    large(&scans, "left.nii", 1);
    large(&scans, "left-again.nii", 2);
    let window = unlocked("moving", &ana).await;
    window.click("Scans").await;
    window.sees("No datasets yet").await;

    gate.set(Road::After(2));
    upload(&window, &scans).await;
    window.sees("Locking and sending").await;
    window.sees("of 96 MB").await;
    window.screen("1-running").await;
    window.sees("Nothing moves at the moment").await;
    window.click("Pause").await;
    window.sees("Paused").await;
    window.sees("It goes on where it was.").await;
    window.screen("2-paused").await;

    // It goes on; locking stops it, and it waits behind the lock.
    window.click("Resume").await;
    window.sees("Locking and sending").await;
    window.control('l').await;
    window.sees("Welcome back").await;
    assert!(!window.text().await.contains("left hemisphere"));
    unlock(&window, &ana).await;
    window.sees("It goes on where it was.").await;
    gate.set(Road::Open);
    window.click("Resume").await;
    window.sees("Checked against the server: all correct.").await;
    window.click("Show").await;
    window.sees("Version 1").await;
    window.screen("3-done").await;
    window.click("Put away").await;
    window.no_longer_sees("Transfers").await;

    // Cancelled: what has become of it is said, and nothing is half there.
    window.click("Back").await;
    gate.set(Road::After(1));
    let other = folder(root, "Other");
    large(&other, "other.nii", 3);
    upload(&window, &other).await;
    window.sees("of 48 MB").await;
    window.click("Cancel").await;
    window.sees("Nothing was added to the project.").await;
    window.screen("4-cancelled").await;

    // It fails, and says why; trying again goes on where it was.
    gate.set(Road::Cut);
    let third = folder(root, "Third");
    large(&third, "third.nii", 4);
    upload(&window, &third).await;
    window.sees("The server doesn't answer.").await;
    window.screen("5-failed").await;
    window.click("Make the list of transfers small").await;
    window.sees("1 failed").await;
    window.screen("6-folded").await;
    window.click("Show all transfers").await;
    gate.set(Road::Open);
    window.click("Try again").await;
    window.sees("Checked against the server: all correct.").await;
    window.click("Put away what has ended").await;
    window.no_longer_sees("Transfers").await;

    // A download that is cancelled leaves nothing behind, under no name.
    window.click("Third").await;
    window.sees("Version 1").await;
    gate.set(Road::After(0));
    let to = folder(root, "to");
    window.will_pick(&[&to]);
    window.click("Download").await;
    window.sees("Fetching and opening").await;
    window.screen("7-download").await;
    window.click("Cancel").await;
    window.sees("Nothing was saved.").await;
    let left = std::fs::read_dir(&to).expect("the folder").count();
    assert_eq!(left, 0, "something was left behind");
    gate.set(Road::Open);
    window.close().await;
}

/// Closed in the middle of an upload and opened again at once, before it has put that aside: there is a window, and it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn closed_and_opened_again_at_once() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let (_server, gate, ana) = on_the_road(root, "Scans");
    let scans = folder(root, "Scans");
    large(&scans, "left.nii", 1);
    let window = unlocked("moving-again", &ana).await;
    window.click("Scans").await;
    window.sees("No datasets yet").await;
    gate.set(Road::After(1));
    upload(&window, &scans).await;
    window.sees("of 48 MB").await;
    window.leave().await;

    let window = Window::open("moving-again", &ana.profile()).await;
    unlock(&window, &ana).await;
    window.sees("1 not finished").await;
    gate.set(Road::Open);
    window.click("Go on").await;
    window.sees("Checked against the server: all correct.").await;
    window.close().await;
}
