//! A download from the manifest to files under their real names.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt as _;
use holdfast_protocol::manifest::{ChunkRef, FileRecord, FileType};
use tokio_util::sync::CancellationToken;

use super::fetch::{Fetch, Opened, PAUSE};
use super::meter::Meter;
use super::names::judge;
use super::place::{Staging, dress_file};
use super::server::PackServer;
use super::types::{Skipped, Stored};
use super::upload::blocking;
use crate::error::{Error, Result};
use crate::ports::{Progress, Stage, Step};

/// Requests under way.
const PARALLEL: usize = 4;

/// What to do with files that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwrite {
    /// Nothing is fetched when there is one.
    #[default]
    Refuse,
    /// They are kept and listed as skipped.
    Keep,
    /// They are replaced. A folder is never replaced by a file, nor the other way round.
    Replace,
}

/// What a download did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Downloaded {
    /// Files written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

/// Writes a version, or what of it is selected (paths of files, or of folders with all they hold), into the folder `to`.
///
/// Everything is fetched, checked and opened into a folder beside it before the first file gets its real name. If `to`
/// was not there, it appears whole or not at all. A download that was stopped begins anew.
///
/// # Errors
/// [`Error::Damaged`] names the file; [`Error::AlreadyExists`] as `overwrite` says; [`Error::NotFound`] for a selected path
/// that is not in the version; [`Error::Full`], [`Error::Io`], [`Error::Cancelled`] and what a server answers. After any of
/// them nothing new stands under `to`, unless moving files into a folder that was there failed half way.
pub async fn download(
    server: &Arc<dyn PackServer>,
    stored: &Stored,
    to: &Path,
    selection: Option<&[Vec<u8>]>,
    overwrite: Overwrite,
    progress: &Arc<dyn Progress>,
    cancel: &CancellationToken,
) -> Result<Downloaded> {
    progress.report(Step {
        stage: Stage::Receiving,
        done: 0,
        total: 0,
        files: 0,
        files_total: 0,
    });
    let fetch = Fetch::new(server, stored.space, stored.item, PAUSE, cancel);
    let (_, records) = fetch.version(stored).await?;
    let records = match selection {
        Some(selection) => select(records, selection)?,
        None => records,
    };
    let (records, mut skipped) = judge(records);
    let to = to.to_path_buf();
    let (staging, records, skipped) = blocking(move || {
        let staging = Staging::new(&to)?;
        let records = staging.sort_out(records, overwrite, &mut skipped)?;
        Ok((Arc::new(staging), records, skipped))
    })
    .await?;

    let (mut files, others): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| record.kind == FileType::File);
    // In the order in which they lie in the packs, so that each window is read once.
    files.sort_by_key(|file| file.chunks.first().map(|chunk| (chunk.pack, chunk.offset)));
    let total = files.iter().map(|file| file.size).sum();
    let meter = Arc::new(Meter::new(progress, Stage::Receiving, total, files.len() as u64));
    let files = Arc::new(files);
    let mut writer = Writer::new(staging.clone(), files.clone(), skipped, meter);
    let (mut writer, others) = blocking(move || {
        let others = writer.folders(others)?;
        Ok((writer, others))
    })
    .await?;

    let chunks: Vec<&ChunkRef> = files.iter().flat_map(|file| &file.chunks).collect();
    let owners: Arc<Vec<usize>> = Arc::new(
        files
            .iter()
            .enumerate()
            .flat_map(|(number, file)| file.chunks.iter().map(move |_| number))
            .collect(),
    );
    let name = |chunk: usize| shown(&files[owners[chunk]].path);
    let mut opened = std::pin::pin!(fetch.opened(&chunks, &name, PARALLEL)?);
    while let Some(batch) = opened.next().await {
        let (batch, owners) = (batch?, owners.clone());
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        writer = blocking(move || writer.write(&batch, &owners).map(|()| writer)).await?;
    }
    blocking(move || {
        let (mut placed, downloaded) = writer.finish(&others)?;
        placed.extend(others);
        let left_out: HashSet<&[u8]> = downloaded
            .skipped
            .iter()
            .map(|skipped| skipped.path.as_slice())
            .collect();
        placed.retain(|record| !left_out.contains(record.path.as_slice()));
        placed.sort_by(|a, b| a.path.cmp(&b.path));
        staging.publish(&placed)?;
        Ok(downloaded)
    })
    .await
}

