//! The socket between the agent and the others: who may speak, and how messages are cut.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::Duration;

use holdfast_device::{
    AgentListener, FRAME_LIMIT, FrameError, Profile, ProfileLock, connect_agent, read_frame, write_frame,
};
use holdfast_engine::Error;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;

use crate::child;
use crate::profile::open;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Message {
    verb: String,
    number: u64,
}

fn message(verb: &str) -> Message {
    Message {
        verb: verb.into(),
        number: 7,
    }
}

fn held(folder: &Path) -> (Profile, ProfileLock) {
    let profile = open(folder);
    let lock = ProfileLock::acquire(&profile).unwrap().unwrap();
    (profile, lock)
}

#[tokio::test]
async fn agent_and_client_talk() {
    let folder = tempfile::tempdir().unwrap();
    let (profile, lock) = held(folder.path());
    assert!(connect_agent(profile.socket()).await.unwrap().is_none());
    let agent = AgentListener::bind(&profile, &lock).await.unwrap();
    assert_eq!(agent.path(), profile.socket());
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(agent.path()), mode(agent.path().parent().unwrap())),
        (0o600, 0o700)
    );

    let served = tokio::spawn(async move {
        let mut stream = agent.accept().await.unwrap();
        while let Some(asked) = read_frame::<Message>(&mut stream).await.unwrap() {
            write_frame(
                &mut stream,
                &Message {
                    number: asked.number + 1,
                    ..asked
                },
            )
            .await
            .unwrap();
        }
        agent
    });
    let mut stream = connect_agent(profile.socket()).await.unwrap().unwrap();
    for number in [1, u64::MAX - 1] {
        write_frame(
            &mut stream,
            &Message {
                number,
                ..message("ping")
            },
        )
        .await
        .unwrap();
        let answer: Message = read_frame(&mut stream).await.unwrap().unwrap();
        assert_eq!(
            answer,
            Message {
                number: number + 1,
                ..message("ping")
            }
        );
    }
    drop(stream);
    drop(served.await.unwrap());
    assert!(!profile.socket().exists(), "it cleans up after itself");
}

#[tokio::test]
async fn only_a_dead_socket_is_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    let (profile, lock) = held(folder.path());
    // As a killed agent leaves it: the file is there, nobody listens.
    drop(std::os::unix::net::UnixListener::bind(profile.socket()).unwrap());
    assert!(connect_agent(profile.socket()).await.unwrap().is_none());
    let agent = AgentListener::bind(&profile, &lock).await.unwrap();

    let error = AgentListener::bind(&profile, &lock).await.err().unwrap();
    assert!(matches!(error, Error::Conflict(_)), "{error}");
    assert!(connect_agent(profile.socket()).await.unwrap().is_some());
    drop(agent);

    fs::write(profile.socket(), "precious").unwrap();
    let error = AgentListener::bind(&profile, &lock).await.err().unwrap();
    assert!(matches!(error, Error::AlreadyExists(_)), "{error}");
    assert!(!fs::metadata(profile.socket()).unwrap().file_type().is_socket());
}

#[test]
#[ignore = "body of a second process"]
fn stranger() {
    let Some(path) = child::argument() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        // Straight to the socket, as an attacker would: connected, then hung up on without a word.
        let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
        let _ = write_frame(&mut stream, &message("unlock")).await;
        let heard = match read_frame::<Message>(&mut stream).await {
            Ok(heard) => heard,
            Err(FrameError::Io(error)) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error}"),
        };
        println!("\nheard {heard:?}");
        // And through the front door: that is somebody else's agent.
        let error = connect_agent(&path).await.unwrap_err();
        println!("\nclient {:?}", error.kind());
    });
}

