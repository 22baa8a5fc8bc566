//! A server that lies in every way that services of this kind were broken by. Each row of `docs/hostile-server.md` names
//! its test; those of a row that had none before are here, by the row's number. What must hold after each of them is in
//! `hostile/scene.rs`.
#![allow(clippy::print_stdout, reason = "a run says how much was tried")]

#[path = "hostile/accounts.rs"]
mod accounts;
#[path = "hostile/client.rs"]
mod client;
#[path = "hostile/every_leaf.rs"]
mod every_leaf;
#[path = "hostile/keylog.rs"]
mod keylog;
#[path = "hostile/objects.rs"]
mod objects;
#[path = "hostile/over_http.rs"]
mod over_http;
#[path = "hostile/people.rs"]
mod people;
#[path = "hostile/put_out.rs"]
mod put_out;
#[path = "hostile/rows.rs"]
mod rows;
#[path = "hostile/scene.rs"]
mod scene;
#[path = "hostile/table.rs"]
mod table;
#[path = "hostile/tree.rs"]
mod tree;
#[path = "hostile/walk.rs"]
mod walk;
