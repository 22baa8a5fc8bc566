//! What comes out: one shape for all kinds of files. It is what `--json` prints and what the window gets.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The beginning of a file, or what comes after an offset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(rename = "PreviewShown")]
pub struct View {
    /// What is shown.
    #[serde(flatten)]
    pub shown: Shown,
    /// The format, as far as it is known: `csv`, `tsv`, `jsonl`, `json`, `parquet`, `text`, `png`, `zip`, `unknown`, ...
    pub format: String,
    /// Whether the file holds more than is shown.
    pub truncated: bool,
    /// What to give as offset for what comes next; absent when nothing does, or when it can't be shown.
    pub next_offset: Option<u64>,
    /// Bytes of the file that were read.
    pub bytes_read: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// What people should know about what they see.
    pub notes: Vec<Note>,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[ts(rename = "PreviewKind")]
pub enum Shown {
    /// Rows and columns.
    Table(Table),
    /// Lines.
    Text(Text),
    /// A picture.
    Image(Image),
    /// Neither.
    Binary(Binary),
}

/// Rows and columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(rename = "PreviewTable")]
pub struct Table {
    /// Columns, from the left.
    pub columns: Vec<Column>,
    /// How many columns the file has, as far as it was read; more than `columns` when some are left out.
    pub columns_total: u64,
    /// One cell for each column; `null` where there is no value.
    pub rows: Vec<Vec<Option<String>>>,
    /// Cells that are shown in part. Each ends with an ellipsis.
    pub cut: Vec<CutCell>,
    /// How many rows the file has, where that is known.
    pub rows_total: Option<u64>,
    /// Of text tables, what parts cells: `,`, `;`, a tab or `|`.
    pub delimiter: Option<String>,
    /// Of text tables, whether the first line holds names. Else columns are called by number.
    pub header: Option<bool>,
    /// Of text tables, the encoding.
    pub encoding: Option<String>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(rename = "PreviewColumn")]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its cells are, as far as they were read; of Parquet, as the schema says.
    pub r#type: ColumnType,
    /// Of Parquet, the type in the schema's own words.
    pub declared: Option<String>,
    /// Cells without a value among those shown.
    pub nulls: u64,
}

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(rename = "PreviewColumnType")]
pub enum ColumnType {
    /// No cell has a value.
    Empty,
    /// True and false.
    Boolean,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Number,
    /// Days.
    Date,
    /// Days with a time.
    DateTime,
    /// Times of a day.
    Time,
    /// Anything else that can be read.
    Text,
    /// Bytes.
    Binary,
    /// Lists and records.
    Nested,
    /// Cells of different kinds.
    Mixed,
}

/// A cell that is shown in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(rename = "PreviewCutCell")]
pub struct CutCell {
    /// Row among those shown, from 0.
    pub row: u32,
    /// Column, from 0.
    pub column: u32,
    /// Bytes of the whole cell, as far as it was read.
    pub bytes: u64,
}

/// Lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(rename = "PreviewText")]
pub struct Text {
    /// The lines, with line feeds in between.
    pub text: String,
    /// How many.
    pub lines: u64,
    /// `utf-8`, `utf-16le`, `utf-16be` or `latin-1`.
    pub encoding: String,
    /// Whether line breaks and indents were put in to make it readable (JSON on one line).
    pub indented: bool,
}

/// A picture.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(rename = "PreviewImage")]
pub struct Image {
    /// Pixels from left to right, as it is shown.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// A small PNG of it in base64, made anew from its pixels: nothing of the file itself is in it. Absent when the
    /// picture is too large to be opened, or damaged.
    pub thumbnail_png: Option<String>,
    /// Size of the small one.
    pub thumbnail_width: Option<u32>,
    /// Size of the small one.
    pub thumbnail_height: Option<u32>,
}

/// A file without readable content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(rename = "PreviewBinary")]
pub struct Binary {
    /// The first bytes: offset, sixteen bytes in hexadecimal, and as characters.
    pub hex: String,
    /// What such a file usually is, in a few words.
    pub about: Option<String>,
}

/// What people should know about what they see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(rename = "PreviewNote")]
pub enum Note {
    /// Long cells are shown in part.
    CellsCut,
    /// There are more columns than are shown.
    ColumnsLeftOut,
    /// Long lines are shown in part.
    LinesCut,
    /// A row is longer than what is read for a page, and shown in part.
    RowCut,
    /// Lines that don't belong into the table are left out.
    LinesLeftOut,
    /// Only the first picture of several that move is shown.
    FirstFrame,
    /// Too large to be opened here.
    TooLarge,
    /// The file is not what its name or its first bytes say, or it is damaged.
    NotDecoded,
    /// Further rows can't be reached without downloading the file.
    TooFar,
    /// Loading such a file in Python can run code of whoever made it.
    RunsCode,
}
