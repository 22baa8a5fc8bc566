//! Verbs of the command line, through the real program: what no journey happens to touch.

#[path = "verbs/keys.rs"]
mod keys;
