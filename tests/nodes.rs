//! Nodes and runs, with real processes: people, a server, and computers that do the work as users of their own.

#[path = "nodes/crowd.rs"]
mod crowd;
#[path = "nodes/grants.rs"]
mod grants;
#[path = "nodes/penguins.rs"]
mod penguins;
#[path = "nodes/refused.rs"]
mod refused;
#[path = "memory/scan.rs"]
mod scan;
#[path = "nodes/stage.rs"]
mod stage;
