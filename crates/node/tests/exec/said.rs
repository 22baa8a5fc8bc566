//! What a task is told, what it says, and what it leaves.

use std::fs;
use std::io::{BufRead as _, Read as _, Write as _};
use std::net::TcpListener;

use serde_json::json;

use crate::support::{Node, Trial, soon};

#[test]
fn a_task_finds_what_it_was_given() {
    if !crate::support::walls() {
        return;
    }
    let manifest = "[parameters.rate]\ntype = \"float\"\ndefault = 1\n[parameters.note]\ntype = \"text\"\noptional = true\n\
                    [secrets.hub]\npurpose = \"p\"\nenv = \"HUB_TOKEN\"\nfield = \"key\"\n";
    let program = r#"
import holdfast, os, stat
assert holdfast.params == {"rate": 0.5}, holdfast.params
assert holdfast.input("raw").read_text() == "data"
try: holdfast.input("other")
except holdfast.Missing as error: print(error)
assert holdfast.secret("hub", "key") == "a value nobody sees"
path = "/run/holdfast/secrets/hub/key"
assert stat.S_IMODE(os.stat(path).st_mode) == 0o400
assert os.environ["HUB_TOKEN"] == "a value nobody sees"
assert os.getcwd() == "/task" and os.environ["HOME"] == "/tmp"
extra = set(os.environ) - {"PATH", "HOME", "LANG", "HUB_TOKEN", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
assert all(name.startswith("HOLDFAST_") for name in extra), extra
for step in range(3): holdfast.metric("loss", 1 / (step + 1), step)
holdfast.metric("lr", float("inf"))
(holdfast.output("model/deep") / "weights.bin").write_bytes(b"w" * 10)
assert not os.path.exists("/task/__pycache__")
"#;
    let trial = Trial::python(manifest, program)
        .with("params", json!({ "rate": "0.5" }))
        .with("inputs", json!({ "raw": "data" }))
        .with("secrets", json!({ "hub": { "key": "a value nobody sees" } }));
    let shown = Node::new().run(&trial);
    assert_eq!(shown.how(), "Exited(0)", "{shown:?}");
    assert_eq!(shown.out, "there is no input called 'other'\n");
    assert_eq!(shown.metrics.len(), 4);
    assert_eq!(shown.metrics[1], json!(["loss", "0.5", "Some(1)"]));
    assert_eq!(shown.metrics[3], json!(["lr", "inf", "None"]));
    assert_eq!(shown.end["files"]["model/deep/weights.bin"][0], 10);
}

#[test]
fn the_module_for_python_works_in_old_and_new() {
    if !crate::support::walls() {
        return;
    }
    // What of it is newer than 3.8 would be said by the parser.
    let program =
        "import ast\nast.parse(open('/run/holdfast-python/holdfast.py').read(), feature_version=(3, 8))\nprint('read')";
    assert_eq!(Node::new().run(&Trial::python("", program)).out, "read\n");
}

#[test]
fn secrets_are_not_shown() {
    if !crate::support::walls() {
        return;
    }
    let manifest = "[secrets.hub]\npurpose = \"p\"\n";
    let program = r#"
import base64, holdfast, json, sys, time, urllib.parse
value = holdfast.secret("hub", "key")
print("plain", value)
sys.stdout.write("halves " + value[:7]); sys.stdout.flush(); time.sleep(0.6)
sys.stdout.write(value[7:] + "\n"); sys.stdout.flush()
for character in value: sys.stdout.write(character); sys.stdout.flush()
print()
print("basic", base64.b64encode(("user:" + value).encode()).decode())
print("address", urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value))
print("json", json.dumps({"v": value}))
print(value, file=sys.stderr)
sys.stdout.buffer.write(b"\xff\xfe" + value.encode() + b"\xff\n")
print("end")
raise RuntimeError(value)
"#;
    let value = "tok en/4711+\"x\"";
    let trial = Trial::python(manifest, program).with("secrets", json!({ "hub": { "key": value } }));
    let shown = Node::new().run(&trial);
    assert_eq!(shown.how(), "Exited(1)");
    assert!(shown.err.contains("RuntimeError: ***"), "{}", shown.err);
    let all = format!("{}{}", shown.out, shown.err);
    for piece in [value, "4711", "NDcxMS", "tok%20en", "tok+en"] {
        assert!(!all.contains(piece), "{piece}: {all}");
    }
    for line in [
        "plain ***",
        "halves ***",
        "\n***\n",
        "address *** ***",
        "json {\"v\": \"***\"}",
        "\u{fffd}\u{fffd}***\u{fffd}\n",
        "end",
    ] {
        assert!(shown.out.contains(line), "{line}: {}", shown.out);
    }
}

