//! What a shell asks of an unlocked profile, over a real server in this process: verbs, and what is left when one fails.

#[path = "app/kits.rs"]
mod kits;
#[path = "app/projects.rs"]
mod projects;
#[path = "app/secrets.rs"]
mod secrets;
#[path = "app/support.rs"]
mod support;
#[path = "app/trash.rs"]
mod trash;
#[path = "app/trouble.rs"]
mod trouble;
#[path = "app/uploads.rs"]
mod uploads;
