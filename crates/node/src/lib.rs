//! A computer that carries out runs for a project.
//!
//! So far: [`exec`], which takes folders and bytes, carries one task out behind walls, and says how it ended. It knows no key, no
//! server and no project. What a task may take and what it can't do stands in `docs/nodes.md`.
//!
//! Every program that carries out tasks calls [`exec::stage_main`] first thing in `main`: it is started again, inside the
//! walls, as the first process there.

#![deny(missing_docs)]

pub mod exec;