#[test]
fn secrets_are_in_no_argument_no_environment_and_on_no_disk() {
    if !crate::support::walls() {
        return;
    }
    let node = Node::new();
    let value = "a-value-to-look-for";
    let program = "import holdfast, time\nassert holdfast.secret('hub', 'key')\ntime.sleep(60)";
    let trial =
        Trial::python("[secrets.hub]\npurpose = \"p\"\n", program).with("secrets", json!({ "hub": { "key": value } }));
    let (child, lines) = node.start(&trial);
    assert!(lines.lines().map(Result::unwrap).any(|line| line.contains("started")));
    soon("the task is there", || {
        node.processes().iter().any(|words| words.starts_with("python3"))
    });
    let mut looked = 0;
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        for file in ["cmdline", "environ"] {
            // The tests' own memory is not looked at, and others' only as far as permitted.
            let Ok(bytes) = fs::read(entry.path().join(file)) else {
                continue;
            };
            looked += 1;
            assert!(
                !String::from_utf8_lossy(&bytes).contains(value),
                "{file} of {:?}",
                entry.path()
            );
        }
    }
    assert!(looked > 10);
    let mut open = vec![node.folder().to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                open.push(entry.path());
            } else if let Ok(bytes) = fs::read(entry.path()) {
                assert!(!String::from_utf8_lossy(&bytes).contains(value), "{:?}", entry.path());
            }
        }
    }
    drop(child);
    soon("all is gone", || node.processes().is_empty());
}

#[test]
fn a_task_that_prints_without_end() {
    if !crate::support::walls() {
        return;
    }
    let program = "yes 'a line of no interest' | head -c 1073741824; echo done >&2";
    let shown = Node::new().run(&Trial::shell("[limits]\nlog = \"64 KiB\"\ntime = \"2 min\"", program));
    assert_eq!(shown.how(), "Exited(0)");
    assert_eq!(shown.out.len() + shown.err.len(), 64 << 10);
    let left_out = (1 << 30) + "done\n".len() as u64 - (64 << 10);
    assert_eq!(shown.number("left_out"), left_out);
    assert_eq!(shown.notes, [format!("{left_out} bytes of output were left out.")]);
}

#[test]
fn metrics_without_end_are_bounded() {
    if !crate::support::walls() {
        return;
    }
    let program = "import os\nf = os.open('/run/holdfast/metrics', os.O_WRONLY)\nline = b'{\"name\":\"x\",\"value\":1}\\n' * 100\nfor _ in range(1100): os.write(f, line)\nos.write(f, b'x' * 100000)";
    let shown = Node::new().run(&Trial::python("", program));
    assert_eq!((shown.how(), shown.metrics.len()), ("Exited(0)", 100_000));
    assert!(
        shown.end["usage"].as_str().unwrap().contains("metrics_left_out: 10001"),
        "{:?}",
        shown.end
    );
}

