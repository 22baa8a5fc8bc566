//! Verbs of the command line, through the real program: what no journey happens to touch.

#[path = "verbs/content.rs"]
mod content;
#[path = "verbs/keys.rs"]
mod keys;
#[path = "verbs/killed.rs"]
mod killed;
#[path = "verbs/next_steps.rs"]
mod next_steps;
#[path = "verbs/people.rs"]
mod people;
#[path = "verbs/removal.rs"]
mod removal;
#[path = "verbs/shapes.rs"]
mod shapes;
