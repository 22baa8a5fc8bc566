//! A computer that carries out runs for a project.
//!
//! - [`exec`] takes folders and bytes, carries one task out behind walls, and says how it ended. It knows no key, no server and no
//!   project. What a task may take and what it can't do stands in `docs/nodes.md`.
//! - [`serve`] leases runs, opens what they were given, has them carried out, and sends what they print, measure and make, sealed.
//!   What it checks before is in `holdfast-engine` (`runs/accept.rs`).
//!
//! Every program that carries out tasks calls [`exec::stage_main`] first thing in `main`: it is started again, inside the
//! walls, as the first process there.

#![deny(missing_docs)]

pub mod exec;
#[cfg(target_os = "linux")]
pub mod serve;
