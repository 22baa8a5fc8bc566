//! Folding a log into a state, with every check.
//!
//! [`Authority`] needs no key: who is in, with which keys and rights, which packs exist. The server and the nodes run
//! it as well as every client. [`Space`] adds what a member with the epoch keys can read. Neither trusts the order,
//! the completeness or the words of whoever served the entries.

mod authority;
mod contents;
mod nodes;
mod runs;
mod space;

pub use authority::{Authority, BundleSource, Bundles, Member, Pack, WrapFor};
pub use contents::{Contents, Event, EventKind};
pub use nodes::{AuthorisedNode, OrderedRun, Outcome};
pub use runs::{Adopted, Run, content_of, result_fits, spec_fits};
pub use space::{Space, UnwrapKeys};
