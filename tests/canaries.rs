//! Where canaries lie after a whole session of the real programs: in which files, in whose memory, in which arguments, variables
//! and logs. What may lie somewhere is said with the reason; everything else must have none, and what may be there must be there.
#![allow(clippy::print_stderr, reason = "says what it did not do, and how long it looked")]

#[path = "canaries/client.rs"]
mod client;
#[path = "canaries/disk.rs"]
mod disk;
#[path = "canaries/node.rs"]
mod node;
#[path = "canaries/stage.rs"]
mod stage;
#[path = "canaries/watch.rs"]
mod watch;
