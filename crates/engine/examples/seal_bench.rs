//! Seals a file or folder into packs in a folder, by the same code that uploads use, to compare with other programs:
//! `seal_bench FILE OUTDIR [WORKERS]` beside `age -r RECIPIENT -o OUT FILE`.
//!
//! The stand-in for the server takes each pack by giving its file in the spool a second name, so nothing is sent, and what
//! is measured is reading, cutting, naming, sealing and writing once. Prints wall and CPU time, bytes and peak memory.
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use holdfast_crypto::Key32;
use holdfast_engine::ports::{Progress, Silent};
use holdfast_engine::transfer::{JournalStore, Options, PackServer, Row, Target, upload};
use holdfast_engine::{Result, rng};
use holdfast_protocol::KeyField;
use holdfast_protocol::id::{ItemId, PackId, SpaceId, VersionId};
use holdfast_protocol::wire::PackState;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// Keeps packs as files.
struct Folder {
    out: PathBuf,
    spool: PathBuf,
    version: VersionId,
    packs: Mutex<BTreeMap<PackId, PackState>>,
}

impl Folder {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<PackId, PackState>) -> T) -> T {
        work(&mut self.packs.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl PackServer for Folder {
    async fn begin(&self, _: SpaceId, id: PackId, bytes: u64) -> Result<PackState> {
        let spooled = self.spool.join(format!("{}-{id}.pack", self.version));
        let kept = self.out.join(format!("{id}.pack"));
        std::fs::hard_link(&spooled, &kept).map_err(|error| holdfast_engine::Error::io(&kept, &error))?;
        let state = PackState {
            id,
            bytes,
            parts: Vec::new(),
            complete: true,
        };
        self.with(|packs| packs.insert(id, state.clone()));
        Ok(state)
    }

    async fn put_part(&self, _: SpaceId, _: PackId, _: u32, _: Bytes) -> Result<()> {
        Err(holdfast_engine::Error::Internal(
            "every pack is whole from the start".into(),
        ))
    }

    async fn query(&self, _: SpaceId, ids: &[PackId]) -> Result<Vec<PackState>> {
        Ok(self.with(|packs| ids.iter().filter_map(|id| packs.get(id).cloned()).collect()))
    }

    async fn read(&self, _: SpaceId, id: PackId, first: u64, last: u64) -> Result<Bytes> {
        use std::os::unix::fs::FileExt as _;
        let path = self.out.join(format!("{id}.pack"));
        let mut bytes = vec![0; usize::try_from(last - first + 1).unwrap_or(0)];
        let read = std::fs::File::open(&path).and_then(|file| file.read_exact_at(&mut bytes, first));
        read.map(|()| bytes.into())
            .map_err(|error| holdfast_engine::Error::io(&path, &error))
    }

    async fn abort(&self, _: SpaceId, _: PackId) -> Result<()> {
        Ok(())
    }
}

/// A trail that nobody will need.
#[derive(Default)]
struct Rows(Mutex<BTreeMap<Vec<u8>, Zeroizing<Vec<u8>>>>);

#[async_trait]
impl JournalStore for Rows {
    async fn put(&self, rows: Vec<Row>) -> Result<()> {
        let mut stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in rows {
            match value {
                Some(value) => stored.insert(key, value),
                None => stored.remove(&key),
            };
        }
        Ok(())
    }

    async fn list(&self, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Zeroizing<Vec<u8>>>> {
        let stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = stored.iter().filter(|(key, _)| key.starts_with(prefix));
        Ok(wanted.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(source), Some(out)) = (arguments.next().map(PathBuf::from), arguments.next().map(PathBuf::from)) else {
        return Err("usage: seal_bench FILE OUTDIR [WORKERS]".into());
    };
    std::fs::create_dir_all(&out)?;
    let spool = out.join("spool");
    let mut options = Options::new(spool.clone());
    if let Some(workers) = arguments.next() {
        options.workers = workers.to_str().ok_or("workers is a number")?.parse()?;
    }
    let target = Target {
        space: SpaceId([1; 32]),
        item: ItemId::random(&mut rng()),
        version: VersionId::random(&mut rng()),
        chunk_id_key: KeyField::new(Key32::random(&mut rng())),
        previous: None,
        room: 16_384,
        manifest_key: None,
        memo: Vec::new(),
    };
    let server: Arc<dyn PackServer> = Arc::new(Folder {
        out,
        spool,
        version: target.version,
        packs: Mutex::default(),
    });
    let journal: Arc<dyn JournalStore> = Arc::new(Rows::default());
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    let begun = Instant::now();
    let cancel = CancellationToken::new();
    let uploaded = upload(&server, &journal, &target, &[source], &options, &progress, &cancel).await?;
    uploaded.finished(&journal).await?;
    let (wall, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds());
    let report = &uploaded.report;
    println!(
        "{{\"wall_s\":{wall:.3},\"cpu_s\":{cpu:.3},\"gb_per_s\":{:.3},\"peak_mib\":{:.1},\"files\":{},\"bytes\":{},\"sealed_bytes\":{},\"chunks\":{},\"packs\":{}}}",
        report.bytes as f64 / wall / 1e9,
        peak_mib().unwrap_or(0.0),
        report.files,
        report.bytes,
        uploaded.added.iter().map(|pack| pack.bytes).sum::<u64>(),
        report.chunks,
        uploaded.added.len(),
    );
    Ok(())
}
