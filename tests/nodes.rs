//! Nodes and runs, with real processes: people, a server, and computers that do the work as users of their own.

#[path = "nodes/crowd.rs"]
mod crowd;
#[path = "nodes/ends.rs"]
mod ends;
#[path = "nodes/grants.rs"]
mod grants;
#[path = "nodes/hostile.rs"]
mod hostile;
#[path = "nodes/interrupted.rs"]
mod interrupted;
#[path = "nodes/penguins.rs"]
mod penguins;
#[path = "nodes/runtimes.rs"]
mod runtimes;
#[path = "nodes/stage.rs"]
mod stage;
