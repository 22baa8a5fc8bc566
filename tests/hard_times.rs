//! What goes wrong around an upload and a download: servers that go away, full disks, files that vanish or change while
//! they are read, a server that lies about what it stored, and somebody who changes his mind.
#![allow(clippy::print_stdout, reason = "a run says what it drew and did not do")]

#[path = "hard_times/altered.rs"]
mod altered;
#[path = "hard_times/away.rs"]
mod away;
#[path = "hard_times/disk.rs"]
mod disk;
#[path = "hard_times/files.rs"]
mod files;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use holdfast_tests::{Event, Moment, Parts, Relay, Server, Verdict};

/// A server behind a relay, at which one request can be held up.
struct Scene {
    server: Server,
    url: String,
    parts: Arc<Mutex<Parts>>,
    armed: Arc<AtomicBool>,
    /// Whoever has it closed keeps new requests waiting.
    gate: Arc<RwLock<()>>,
    reached: Receiver<()>,
    verdict: Sender<Verdict>,
}

impl Scene {
    /// A server on a folder. Once armed, the first request for which `here` says so waits for [`Scene::go_on`].
    fn new(data: &Path, here: impl Fn(&Event, &Parts) -> bool + Send + Sync + 'static) -> Self {
        let relay = Relay::bind();
        let url = relay.url();
        let server = Server::start_with(data, &["--origin", &url]);
        let (reach, reached) = channel();
        let (verdict, decided) = channel();
        let (reach, decided) = (Mutex::new(reach), Mutex::new(decided));
        let parts = Arc::new(Mutex::new(Parts::default()));
        let armed = Arc::new(AtomicBool::new(false));
        let gate = Arc::new(RwLock::new(()));
        let (noted, loaded, door) = (parts.clone(), armed.clone(), gate.clone());
        let judge = move |event: &Event| {
            if event.moment == Moment::Arrived {
                drop(door.read().expect("the gate"));
            }
            let stop = {
                let mut parts = noted.lock().expect("the parts");
                parts.note(event, true);
                here(event, &parts) && loaded.swap(false, Ordering::SeqCst)
            };
            if !stop {
                return Verdict::Go;
            }
            reach.lock().expect("the way out").send(()).expect("the test waits");
            decided.lock().expect("the way in").recv().unwrap_or(Verdict::Cut)
        };
        relay.open(server.port(), Arc::new(judge));
        Self {
            server,
            url,
            parts,
            armed,
            gate,
            reached,
            verdict,
        }
    }

    fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// Waits until the request is there that is held up.
    fn wait(&self) {
        self.reached
            .recv_timeout(Duration::from_secs(60))
            .expect("a request that is held up");
    }

    fn go_on(&self, verdict: Verdict) {
        self.verdict.send(verdict).expect("a request that waits");
    }

    fn kill_server(&mut self) {
        self.parts.lock().expect("the parts").killed();
        self.server.kill();
    }

    fn acknowledged(&self) -> usize {
        self.parts.lock().expect("the parts").acknowledged.len()
    }

    /// Requires that nothing was sent again that the server had acknowledged.
    fn nothing_twice(&self) {
        assert_eq!(self.parts.lock().expect("the parts").twice, Vec::<String>::new());
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}
