//! What a task says of itself: `holdfast-task.toml`, read and checked. Bytes in, a [`Task`] or a [`Fault`] out; nothing is opened
//! or started here, so that the client that starts a run and the node that carries it out hold a task against the same rules.
//!
//! The file is another person's: everything in it is bounded, an unknown word is refused rather than skipped, and a fault
//! names its field and what to do. The form is in `docs/spec/task.md`.
//!
//! ```
//! use std::collections::BTreeMap;
//! use holdfast_task::{Task, Value};
//!
//! let task = Task::parse(br#"
//!     format = 1
//!     name = "Fine-tune"
//!     runtime = "python"
//!     entry = "train.py"
//!     [parameters.rate]
//!     type = "float"
//!     default = 0.001
//!     max = 1
//! "#)?;
//! let given = BTreeMap::from([("rate".to_owned(), "5e-4".to_owned())]);
//! assert_eq!(task.check(&given).expect("it fits")["rate"], Value::Float(0.0005));
//! # Ok::<(), holdfast_task::Fault>(())
//! ```

#![deny(missing_docs)]

mod fault;
mod limits;
mod manifest;
mod parameter;
mod section;
mod words;
mod workflow;

pub use fault::Fault;
pub use limits::{CEILINGS, Limits, bytes, duration};
pub use manifest::{FILE_NAME, Input, InputKind, LARGEST, Output, OutputKind, Runtime, SecretUse, Task};
pub use parameter::{Kind, Parameter, Value, Values, to_json};
pub use words::{Host, Image};
pub use workflow::{Job, LARGEST_WORKFLOW, MOST_RUNS, Source, Step, Workflow};
