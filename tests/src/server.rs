//! A server process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running `holdfast serve`. Ends with the test.
pub struct Server {
    child: Child,
    port: u16,
    fingerprint: Option<String>,
    log_key: String,
    data: PathBuf,
    log: PathBuf,
    extra: Vec<String>,
    filter: Option<String>,
}

impl Server {
    /// Starts a server on a folder and a free port.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// The same with more arguments.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start_with(data: &Path, extra: &[&str]) -> Self {
        Self::start_saying(data, extra, None)
    }

    /// The same with another filter for its log (`RUST_LOG`).
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start_saying(data: &Path, extra: &[&str], filter: Option<&str>) -> Self {
        let log = data.with_extension("log");
        let extra: Vec<String> = extra.iter().map(|&text| text.to_owned()).collect();
        // The system gives a port that nobody else has, and the server says which.
        let filter = filter.map(str::to_owned);
        let (child, port, fingerprint, log_key) = spawn(data, 0, &log, &extra, filter.as_deref());
        Self {
            child,
            port,
            fingerprint,
            log_key,
            data: data.to_owned(),
            log,
            extra,
            filter,
        }
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.fingerprint.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// The fingerprint of its certificate.
    ///
    /// # Panics
    /// Without TLS.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        self.fingerprint.as_deref().expect("a server with TLS")
    }

    /// The key of its log of keys, as witnesses are told it.
    #[must_use]
    pub fn log_key(&self) -> &str {
        &self.log_key
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What it has logged.
    ///
    /// # Panics
    /// When the log can't be read.
    #[must_use]
    pub fn log(&self) -> Vec<u8> {
        std::fs::read(&self.log).expect("the server's log")
    }

    /// Ends it as a power cut would.
    ///
    /// # Panics
    /// When it can't be killed.
    pub fn kill(&mut self) {
        self.child.kill().expect("the server can be killed");
        self.child.wait().expect("the server ends");
    }

    /// Starts it again on the same folder and port.
    pub fn restart(&mut self) {
        (self.child, _, self.fingerprint, self.log_key) =
            spawn(&self.data, self.port, &self.log, &self.extra, self.filter.as_deref());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(
    data: &Path,
    port: u16,
    log: &Path,
    extra: &[String],
    filter: Option<&str>,
) -> (Child, u16, Option<String>, String) {
    let temporary = data.with_extension("tmp");
    std::fs::create_dir_all(&temporary).expect("a folder for temporary files");
    let errors = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .expect("the server's log");
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let mut child = Command::new(crate::binary())
            .args(["serve", "--json", "--data"])
            .arg(data)
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(extra)
            .env("TMPDIR", &temporary)
            .envs(filter.map(|filter| ("RUST_LOG", filter)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors.try_clone().expect("the server's log"))
            .spawn()
            .expect("the holdfast binary starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("a line from the server");
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let address = ready["listening"].as_str().and_then(|url| url.rsplit(':').next());
        if let Some(port) = address.and_then(|port| port.parse().ok()) {
            let said = |name: &str| ready[name].as_str().map(str::to_owned);
            return (child, port, said("fingerprint"), said("log").unwrap_or_default());
        }
        let _ = child.wait();
        assert!(
            Instant::now() < deadline,
            "the server does not come up; see {}",
            log.display()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}
