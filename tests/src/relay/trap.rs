use std::process::Child;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Event, Moment, Relay, Verdict};

/// Kills a process (SIGKILL) at one of its requests: the request waits until the process is gone, and then goes no further.
pub struct Trap {
    set: Arc<Mutex<Option<Set>>>,
    reached: Receiver<()>,
    killed: Sender<()>,
}

/// Where it snaps, and how many requests have come since it began to count.
struct Set {
    number: usize,
    moment: Moment,
    seen: usize,
}

impl Trap {
    /// Opens a relay to a port of this computer. Requests count from the first one of which `first` says so, that one included.
    pub fn open(relay: Relay, port: u16, first: impl Fn(&Event) -> bool + Send + Sync + 'static) -> Self {
        let set = Arc::new(Mutex::new(None::<Set>));
        let (tell, reached) = channel();
        let (killed, gone) = channel::<()>();
        let (tell, gone, here) = (Mutex::new(tell), Mutex::new(gone), set.clone());
        let snaps = move |event: &Event| {
            let mut set = here.lock().expect("the trap");
            let Some(set) = set.as_mut().filter(|set| set.moment == event.moment) else {
                return false;
            };
            if set.seen == 0 && !first(event) {
                return false;
            }
            set.seen += 1;
            set.seen == set.number + 1
        };
        let judge = move |event: &Event| {
            if !snaps(event) {
                return Verdict::Go;
            }
            tell.lock().expect("the way out").send(()).expect("the test waits");
            let _ = gone.lock().expect("the way in").recv();
            Verdict::Cut
        };
        relay.open(port, Arc::new(judge));
        Self { set, reached, killed }
    }

    /// Waits until a process is killed at request `number` (from 0) at that moment, or ends well before it comes to that: whether it
    /// was killed.
    ///
    /// # Panics
    /// When the process ends otherwise than well.
    pub fn kills(&self, (number, moment): (usize, Moment), start: impl FnOnce() -> Child) -> bool {
        *self.set.lock().expect("the trap") = Some(Set {
            number,
            moment,
            seen: 0,
        });
        let mut child = start();
        let killed = loop {
            if self.reached.recv_timeout(Duration::from_millis(10)).is_ok() {
                child.kill().expect("it runs");
                child.wait().expect("its end");
                let _ = self.killed.send(());
                break true;
            }
            if let Some(status) = child.try_wait().expect("its state") {
                assert!(status.success(), "{number}, {moment:?}");
                break false;
            }
        };
        *self.set.lock().expect("the trap") = None;
        killed
    }
}
