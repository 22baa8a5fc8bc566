//! What a worker can't do any more.

use std::process::Command;

use holdfast_preview::{Frame, HEADER, Request};

/// Tries, in a process that has confined itself, what somebody who took over a decoder would try.
#[test]
#[ignore = "run by the tests below in a process of its own"]
fn probe() {
    let attempt = std::env::var("PROBE").unwrap();
    holdfast_preview::confine().unwrap();
    let done = match attempt.as_str() {
        "nothing" => Ok(()),
        "open" => std::fs::read("/etc/hostname").map(|_| ()),
        "write" => std::fs::write("/tmp/holdfast-preview-probe", "x"),
        "remove" => std::fs::remove_file("/tmp/holdfast-preview-probe-there"),
        "connect" => std::net::TcpStream::connect("127.0.0.1:9").map(|_| ()),
        "listen" => std::net::TcpListener::bind("127.0.0.1:0").map(|_| ()),
        "run" => Command::new("/bin/true").status().map(|_| ()),
        "thread" => std::thread::Builder::new().spawn(|| ()).map(|_| ()),
        "memory" => {
            let mut much: Vec<u8> = Vec::new();
            much.try_reserve_exact(2 << 30).map_err(std::io::Error::other)
        }
        "some memory" => {
            let some = vec![1u8; 64 << 20];
            assert_eq!(some[some.len() / 2], 1);
            Ok(())
        }
        other => panic!("{other}"),
    };
    // Not by way of the test harness: it has threads and files of its own.
    std::process::exit(match done {
        Ok(()) => 77,
        Err(_) => 78,
    });
}

fn tries(attempt: &str) -> Option<i32> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "wall::probe", "--test-threads=1"])
        .env("PROBE", attempt);
    command.output().unwrap().status.code()
}

#[test]
fn nothing_can_be_opened_reached_or_started() {
    assert_eq!(tries("nothing"), Some(77), "the probe works");
    assert_eq!(tries("some memory"), Some(77));
    let there = "/tmp/holdfast-preview-probe-there";
    std::fs::write(there, "x").unwrap();
    for attempt in [
        "open", "write", "remove", "connect", "listen", "run", "thread", "memory",
    ] {
        assert_eq!(tries(attempt), Some(78), "{attempt}");
    }
    assert!(std::fs::exists(there).unwrap());
    std::fs::remove_file(there).unwrap();
}

#[test]
fn frames_are_read_as_written_and_lies_are_refused() {
    let request = Request {
        name: "x".into(),
        rows: 3,
        offset: Some(7),
    };
    let frames = [
        Frame::Show(request, 9),
        Frame::Bytes(vec![1, 2, 3]),
        Frame::Ask { offset: 5, length: 6 },
        Frame::View(Box::new(crate::support::view("x.csv", b"a,b\n1,2\n"))),
        Frame::Failed("no".into()),
    ];
    let split =
        |bytes: &[u8]| -> ([u8; HEADER], Vec<u8>) { (bytes[..HEADER].try_into().unwrap(), bytes[HEADER..].to_vec()) };
    for frame in frames {
        let (header, body) = split(&frame.to_bytes());
        assert_eq!(Frame::body_len(header).unwrap(), body.len());
        assert_eq!(Frame::parse(header, body).unwrap(), frame);
    }
    assert!(Frame::body_len(*b"V\xff\xff\xff\xff").is_err());
    assert!(Frame::parse(*b"?\0\0\0\0", Vec::new()).is_err());
    assert!(Frame::parse(*b"V\x02\0\0\0", b"{}".to_vec()).is_err());
    let (header, body) = split(
        &Frame::Ask {
            offset: 0,
            length: 2 << 20,
        }
        .to_bytes(),
    );
    assert!(Frame::parse(header, body).is_err(), "too much at once");
}
