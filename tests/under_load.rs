//! Removal and rotation under load: ten members, three nodes, uploads and runs under way, the server killed at random. In the end
//! everybody who should can read everything, and nobody else anything that was written after he was put out.
//!
//! `HOLDFAST_ROUNDS` says how many rounds, each with a project of its own; `HOLDFAST_SEED` repeats the first one.

#[path = "under_load/actors.rs"]
mod actors;
#[path = "under_load/round.rs"]
mod round;
#[path = "under_load/town.rs"]
mod town;
#[path = "under_load/verdict.rs"]
mod verdict;
