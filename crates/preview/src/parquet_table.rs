//! Parquet: the schema and the number of rows from the end of the file, and the first rows from the pages that hold them.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{LogicalType, Type as Physical};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, FileReader, Length, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::types::{Type, TypePtr};

use crate::columns::{Builder, Cell};
use crate::limits::{CELL, COLUMNS, PARQUET, SKIP};
use crate::parquet_pages::Group;
use crate::show::{Page, Request};
use crate::source::{Reader, Source};
use crate::view::{ColumnType, Note, Shown};

/// What a page and a dictionary of a column may be expected to take, in bytes.
const BEGUN: u64 = 1 << 20;

impl Length for Source {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for Source {
    type T = Reader;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(self.reader(start))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let bytes = self.bytes(start, length)?;
        if bytes.len() == length {
            Ok(bytes.into())
        } else {
            Err(ParquetError::EOF("it ends too early".into()))
        }
    }
}

/// Shows rows; an offset counts rows.
pub(crate) fn show(source: &Source, request: &Request) -> Result<Page> {
    let reader = SerializedFileReader::new(source.clone())?;
    let metadata = reader.metadata();
    let total = rows_of(metadata)?;
    let first = request.offset.unwrap_or(0).min(total);
    let roots = metadata.file_metadata().schema().get_fields();
    let start = Start::find(metadata, first);
    let shown = columns(metadata, start.group, roots);
    let mut builder = Builder::new(roots[..shown].iter().map(|root| root.name().to_owned()).collect());
    let mut notes = Vec::new();
    if start.skip > SKIP {
        notes.push(Note::TooFar);
    } else if shown > 0 {
        let schema = Type::group_type_builder(metadata.file_metadata().schema().name());
        let projection = schema.with_fields(roots[..shown].to_vec()).build()?;
        rows(&reader, &projection, &start, request.rows, &mut builder)?;
    }
    let count = builder.len() as u64;
    let (mut table, more) = builder.finish();
    notes.extend(more);
    for (column, root) in table.columns.iter_mut().zip(roots) {
        column.r#type = kind(root);
        column.declared = Some(declared(root));
    }
    table.columns_total = roots.len() as u64;
    if roots.len() > shown && !notes.contains(&Note::ColumnsLeftOut) {
        notes.push(Note::ColumnsLeftOut);
    }
    table.rows_total = Some(total);
    let next = first + count;
    Ok(Page {
        shown: Shown::Table(table),
        format: "parquet",
        truncated: next < total || roots.len() > shown,
        next: (next < total && count > 0).then_some(next),
        notes,
    })
}

/// How many rows the groups say they have. What the file says of itself as a whole may differ, and then lies.
fn rows_of(metadata: &ParquetMetaData) -> Result<u64> {
    let rows = metadata
        .row_groups()
        .iter()
        .map(|group| u64::try_from(group.num_rows()).ok());
    let total = rows.sum::<Option<u64>>();
    total.ok_or_else(|| ParquetError::General("a negative number of rows".into()))
}

/// Where the first row is.
struct Start {
    group: usize,
    /// Rows of that group before it.
    skip: u64,
}

impl Start {
    fn find(metadata: &ParquetMetaData, first: u64) -> Self {
        let mut skip = first;
        for (group, meta) in metadata.row_groups().iter().enumerate() {
            let rows = u64::try_from(meta.num_rows()).unwrap_or(0);
            if skip < rows {
                return Self { group, skip };
            }
            skip -= rows;
        }
        Self {
            group: metadata.num_row_groups(),
            skip: 0,
        }
    }
}

/// How many columns from the left can be begun without reading too much.
fn columns(metadata: &ParquetMetaData, group: usize, roots: &[TypePtr]) -> usize {
    let most = roots.len().min(COLUMNS);
    let Some(group) = metadata.row_groups().get(group) else {
        return most;
    };
    let cost = |group: &RowGroupMetaData, root: &TypePtr| {
        let leaves = group
            .columns()
            .iter()
            .filter(|column| column.column_path().parts().first().map(String::as_str) == Some(root.name()));
        leaves
            .map(|leaf| u64::try_from(leaf.compressed_size()).unwrap_or(0).min(2 * BEGUN))
            .sum::<u64>()
    };
    let mut sum = 0;
    let fits = roots[..most].iter().take_while(|root| {
        sum += cost(group, root);
        sum <= PARQUET
    });
    fits.count().max(most.min(1))
}

