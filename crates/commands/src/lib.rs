//! Host-neutral verbs and the views people see: the only door for every shell.
//!
//! A shell (command line, window, socket) builds a [`Command`], gives it to an [`App`] and shows the [`Outcome`]. It never
//! meets a key, and it adds nothing but words and layout.

#![deny(missing_docs)]

mod app;
mod command;
mod doctor;
mod kit_pdf;
mod request;
mod run;
pub mod types;
pub mod view;

pub use app::{App, Connect};
pub use command::{Command, FieldInput, Hidden};
pub use doctor::diagnostics;
pub use kit_pdf::{KitFile, draft_kit, kit_pdf, write_kit};
pub use request::Request;
pub use view::{Ending, Frame, Outcome};
