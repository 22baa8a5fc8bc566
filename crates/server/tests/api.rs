//! The server over real HTTP, with real keys. (No scrypt: a root key is drawn, and the key-derivation record is just data here.)

#![allow(clippy::unwrap_used, unreachable_pub)]

#[path = "api/people.rs"]
mod people;
#[path = "api/server.rs"]
mod server;
#[path = "api/space.rs"]
mod space;
#[path = "api/work.rs"]
mod work;

#[path = "api/accounts.rs"]
mod accounts;
#[path = "api/appends.rs"]
mod appends;
#[path = "api/description.rs"]
mod description;
#[path = "api/events.rs"]
mod events;
#[path = "api/hardship.rs"]
mod hardship;
#[path = "api/invitations.rs"]
mod invitations;
#[path = "api/lifecycle.rs"]
mod lifecycle;
#[path = "api/log.rs"]
mod log;
#[path = "api/metrics.rs"]
mod metrics;
#[path = "api/moving.rs"]
mod moving;
#[path = "api/nodes.rs"]
mod nodes;
#[path = "api/ops.rs"]
mod ops;
#[path = "api/packs.rs"]
mod packs;
#[path = "api/queue.rs"]
mod queue;
#[path = "api/reset.rs"]
mod reset;
#[path = "api/runs.rs"]
mod runs;
#[path = "api/runs_kept.rs"]
mod runs_kept;
#[path = "api/sessions.rs"]
mod sessions;
#[path = "api/streams.rs"]
mod streams;
