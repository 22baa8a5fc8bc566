//! `holdfast witness`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use holdfast_protocol::witness::LogKey;

const EXAMPLES: &str = "\
Examples:
  holdfast witness --data ./witness --show-key
  holdfast witness --data ./witness --listen 0.0.0.0:7711 --log holdfast-directory/86…+5d0c11e2+AYx…
  holdfast witness --data ./witness --json --log …   # {\"listening\":\"http://127.0.0.1:41233\",\"key\":\"…\"} once it is ready

A witness should not belong to whoever runs the server. The server's operator tells its log's key
(`holdfast serve --json`, or `holdfast monitor --json` of anybody there) and takes yours
(`holdfast serve --witness KEY=URL`). Never put an older copy of the folder back, and never use it
in two places: begin in an empty folder instead, with a new key.";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Witness {
    /// Folder for the witness's key and what it remembers
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// The key of a log to co-sign; repeat it for more
    #[arg(long = "log", value_name = "KEY", required_unless_present = "show_key", value_parser = log)]
    pub(crate) logs: Vec<LogKey>,
    /// Print the public key, made now if there is none, and end
    #[arg(long, conflicts_with = "logs")]
    pub(crate) show_key: bool,
}

fn log(text: &str) -> Result<LogKey, String> {
    text.parse().map_err(|_| "it is not the key of a log of keys".into())
}
