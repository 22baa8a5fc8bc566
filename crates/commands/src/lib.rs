//! Host-neutral verbs and the views people see: the only door for every shell.
//!
//! A shell (command line, window, socket) builds a [`Command`], gives it to an [`App`] and shows the [`Outcome`]. It never
//! meets a key, and it adds nothing but words and layout.

#![deny(missing_docs)]

mod app;
mod command;
mod doctor;
mod generate;
mod import_file;
mod kit_pdf;
mod preview;
mod request;
mod run;
mod secret_types;
pub mod types;
pub mod view;

pub use app::{App, Connect, Guard};
pub use command::{
    Command, Expiry, ExportProtection, FieldInput, Hidden, ImportChoice, ImportFile, RunInput, RunOrder, SecondChange,
};
pub use doctor::diagnostics;
pub use generate::{CharacterClass, MAX_LENGTH, PasswordKind, Recipe, generate};
pub use holdfast_engine::OnClash;
pub use holdfast_import::Source as ImportSource;
pub use import_file::{needs_passphrase, variables};
pub use kit_pdf::{KitFile, draft_kit, kit_pdf, write_kit};
pub use request::Request;
pub use run::phrase_floor;
pub use secret_types::{FieldInfo, SECRET_TYPES, TypeInfo, field_info, is_plain_everywhere, type_info};
pub use view::{Ending, Frame, Outcome};