/// The selected records, and the folders above them.
fn select(records: Vec<FileRecord>, selection: &[Vec<u8>]) -> Result<Vec<FileRecord>> {
    let under = |path: &[u8], folder: &[u8]| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with(b"/"));
    let chosen = |path: &[u8]| {
        selection
            .iter()
            .position(|wanted| path == wanted || under(path, wanted))
    };
    let mut seen = HashSet::new();
    let records: Vec<FileRecord> = records
        .into_iter()
        .filter(|record| {
            let found = chosen(&record.path);
            seen.extend(found);
            let above = || selection.iter().any(|wanted| under(wanted, &record.path));
            found.is_some() || record.kind == FileType::Directory && above()
        })
        .collect();
    // A path below another selected one is found with that one.
    let missing = (0..selection.len())
        .find(|number| !seen.contains(number) && !records.iter().any(|record| record.path == selection[*number]));
    match missing {
        Some(number) => Err(Error::NotFound {
            what: "file",
            name: shown(&selection[number]),
        }),
        None => Ok(records),
    }
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// Writes opened chunks into files, in order.
struct Writer {
    staging: Arc<Staging>,
    files: Arc<Vec<FileRecord>>,
    /// The file that is being written: its number, itself (unless it is left out), bytes written, chunks to come.
    current: Option<(usize, Option<File>, u64, usize)>,
    written: Vec<usize>,
    downloaded: Downloaded,
    meter: Arc<Meter>,
}

impl Writer {
    fn new(staging: Arc<Staging>, files: Arc<Vec<FileRecord>>, skipped: Vec<Skipped>, meter: Arc<Meter>) -> Self {
        let downloaded = Downloaded {
            skipped,
            ..Downloaded::default()
        };
        Self {
            staging,
            files,
            current: None,
            written: Vec::new(),
            downloaded,
            meter,
        }
    }

    /// Makes folders and empty files. Gives back folders that were made, and links.
    fn folders(&mut self, others: Vec<FileRecord>) -> Result<Vec<FileRecord>> {
        let mut made = Vec::with_capacity(others.len());
        for record in others {
            let reason = if record.kind == FileType::Directory {
                self.staging.folder(&record.path)?
            } else {
                None
            };
            match reason {
                Some(reason) => self.downloaded.skipped.push(Skipped {
                    path: record.path,
                    reason,
                }),
                None => made.push(record),
            }
        }
        let files = self.files.clone();
        for (number, _) in files.iter().enumerate().filter(|(_, file)| file.chunks.is_empty()) {
            self.begin(number)?;
            self.end()?;
        }
        Ok(made)
    }

    fn write(&mut self, batch: &Opened, owners: &[usize]) -> Result<()> {
        for (number, plain) in batch.plain.iter().enumerate() {
            let owner = owners[batch.first + number];
            if self.current.as_ref().is_none_or(|(current, ..)| *current != owner) {
                self.begin(owner)?;
            }
            let Some((_, file, written, to_come)) = self.current.as_mut() else {
                continue;
            };
            if let Some(file) = file {
                let path = &self.files[owner].path;
                file.write_all(plain)
                    .map_err(|error| Error::io(Path::new(&shown(path)), &error))?;
            }
            *written += plain.len() as u64;
            *to_come -= 1;
            let last = *to_come == 0;
            self.meter.bytes(plain.len() as u64);
            if last {
                self.end()?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, number: usize) -> Result<()> {
        let record = &self.files[number];
        let file = match self.staging.file(&record.path)? {
            Ok(file) => Some(file),
            Err(reason) => {
                self.downloaded.skipped.push(Skipped {
                    path: record.path.clone(),
                    reason,
                });
                None
            }
        };
        self.current = Some((number, file, 0, record.chunks.len()));
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let Some((number, file, written, _)) = self.current.take() else {
            return Ok(());
        };
        let record = &self.files[number];
        if written != record.size {
            return Err(Error::damaged(shown(&record.path)));
        }
        if let Some(file) = file {
            dress_file(&file, record).map_err(|error| Error::io(Path::new(&shown(&record.path)), &error))?;
            self.downloaded.files += 1;
            self.downloaded.bytes += written;
            self.written.push(number);
            self.meter.file();
        }
        Ok(())
    }

    /// Makes the links, and says which files there are.
    fn finish(mut self, others: &[FileRecord]) -> Result<(Vec<FileRecord>, Downloaded)> {
        for record in others {
            if let Some(target) = &record.target
                && let Some(reason) = self.staging.link(&record.path, target)?
            {
                self.downloaded.skipped.push(Skipped {
                    path: record.path.clone(),
                    reason,
                });
            }
        }
        let placed = self.written.iter().map(|number| self.files[*number].clone()).collect();
        Ok((placed, self.downloaded))
    }
}