/// Reads rows, from group to group.
fn rows(
    reader: &SerializedFileReader<Source>,
    projection: &Type,
    start: &Start,
    most: usize,
    builder: &mut Builder,
) -> Result<()> {
    let mut skip = usize::try_from(start.skip).unwrap_or(usize::MAX);
    for group in start.group..reader.num_row_groups() {
        let group = Group(reader.get_row_group(group)?);
        let rows = RowIter::from_row_group(Some(projection.clone()), &group)?;
        // Many values at a time are read ahead for each column: no more than are wanted.
        let rows = rows.with_batch_size(most.clamp(1, 256));
        for row in rows.skip(std::mem::take(&mut skip)) {
            add(builder, &row?);
            if builder.len() >= most || builder.is_full() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn add(builder: &mut Builder, row: &Row) {
    let cells: Vec<(ColumnType, String)> = row.get_column_iter().map(|(_, field)| cell(field)).collect();
    builder.row(cells.iter().map(|(kind, text)| match kind {
        ColumnType::Empty => Cell::Null,
        kind => Cell::Known(*kind, text),
    }));
}

/// A value as text.
fn cell(field: &Field) -> (ColumnType, String) {
    match field {
        Field::Null => (ColumnType::Empty, String::new()),
        Field::Str(text) => (ColumnType::Text, text.clone()),
        Field::Float(value) => (ColumnType::Number, value.to_string()),
        Field::Double(value) => (ColumnType::Number, value.to_string()),
        Field::Bytes(bytes) => (ColumnType::Binary, hex(bytes.data())),
        Field::Group(_) | Field::ListInternal(_) | Field::MapInternal(_) => {
            let mut text = Bounded(String::new());
            let _ = write!(text, "{field}");
            (ColumnType::Nested, text.0)
        }
        // The schema says what it is; here any word will do.
        plain => (ColumnType::Number, plain.to_string()),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    // One byte more than fits: then the cell says that it was cut.
    for byte in bytes.iter().take(CELL / 2 + 1) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Text that stops growing behind what a cell can show.
struct Bounded(String);

impl std::fmt::Write for Bounded {
    fn write_str(&mut self, more: &str) -> std::fmt::Result {
        let room = (4 * CELL + 4).saturating_sub(self.0.len());
        let (end, full) = match more.char_indices().map(|(at, _)| at).find(|at| *at >= room) {
            Some(end) => (end, true),
            None => (more.len(), false),
        };
        self.0.push_str(&more[..end]);
        if full { Err(std::fmt::Error) } else { Ok(()) }
    }
}

fn kind(root: &TypePtr) -> ColumnType {
    if root.is_group()
        || root.get_basic_info().has_repetition()
            && root.get_basic_info().repetition() == parquet::basic::Repetition::REPEATED
    {
        return ColumnType::Nested;
    }
    match (root.get_basic_info().logical_type_ref(), root.get_physical_type()) {
        (Some(LogicalType::Date), _) => ColumnType::Date,
        (Some(LogicalType::Timestamp { .. }), _) | (_, Physical::INT96) => ColumnType::DateTime,
        (Some(LogicalType::Time { .. }), _) => ColumnType::Time,
        (Some(LogicalType::Decimal { .. }), _) => ColumnType::Number,
        (Some(LogicalType::String | LogicalType::Enum | LogicalType::Json | LogicalType::Uuid), _) => ColumnType::Text,
        (_, Physical::BOOLEAN) => ColumnType::Boolean,
        (_, Physical::INT32 | Physical::INT64) => ColumnType::Integer,
        (_, Physical::FLOAT | Physical::DOUBLE) => ColumnType::Number,
        (_, Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY) => match root.get_basic_info().converted_type() {
            parquet::basic::ConvertedType::UTF8 => ColumnType::Text,
            _ => ColumnType::Binary,
        },
    }
}

/// The type in the schema's words, without its name.
fn declared(root: &Arc<Type>) -> String {
    if root.is_group() {
        return "group".into();
    }
    let physical = root.get_physical_type().to_string();
    match root.get_basic_info().logical_type_ref() {
        Some(logical) => {
            let text = format!("{physical} {logical:?}");
            crate::encoding::cut(&text, 100).0.to_owned()
        }
        None => physical,
    }
}
