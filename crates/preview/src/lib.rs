//! Shows the beginning of other people's files: tables, text, pictures, or what a file is if nothing can be shown.
//!
//! Bytes come in through [`ReadAt`], a [`View`] goes out. Whatever a file holds, the answer is bounded in size
//! ([`limits`]), and only the parts that are needed are read. Decoders are other people's code at work on other people's
//! bytes, so shells let them run in a process of their own: [`worker_main`] is what that process does, [`Frame`] is how the
//! two talk. Nothing else here opens, writes or starts anything.
//!
//! ```
//! use holdfast_preview::{Request, Shown, show};
//!
//! let request = Request { name: "t.csv".into(), rows: 200, offset: None };
//! let view = show(Box::new(b"a,b\n1,2\n".to_vec()), &request).expect("bytes in memory can be read");
//! let Shown::Table(table) = view.shown else { panic!("a table") };
//! assert_eq!(table.columns[1].name, "b");
//! ```

#![deny(missing_docs)]

mod binary;
mod columns;
mod delimited;
mod encoding;
mod frame;
mod json;
pub mod limits;
mod parquet_pages;
mod parquet_table;
mod picture;
mod show;
mod source;
mod text;
mod view;
mod worker;

pub use frame::{Frame, FrameError, HEADER};
pub use show::{Request, show};
pub use source::ReadAt;
pub use view::{Binary, Column, ColumnType, CutCell, Image, Note, Shown, Table, Text, View};
pub use worker::{WORKER, confine, worker_main};
