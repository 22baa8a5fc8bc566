//! A bus of its own, as a computer has one.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Everybody may say everything, and nobody is started by being spoken to, as this computer's own keychain would be.
const RULES: &str = r#"<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

pub(super) struct Bus {
    child: Child,
    address: String,
}

impl Bus {
    pub(super) fn start() -> Self {
        let rules = tempfile::NamedTempFile::new().expect("a file for its rules");
        std::fs::write(rules.path(), RULES).expect("its rules");
        let mut child = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", rules.path().display()))
            .args(["--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon is installed");
        let mut address = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("its output"));
        out.read_line(&mut address).expect("an address");
        Self {
            child,
            address: address.trim().to_owned(),
        }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    fn send(&self) -> Command {
        let mut command = Command::new("dbus-send");
        command.arg(format!("--bus={}", self.address));
        command
    }

    /// Whether somebody has that name.
    pub(super) fn knows(&self, name: &str) -> bool {
        let asked = self
            .send()
            .args(["--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"])
            .arg("org.freedesktop.DBus.NameHasOwner")
            .arg(format!("string:{name}"))
            .output()
            .expect("dbus-send is installed");
        String::from_utf8_lossy(&asked.stdout).contains("true")
    }

    /// What the system says when it goes to sleep, and when it wakes up.
    pub(super) fn sleeps(&self, really: bool) {
        let told = self
            .send()
            .args(["--type=signal", "/org/freedesktop/login1"])
            .arg("org.freedesktop.login1.Manager.PrepareForSleep")
            .arg(format!("boolean:{really}"))
            .status();
        assert!(told.expect("dbus-send is installed").success());
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
