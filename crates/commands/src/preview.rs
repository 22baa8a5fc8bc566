//! Lets a worker decode a file, on this side of its wall: starts it, gives it bytes that were checked, and believes nothing
//! that it says beyond what it shows.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use holdfast_engine::transfer::StoredFile;
use holdfast_engine::{Error, Result};
use holdfast_preview::{Frame, HEADER, Request, Shown, View, WORKER, limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio_util::sync::CancellationToken;

/// Characters of a worker's own words.
const WORDS: usize = 200;
/// How a PNG begins, in base64.
const PNG: &str = "iVBORw0KGgo";

/// This very program, also when its file was replaced by a newer one meanwhile.
pub(crate) fn own_program() -> PathBuf {
    if cfg!(target_os = "linux") {
        return "/proc/self/exe".into();
    }
    std::env::current_exe().unwrap_or_else(|_| "holdfast".into())
}

/// Shows a file.
///
/// # Errors
/// [`Error::NotShown`] when the worker does not come to an end as it should; those of reading the file.
pub(crate) async fn show(
    program: &Path,
    request: Request,
    file: &mut StoredFile,
    cancel: &CancellationToken,
) -> Result<View> {
    let mut worker = Command::new(program);
    worker
        .arg(WORKER)
        .env_clear()
        // The window's web view would start a thread for its own allocator as soon as it is loaded: with it the worker could not
        // have namespaces of its own, and it would hit the wall at a moment of its choosing.
        .env("Malloc", "1")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    // Where a bundle keeps its libraries: without them the program does not start.
    if let Some(libraries) = std::env::var_os("LD_LIBRARY_PATH") {
        worker.env("LD_LIBRARY_PATH", libraries);
    }
    let started = worker.spawn();
    let mut worker = started.map_err(|error| Error::NotShown(format!("its decoder can't be started ({error})")))?;
    let (Some(input), Some(output)) = (worker.stdin.take(), worker.stdout.take()) else {
        return Err(Error::Internal("a worker without pipes".into()));
    };
    let mut talk = Talk {
        input,
        output,
        asked: 0,
        thought: Duration::ZERO,
    };
    let answer = tokio::select! {
        answer = talk.through(request, file) => answer,
        () = cancel.cancelled() => Err(Error::Cancelled),
    };
    // Whatever it does now, it is not waited for long.
    let _ = worker.start_kill();
    let _ = worker.wait().await;
    answer
}

struct Talk {
    input: ChildStdin,
    output: ChildStdout,
    /// Bytes that were given out.
    asked: u64,
    /// How long it let this side wait.
    thought: Duration,
}

impl Talk {
    async fn through(&mut self, request: Request, file: &mut StoredFile) -> Result<View> {
        let size = file.record().size;
        self.say(&Frame::Show(request, size)).await?;
        for _ in 0..limits::QUESTIONS {
            match self.hear().await? {
                Frame::Ask { offset, length } => {
                    self.asked += length as u64;
                    if self.asked > limits::ASKED {
                        return Err(not_shown("more of it would have to be read than a preview may"));
                    }
                    let bytes = file.read_at(offset, length).await?;
                    self.say(&Frame::Bytes(bytes.to_vec())).await?;
                }
                Frame::View(view) => {
                    return Ok(View {
                        shown: believed(view.shown),
                        bytes_read: self.asked.min(view.bytes_read),
                        file_bytes: size,
                        ..*view
                    });
                }
                // In its own words, but not in many.
                Frame::Failed(why) => return Err(not_shown(&why.chars().take(WORDS).collect::<String>())),
                Frame::Show(..) | Frame::Bytes(_) => return Err(not_shown("its decoder makes no sense")),
            }
        }
        Err(not_shown("its decoder asks without end"))
    }

    async fn say(&mut self, frame: &Frame) -> Result<()> {
        let bytes = frame.to_bytes();
        let said = tokio::time::timeout(think(), async {
            self.input.write_all(&bytes).await?;
            self.input.flush().await
        });
        match said.await {
            Ok(Ok(())) => Ok(()),
            _ => Err(gave_up()),
        }
    }

    /// The next thing that it says, if it comes in time and is not too long.
    async fn hear(&mut self) -> Result<Frame> {
        let began = Instant::now();
        let heard = tokio::time::timeout(think(), async {
            let mut header = [0; HEADER];
            self.output.read_exact(&mut header).await?;
            let mut body = vec![0; Frame::body_len(header)?];
            self.output.read_exact(&mut body).await?;
            Ok::<_, std::io::Error>(Frame::parse(header, body)?)
        });
        let heard = heard.await;
        self.thought += began.elapsed();
        match heard {
            Ok(Ok(_)) if self.thought > Duration::from_secs(limits::THINK_SECONDS_IN_ALL) => {
                Err(not_shown("it takes too long"))
            }
            Ok(Ok(frame)) => Ok(frame),
            Ok(Err(_)) => Err(gave_up()),
            Err(_) => Err(not_shown("it takes too long")),
        }
    }
}

/// What comes from a worker, without a picture that is no PNG: one that was taken over may send anything.
fn believed(shown: Shown) -> Shown {
    match shown {
        Shown::Image(mut image) => {
            image.thumbnail_png = image.thumbnail_png.filter(|png| png.starts_with(PNG));
            Shown::Image(image)
        }
        other => other,
    }
}

fn think() -> Duration {
    Duration::from_secs(limits::THINK_SECONDS)
}

fn gave_up() -> Error {
    not_shown(
        "its decoder was stopped, because the file is damaged or made to do harm, or takes too much time or memory",
    )
}

fn not_shown(why: &str) -> Error {
    Error::NotShown(why.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use holdfast_engine::rng;
    use holdfast_engine::transfer::{PackServer, Stored};
    use holdfast_protocol::KeyField;
    use holdfast_protocol::id::{Hash, ItemId, PackId, SpaceId, VersionId};
    use holdfast_protocol::item::ManifestRef;
    use holdfast_protocol::manifest::{FileRecord, FileType};
    use holdfast_protocol::wire::PackState;

    use super::*;

    /// A server that has nothing.
    struct Nothing;

    #[async_trait::async_trait]
    impl PackServer for Nothing {
        async fn begin(&self, _: SpaceId, _: PackId, _: u64) -> Result<PackState> {
            Err(Error::Locked)
        }
        async fn put_part(&self, _: SpaceId, _: PackId, _: u32, _: bytes::Bytes) -> Result<()> {
            Err(Error::Locked)
        }
        async fn query(&self, _: SpaceId, _: &[PackId]) -> Result<Vec<PackState>> {
            Err(Error::Locked)
        }
        async fn read(&self, _: SpaceId, _: PackId, _: u64, _: u64) -> Result<bytes::Bytes> {
            Err(Error::Locked)
        }
        async fn abort(&self, _: SpaceId, _: PackId) -> Result<()> {
            Err(Error::Locked)
        }
    }

    fn empty_file() -> StoredFile {
        let key = || KeyField::new(holdfast_crypto::Key32::random(&mut rng()));
        let stored = Stored {
            space: SpaceId([1; 32]),
            item: ItemId([2; 16]),
            version: VersionId([3; 16]),
            manifest: ManifestRef {
                pack: PackId([4; 16]),
                offset: 0,
                length: 64,
                hash: Hash([5; 32]),
                key: key(),
            },
            packs: vec![PackId([4; 16])],
        };
        let record = FileRecord {
            path: b"x.csv".to_vec(),
            kind: FileType::File,
            size: 0,
            mode: 0o644,
            modified_ns: 0,
            target: None,
            chunks: Vec::new(),
        };
        let server: Arc<dyn PackServer> = Arc::new(Nothing);
        StoredFile::new(&server, &stored, record, 1 << 20, &CancellationToken::new())
    }

    /// Programs that are no workers: one that ends, one that repeats what it hears, one that never stops talking, none.
    #[tokio::test]
    async fn a_worker_that_makes_no_sense_is_an_error_and_nothing_else() {
        for program in [
            "/bin/false",
            "/bin/true",
            "/bin/cat",
            "/usr/bin/yes",
            "/nonexistent/program",
        ] {
            let request = Request {
                name: "x.csv".into(),
                rows: 10,
                offset: None,
            };
            let shown = show(
                Path::new(program),
                request,
                &mut empty_file(),
                &CancellationToken::new(),
            )
            .await;
            assert!(matches!(shown, Err(Error::NotShown(_))), "{program}");
        }
    }

    #[test]
    fn only_a_png_is_taken_for_one() {
        for (picture, kept) in [("iVBORw0KGgoAAAA", true), ("R0lGODlh", false), ("<svg>", false)] {
            let shown = believed(Shown::Image(holdfast_preview::Image {
                thumbnail_png: Some(picture.into()),
                ..Default::default()
            }));
            let Shown::Image(image) = shown else {
                panic!("a picture")
            };
            assert_eq!(image.thumbnail_png.is_some(), kept, "{picture}");
        }
    }
}
