//! Nodes and runs, with real processes: people, a server, and computers that do the work as users of their own.

#[path = "nodes/crowd.rs"]
mod crowd;
#[path = "memory/scan.rs"]
mod scan;
#[path = "nodes/stage.rs"]
mod stage;
