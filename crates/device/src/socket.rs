//! The owner-only socket between the agent and the other programs of the same user, and its frames: four bytes of
//! length (big-endian), then that much JSON.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use holdfast_engine::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use zeroize::Zeroizing;

use crate::{Profile, ProfileLock};

/// The most bytes of JSON in one frame.
pub const FRAME_LIMIT: usize = 16 << 20;

/// The agent's end. Dropping it removes the socket.
pub struct AgentListener {
    listener: UnixListener,
    path: PathBuf,
}

impl AgentListener {
    /// Listens at the profile's socket (0600, in a 0700 folder). Whoever holds the profile's lock may clear away
    /// the socket of an agent that was killed.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody answers there although we hold the lock; [`Error::AlreadyExists`] when it
    /// is not a socket; [`Error::Io`].
    pub async fn bind(profile: &Profile, _held: &ProfileLock) -> Result<Self> {
        let path = profile.socket();
        let failed = |error: io::Error| Error::io(path, &error);
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
            Ok(found) if !found.file_type().is_socket() => {
                return Err(Error::AlreadyExists(format!(
                    "{} is in the way of the agent's socket.",
                    path.display()
                )));
            }
            Ok(_) => match UnixStream::connect(path).await {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed)?,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
                Ok(_) => return Err(Error::Conflict(format!("Somebody else answers at {}.", path.display()))),
            },
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        let listener = Self {
            listener,
            path: path.to_owned(),
        };
        // Its folder lets nobody else in already.
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(listener)
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next program of the same user. Others (root among them) are hung up on.
    ///
    /// # Errors
    /// What the system says; the listener stays usable.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            match same_user(&stream) {
                Ok(()) => return Ok(stream),
                Err(error) => tracing::warn!(%error, "hung up on a stranger at the agent's socket"),
            }
        }
    }
}

impl Drop for AgentListener {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "the agent's socket was gone already");
        }
    }
}

/// Connects to the agent at `path`; `None` when there is none. Checks that socket and listener belong to this user:
/// what is said there is not for others.
///
/// # Errors
/// [`ErrorKind::PermissionDenied`] when they don't; else what the system says.
pub async fn connect_agent(path: &Path) -> io::Result<Option<UnixStream>> {
    let nobody = |error: &io::Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused);
    match fs::symlink_metadata(path) {
        Err(error) if nobody(&error) => return Ok(None),
        Err(error) => return Err(error),
        Ok(found) => check_user(found.uid())?,
    }
    match UnixStream::connect(path).await {
        Err(error) if nobody(&error) => Ok(None),
        Err(error) => Err(error),
        Ok(stream) => same_user(&stream).map(|()| Some(stream)),
    }
}

fn same_user(stream: &UnixStream) -> io::Result<()> {
    check_user(stream.peer_cred()?.uid())
}

fn check_user(uid: u32) -> io::Result<()> {
    if uid == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(io::Error::new(
        ErrorKind::PermissionDenied,
        format!("the other side belongs to user {uid}"),
    ))
}

/// A frame did not go through. The stream is not usable afterwards.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// More than [`FRAME_LIMIT`] bytes: how many.
    #[error("a message of {0} bytes is too long")]
    TooLong(u64),
    /// The other side ended in the middle of a frame.
    #[error("the other side hung up in the middle of a message")]
    CutShort,
    /// Not the JSON that was expected (where and how, without what it said).
    #[error("a message makes no sense: {0}")]
    NotUnderstood(String),
    /// What the system says.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Sends one frame.
///
/// # Errors
/// [`FrameError`]; when the message is too long, nothing was sent.
pub async fn write_frame<T: Serialize + Sync>(
    to: &mut (impl AsyncWrite + Unpin + Send),
    message: &T,
) -> std::result::Result<(), FrameError> {
    // Measured first: a buffer that grows leaves copies of what it held, and messages may hold secrets.
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, message).map_err(not_understood)?;
    let length = u32::try_from(counter.0)
        .ok()
        .filter(|_| counter.0 <= FRAME_LIMIT)
        .ok_or(FrameError::TooLong(counter.0 as u64))?;
    let mut frame = Zeroizing::new(Vec::with_capacity(4 + counter.0));
    frame.extend_from_slice(&length.to_be_bytes());
    serde_json::to_writer(&mut *frame, message).map_err(not_understood)?;
    to.write_all(&frame).await?;
    Ok(to.flush().await?)
}

/// Receives one frame; `None` when the other side is done.
///
/// # Errors
/// [`FrameError`].
pub async fn read_frame<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin + Send),
) -> std::result::Result<Option<T>, FrameError> {
    let mut length = [0; 4];
    let mut filled = 0;
    while filled < length.len() {
        match from.read(&mut length[filled..]).await? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(FrameError::CutShort),
            more => filled += more,
        }
    }
    let announced = u32::from_be_bytes(length);
    let length = usize::try_from(announced).ok().filter(|length| *length <= FRAME_LIMIT);
    let length = length.ok_or(FrameError::TooLong(announced.into()))?;
    let mut frame = Zeroizing::new(vec![0; length]);
    from.read_exact(&mut frame).await.map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => FrameError::CutShort,
        _ => error.into(),
    })?;
    serde_json::from_slice(&frame).map(Some).map_err(not_understood)
}

/// serde's own words quote the value that did not fit, which may be a secret: only where and what sort of fault.
#[allow(clippy::needless_pass_by_value)]
fn not_understood(error: serde_json::Error) -> FrameError {
    let column = error.column();
    FrameError::NotUnderstood(format!("{:?} fault at byte {column}", error.classify()))
}

/// Counts what is written to it.
struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