/// Needs root, who alone can start a process as somebody else; skipped otherwise.
#[tokio::test]
async fn other_users_are_hung_up_on() {
    let nobody = 65534;
    if rustix::process::geteuid().as_raw() != 0 {
        eprintln!("skipped: needs root to be somebody else");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (profile, lock) = held(folder.path());
    let agent = AgentListener::bind(&profile, &lock).await.unwrap();
    // The doors before this one, opened: what is tried here is the check of the peer itself.
    for open in [folder.path(), profile.socket().parent().unwrap(), profile.socket()] {
        fs::set_permissions(open, Permissions::from_mode(0o777)).unwrap();
    }
    // Even if the socket's file is theirs, who listens there is not.
    chown(profile.socket(), Some(nobody), None).unwrap();
    // The test program may lie where others can't read.
    let program = folder.path().join("stranger");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let original = child::run("socket::stranger", profile.socket());
    let mut command = std::process::Command::new(&program);
    command
        .args(original.get_args())
        .env("TEST_ARGUMENT", profile.socket())
        .current_dir("/")
        .uid(nobody)
        .gid(nobody);
    let served = tokio::spawn(async move { agent.accept().await.map(|_| ()) });
    let seen = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&seen.stdout);
    assert!(
        text.contains("heard None") && text.contains("client PermissionDenied"),
        "{seen:?}"
    );
    assert!(!served.is_finished(), "the agent never saw them");

    // And it still serves its own, once the file is its own again.
    let error = connect_agent(profile.socket()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    chown(profile.socket(), Some(0), None).unwrap();
    let _mine = connect_agent(profile.socket()).await.unwrap().unwrap();
    tokio::time::timeout(Duration::from_secs(10), served)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn frames_are_length_and_json() {
    let mut bytes = Vec::new();
    write_frame(&mut bytes, &message("é")).await.unwrap();
    let json = "{\"verb\":\"é\",\"number\":7}".as_bytes();
    assert_eq!(bytes, [&[0, 0, 0, u8::try_from(json.len()).unwrap()], json].concat());

    write_frame(&mut bytes, &message("2")).await.unwrap();
    let whole = bytes.len();
    let mut from = bytes.as_slice();
    assert_eq!(read_frame(&mut from).await.unwrap(), Some(message("é")));
    assert_eq!(read_frame(&mut from).await.unwrap(), Some(message("2")));
    assert_eq!(read_frame::<Message>(&mut from).await.unwrap(), None);
    for cut in (1..whole).filter(|cut| *cut != json.len() + 4) {
        let mut from = &bytes[..cut];
        let mut last = read_frame::<Message>(&mut from).await;
        if last.is_ok() {
            last = read_frame(&mut from).await;
        }
        assert!(matches!(last, Err(FrameError::CutShort)), "{cut}: {last:?}");
    }
}

#[tokio::test]
async fn oversized_frames_are_refused() {
    // A string's JSON has two quotation marks around it.
    let largest = "x".repeat(FRAME_LIMIT - 2);
    let mut bytes = Vec::new();
    write_frame(&mut bytes, &largest).await.unwrap();
    assert!(read_frame::<String>(&mut bytes.as_slice()).await.unwrap().unwrap() == largest);

    let mut bytes = Vec::new();
    let error = write_frame(&mut bytes, &format!("{largest}x")).await.unwrap_err();
    assert!(
        matches!(error, FrameError::TooLong(length) if length == FRAME_LIMIT as u64 + 1),
        "{error}"
    );
    assert!(bytes.is_empty(), "nothing was sent");

    for length in [u32::try_from(FRAME_LIMIT).unwrap() + 1, u32::MAX] {
        let (mut near, mut far) = tokio::io::duplex(64);
        far.write_all(&length.to_be_bytes()).await.unwrap();
        // Refused by its length alone: the body never comes.
        let error = read_frame::<Message>(&mut near).await.unwrap_err();
        assert!(
            matches!(error, FrameError::TooLong(told) if told == u64::from(length)),
            "{error}"
        );
    }
}

#[tokio::test]
async fn faults_do_not_repeat_what_was_said() {
    for json in [
        "{\"verb\":\"correct horse\",\"number\":\"correct horse\"}",
        "{correct horse",
        "\"correct horse\"",
        "",
    ] {
        let frame = [&u32::try_from(json.len()).unwrap().to_be_bytes(), json.as_bytes()].concat();
        let error = read_frame::<Message>(&mut frame.as_slice()).await.unwrap_err();
        assert!(matches!(error, FrameError::NotUnderstood(_)), "{error}");
        assert!(!format!("{error} {error:?}").contains("horse"), "{error:?}");
    }
}
