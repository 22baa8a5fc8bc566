//! One process owns a profile.

use std::io::{BufRead, BufReader, Read};

use holdfast_device::{Holder, Profile, ProfileLock};

use crate::child;
use crate::profile::open;

#[test]
#[ignore = "body of a second process"]
fn hold() {
    let Some(folder) = child::argument() else { return };
    let profile = open(&folder);
    let lock = ProfileLock::acquire(&profile).unwrap();
    println!("\nheld {}", lock.is_some());
    // Until the parent hangs up or kills us.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn acquire(profile: &Profile) -> Option<ProfileLock> {
    ProfileLock::acquire(profile).unwrap()
}

#[test]
fn two_processes_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let profile = open(folder.path());
    let start = || {
        let mut child = child::run("lock::hold", folder.path()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let held = lines
            .map(|line| line.unwrap())
            .find(|line| line.starts_with("held "))
            .expect("the child speaks");
        (child, held)
    };

    let (mut child, held) = start();
    assert_eq!(held, "held true");
    assert!(acquire(&profile).is_none());
    let holder = ProfileLock::holder(&profile).unwrap();
    assert_eq!(
        holder,
        Some(Holder {
            pid: child.id(),
            socket: profile.socket().to_owned()
        })
    );
    child.kill().unwrap();
    child.wait().unwrap();

    let mine = acquire(&profile).expect("the killed process let go");
    assert_eq!(ProfileLock::holder(&profile).unwrap().unwrap().pid, std::process::id());
    let (mut child, held) = start();
    assert_eq!(held, "held false");
    drop(child.stdin.take());
    child.wait().unwrap();
    drop(mine);
    assert!(acquire(&profile).is_some());
}

#[test]
fn also_within_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let profile = open(folder.path());
    let other = tempfile::tempdir().unwrap();
    let mine = acquire(&profile).unwrap();
    assert!(acquire(&profile).is_none());
    assert!(acquire(&open(other.path())).is_some(), "profiles don't share a lock");
    drop(mine);
    assert!(acquire(&profile).is_some());
}