#[test]
fn hostile_outputs_are_named_and_not_taken() {
    if !crate::support::walls() {
        return;
    }
    let program = r#"
import os, socket
os.chdir("/out")
open("good", "w").write("good")
os.symlink("/etc/passwd", "link")
os.symlink("..", "up")
os.symlink("/proc/self/root", "folder")
os.mkfifo("pipe")
socket.socket(socket.AF_UNIX).bind("socket")
try: os.mknod("device", 0o600 | 0o020000, os.makedev(1, 3))
except OSError as error: print(error)
open("line\nfeed", "w"); open(b"\xff\xfe", "w"); open("a\\b", "w"); open("CON", "w"); open("dot.", "w"); open("\x1b[2J", "w")
open("closed", "w"); os.chmod("closed", 0)
os.mkdir("shut"); os.chmod("shut", 0)
os.makedirs("/".join("d" * 40))
try: os.link("/etc/passwd", "hard")
except OSError as error: print(error)
open("one", "w").write("1"); os.link("one", "two")
"#;
    let shown = Node::new().run(&Trial::python("", program));
    assert_eq!(shown.how(), "Exited(0)", "{shown:?}");
    assert_eq!(shown.out.lines().count(), 2, "{}", shown.out);
    let files: Vec<_> = shown.end["files"].as_object().unwrap().keys().collect();
    assert_eq!(files, ["good", "one", "two"]);
    for (name, why) in [
        ("link", "it is a link"),
        ("up", "it is a link"),
        ("folder", "it is a link"),
        ("pipe", "it is a pipe"),
        ("socket", "it is a socket"),
        ("line\\nfeed", "its name has control characters"),
        ("a\\\\b", "its name has characters that not every computer takes"),
        ("CON", "its name is that of a device on some computers"),
        ("dot.", "its name has characters that not every computer takes"),
        ("\\u{1b}[2J", "its name has control characters"),
        ("closed", "it can't be read"),
        ("shut", "the folder can't be read"),
    ] {
        assert_eq!(shown.end["refused"][name], why, "{name} {:?}", shown.end["refused"]);
    }
}

#[test]
fn only_named_hosts_are_reached_and_only_through_the_node() {
    if !crate::support::walls() {
        return;
    }
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in server.incoming().map(Result::unwrap) {
            let mut asked = [0; 4];
            let _ = stream.read_exact(&mut asked);
            let _ = stream.write_all(b"pong");
        }
    });
    let program = format!(
        r#"
import os, socket
def ask(host):
    proxy = os.environ["https_proxy"].split("//")[1].split(":")
    s = socket.create_connection((proxy[0], int(proxy[1])), timeout=10)
    s.sendall(f"CONNECT {{host}} HTTP/1.1\r\nHost: {{host}}\r\n\r\n".encode())
    said = s.recv(1000).decode().split("\r\n")[0]
    if " 200 " not in said: return said
    s.sendall(b"ping")
    return s.recv(4).decode()
print(ask("localhost:{port}"))
print(ask("localhost:1"))
print(ask("example.org:443"))
try: print(socket.create_connection(("127.0.0.1", {port}), timeout=2))
except OSError as error: print("directly:", error.strerror)
"#
    );
    let manifest = format!("[network]\nhosts = [\"localhost:{port}\"]");
    let node = Node::new();
    let shown = node.run(&Trial::python(&manifest, &program).with("private", json!(true)));
    let lines: Vec<_> = shown.out.lines().collect();
    assert_eq!(
        lines,
        [
            "pong",
            "HTTP/1.1 403 Forbidden",
            "HTTP/1.1 403 Forbidden",
            "directly: Connection refused"
        ],
        "{shown:?}"
    );
    assert_eq!(shown.number("network"), 8);
    assert!(
        shown.notes.iter().any(|note| note.contains("example.org:443")),
        "{:?}",
        shown.notes
    );
    let shown = node.run(&Trial::python(&manifest, &program));
    assert!(
        shown.out.starts_with("HTTP/1.1 403"),
        "addresses of this computer are refused unless its operator permits them: {shown:?}"
    );
}
