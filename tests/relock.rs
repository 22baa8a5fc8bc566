//! Content from before a removal, locked again: with every key that the one who is out ever held, nothing opens of what is live at the
//! server, and everybody else reads what he read before, whenever the job was stopped.

#[path = "relock/cut.rs"]
mod cut;
#[path = "relock/process.rs"]
mod process;
#[path = "relock/scene.rs"]
mod scene;
#[path = "relock/whole.rs"]
mod whole;
