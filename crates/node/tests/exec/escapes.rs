//! Tasks that want out: each way that is tried, and that each is in the table of `docs/nodes.md`.

use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::support::{Node, Trial};

const TABLE: &str = include_str!("../../../../docs/nodes.md");

#[test]
fn nobody_gets_out() {
    if !crate::support::walls() {
        return;
    }
    let node = Node::new();
    let canary = node.file("canary", "as it was");
    let secret = node.file("other/runs/run-9/in/raw", "of another run");
    // A process of the same user, a server for anybody, sockets of each kind.
    let mut neighbour = node.command(Path::new("/bin/sh"));
    let neighbour = neighbour
        .args(["-c", "read line", "a-neighbour"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut neighbour = neighbour.stderr(Stdio::null()).spawn().unwrap();
    let tcp = TcpListener::bind("0.0.0.0:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let name = format!("holdfast-{}", tcp.local_addr().unwrap().port());
    let abstract_one = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let socket = node.folder().join("socket");
    let by_path = UnixListener::bind(&socket).unwrap();
    let addresses = Command::new("hostname")
        .arg("-I")
        .stderr(Stdio::null())
        .output()
        .map(|output| output.stdout)
        .unwrap_or_default();
    let addresses: Vec<_> = String::from_utf8_lossy(&addresses)
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let told = json!({
        "canary": canary, "runs": secret.parent(), "neighbour": neighbour.id(), "port": tcp.local_addr().unwrap().port(),
        "udp": udp.local_addr().unwrap().port(), "abstract": name, "socket": socket, "addresses": addresses,
    });
    let manifest = "[parameters.told]\ntype = \"text\"\n[limits]\ntime = \"2 min\"\n";
    let trial = Trial::python(manifest, include_str!("escapes.py"))
        .with("params", json!({ "told": told.to_string() }))
        .with("inputs", json!({ "raw": "data" }));
    let shown = node.run(&trial);
    assert_eq!(shown.how(), "Exited(0)", "{} {}", shown.out, shown.err);
    let tries: Vec<(&str, &str)> = shown.out.lines().filter_map(|line| line.split_once('\t')).collect();
    let out: Vec<_> = tries.iter().filter(|(_, said)| said.starts_with("DONE")).collect();
    assert!(out.is_empty(), "{out:#?}");
    assert!(tries.len() > 60, "{shown:?}");
    for (name, said) in &tries {
        assert!(
            TABLE.contains(&format!("| {name} |")),
            "docs/nodes.md does not list `{name}` ({said})"
        );
        // That a try does not work must be the wall's doing, and not that of a test which makes no sense.
        assert!(
            !["NameError", "TypeError", "AttributeError", "ImportError"]
                .iter()
                .any(|fault| said.starts_with(fault)),
            "{name}: {said}"
        );
    }
    tcp.set_nonblocking(true).unwrap();
    assert!(tcp.accept().is_err(), "nobody came");
    for listener in [&abstract_one, &by_path] {
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "nobody came");
    }
    udp.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(udp.recv(&mut [0]).is_err(), "nobody wrote");
    assert_eq!(std::fs::read_to_string(canary).unwrap(), "as it was");
    assert!(neighbour.try_wait().unwrap().is_none(), "it still runs");
    drop(neighbour.stdin.take());
    neighbour.wait().unwrap();
}

/// Calls of the other machine that this one can be as well: their list of numbers is another one.
#[test]
fn a_program_of_32_bits_ends_at_its_first_call() {
    if !crate::support::walls() {
        return;
    }
    let node = Node::new();
    // No such program is needed for most machines that have no libraries for it: the filter is asked directly.
    let program = "import mmap, ctypes\n\
                   code = bytes([0xb8, 0x14, 0, 0, 0, 0xcd, 0x80, 0xc3])\n\
                   m = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)\n\
                   m.write(code)\n\
                   f = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))\n\
                   print('got', f())\n";
    if cfg!(target_arch = "x86_64") {
        let shown = node.run(&Trial::python("", program));
        assert!(
            shown.how().starts_with("Signalled") && !shown.out.contains("got"),
            "{shown:?}"
        );
    }
}
