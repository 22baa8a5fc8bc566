//! The server of "Only on this computer": the same one that a team runs, inside this program, on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use holdfast_device::Profile;
use holdfast_engine::ports::Unreachable;
use holdfast_engine::{Error, Result};
use holdfast_server::{Config, Running};

/// Bytes that one project may hold here; the disk is the real limit.
const QUOTA: u64 = 1 << 50;

/// Starts it, on the port it had before if it had one.
pub(crate) async fn start(profile: &Profile, port: Option<u16>) -> Result<Running> {
    let config = Config {
        data: data(profile),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0))),
        quota_bytes: QUOTA,
        origin: None,
        open_signup: true,
        metrics: None,
        tls: None,
        witnesses: Vec::new(),
    };
    holdfast_server::start(config).await.map_err(|error| match error {
        holdfast_server::Error::Listen(at, why) => Error::Unreachable(Unreachable::unsent(format!(
            "port {} of this computer, where your data is served, is taken by another program: {why}",
            at.port()
        ))),
        holdfast_server::Error::InUse => {
            Error::Conflict("Another program is serving this profile's data already.".into())
        }
        other => Error::Internal(other.to_string()),
    })
}

/// Where it keeps everything.
pub(crate) fn data(profile: &Profile) -> PathBuf {
    profile.data().join("server")
}

/// The address of a server on that port.
pub(crate) fn address(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
