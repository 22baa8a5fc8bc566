//! How much is read, kept and shown. Whatever a file says about itself, these hold.

/// Rows or lines shown when nothing else is asked for.
pub const ROWS: usize = 200;
/// Rows or lines shown at most.
pub const ROWS_MAX: usize = 1_000;
/// Bytes of a table that are read for one page.
pub const PAGE: usize = 5 << 20;
/// Bytes of text that are read for one page.
pub const TEXT_PAGE: usize = 256 << 10;
/// Characters of a cell that are shown.
pub const CELL: usize = 1_000;
/// Characters of a line of text that are shown.
pub const LINE: usize = 4_000;
/// Columns shown.
pub const COLUMNS: usize = 500;
/// Bytes of cells in one answer.
pub const TABLE: usize = 2 << 20;
/// Bytes of a file without readable content that are shown.
pub const HEX: usize = 512;
/// Rows of a Parquet row group that are passed over to get to the first one shown.
pub const SKIP: u64 = 200_000;
/// Compressed bytes of Parquet columns that are begun for one page.
pub const PARQUET: u64 = 32 << 20;
/// Bytes of a picture file that are read.
pub const PICTURE_FILE: u64 = 64 << 20;
/// Bytes of a picture in memory.
pub const PICTURE: u64 = 192 << 20;
/// Pixels of a thumbnail's longer side.
pub const THUMBNAIL: u32 = 512;

/// Bytes that are read at once.
pub const WINDOW: usize = 256 << 10;
/// A frame between the two processes, in bytes.
pub const FRAME: usize = 8 << 20;
/// Bytes that a worker asks for at once.
pub const ASK: usize = 1 << 20;
/// Plaintext bytes that a worker may ask for in all.
pub const ASKED: u64 = 128 << 20;
/// Questions that a worker may ask.
pub const QUESTIONS: usize = 4_096;
/// Memory that a worker may take, in bytes, beside what its program takes at the start.
pub const MEMORY: u64 = 512 << 20;
/// Seconds that a worker may compute.
pub const CPU_SECONDS: u64 = 10;
/// Seconds that a worker may think between two questions.
pub const THINK_SECONDS: u64 = 15;
/// Seconds that it may think in all. Fetching what it asks for is not counted.
pub const THINK_SECONDS_IN_ALL: u64 = 60;
