//! A witness process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running `holdfast witness`. Ends with the test.
pub struct Witness {
    child: Child,
    data: PathBuf,
    log: String,
    url: String,
    key: String,
}

impl Witness {
    /// Starts a witness of one log on a folder and a free port.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(data: &Path, log: &str) -> Self {
        let (child, url, key) = spawn(data, log, "127.0.0.1:0");
        Self {
            child,
            data: data.to_owned(),
            log: log.to_owned(),
            url,
            key,
        }
    }

    /// Its public key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Where it takes checkpoints.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What `serve --witness` takes.
    #[must_use]
    pub fn at(&self) -> String {
        format!("{}={}", self.key, self.url)
    }

    /// Ends it as a power cut would.
    ///
    /// # Panics
    /// When it can't be killed.
    pub fn kill(&mut self) {
        self.child.kill().expect("the witness can be killed");
        self.child.wait().expect("the witness ends");
    }

    /// Starts it again on the same folder and port.
    pub fn restart(&mut self) {
        let address = self.url.trim_start_matches("http://").to_owned();
        (self.child, self.url, self.key) = spawn(&self.data, &self.log, &address);
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(data: &Path, log: &str, listen: &str) -> (Child, String, String) {
    let mut child = Command::new(crate::binary())
        .args(["witness", "--json", "--listen", listen, "--log", log, "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the holdfast binary starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("stdout is piped");
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("a line from the witness");
    let ready: serde_json::Value = serde_json::from_str(&line).expect("the witness comes up");
    let said = |name: &str| ready[name].as_str().expect("text").to_owned();
    (child, said("listening"), said("key"))
}
