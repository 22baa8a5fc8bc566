//! A stage for tests that use the product from outside: a real server process, people with a profile folder each, and
//! the real `holdfast` binary in between; and the real window, driven by its words.

mod dice;
pub mod eye;
mod kit;
pub mod layer;
mod node;
pub mod opener;
mod person;
mod proxy;
mod relay;
mod run;
pub mod scan;
mod server;
mod tamper;
mod tree;
mod walls;
pub mod window;
mod witness;

pub use dice::Dice;
pub use kit::kit_words;
pub use node::Node;
pub use person::{Answer, Person};
pub use proxy::{Connection, Proxy};
pub use relay::{Event, Judge, Moment, Parts, Relay, Trap, Verdict};
pub use run::small_run;
pub use server::Server;
pub use tamper::{Cell, Tamper};
pub use tree::{awkward_tree, difference, small_dataset};
pub use walls::walls;
pub use window::Window;
pub use witness::Witness;

use std::path::PathBuf;

/// The `holdfast` binary: `HOLDFAST_BIN`, else the one beside this test's own target folder.
///
/// # Panics
/// When there is none: `cargo build -p holdfast-cli` makes it.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("HOLDFAST_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test
        .parent()
        .and_then(std::path::Path::parent)
        .expect("tests lie in target/PROFILE/deps");
    let path = folder.join("holdfast");
    assert!(
        path.exists(),
        "{} is missing: run `cargo build -p holdfast-cli` first",
        path.display()
    );
    path
}
