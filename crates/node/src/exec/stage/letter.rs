//! What goes through the hatch between the node and the first process inside: descriptors out, one order in, a few reports out.
//! Both sides bound what they read.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use rustix::process::Pid;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// Longest frame in bytes: 1 MiB of secrets as JSON.
const LONGEST: usize = 8 << 20;

/// Descriptors that are handed out.
pub(crate) const HANDED: usize = 6;

/// The order, as the inside needs it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Launch {
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, Vec<u8>)>,
    /// Below `/run/holdfast`.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    pub(crate) file_bytes: u64,
    /// Writable memory of one process, where nothing else holds it.
    pub(crate) data_bytes: Option<u64>,
    /// Processes and threads.
    pub(crate) processes: Option<u64>,
    /// Processors, where nothing else holds them.
    pub(crate) cpus: Option<u32>,
    /// Memory that belongs to no process is counted by nobody, and not given out then.
    pub(crate) uncounted: bool,
}

impl Drop for Launch {
    fn drop(&mut self) {
        for (_, bytes) in self.env.iter_mut().chain(&mut self.files) {
            bytes.zeroize();
        }
    }
}

/// What the inside tells.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    Started,
    Failed(String),
    Exited(i32),
    Signalled(i32),
}

pub(crate) fn write_frame(stream: &mut UnixStream, frame: &impl Serialize) -> io::Result<()> {
    let bytes = Zeroizing::new(serde_json::to_vec(frame)?);
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(&bytes)
}

pub(crate) fn read_frame<T: DeserializeOwned>(stream: &mut UnixStream) -> io::Result<T> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Zeroizing::new(vec![0; length]);
    stream.read_exact(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// Sends descriptors, with one byte that carries them.
pub(super) fn hand_over(stream: &UnixStream, fds: [BorrowedFd<'_>; HANDED]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(HANDED))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    sendmsg(stream, &[IoSlice::new(b"H")], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Takes them, and who sent them: the kernel's word, in our own count of processes. The stream must pass credentials.
pub(crate) fn receive(stream: &UnixStream) -> io::Result<([OwnedFd; HANDED], Pid)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(HANDED), ScmCredentials(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let got = recvmsg(
        stream,
        &mut [IoSliceMut::new(&mut byte)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let (mut fds, mut sender) = (Vec::new(), None);
    for message in control.drain() {
        match message {
            RecvAncillaryMessage::ScmRights(handed) => fds.extend(handed),
            RecvAncillaryMessage::ScmCredentials(credentials) => sender = Some(credentials.pid),
            _ => {}
        }
    }
    match (got.bytes, &byte, fds.try_into(), sender) {
        (1, b"H", Ok(fds), Some(sender)) => Ok((fds, sender)),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
