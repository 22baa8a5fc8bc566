//! The walls in the words of `bwrap`. There is no name of anybody's and no secret in them: other users of this computer can read them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::Bubblewrap;

/// What of one run is seen inside.
pub(super) struct Inside {
    pub(super) task: PathBuf,
    pub(super) inputs: PathBuf,
    /// Size of `/out`, and of `/tmp`, in bytes.
    pub(super) disk_bytes: u64,
    /// Size of `/dev/shm` in bytes.
    pub(super) shared_bytes: u64,
}

impl Inside {
    pub(super) fn empty(folder: &Path) -> Self {
        Self {
            task: folder.to_path_buf(),
            inputs: folder.to_path_buf(),
            disk_bytes: 4096,
            shared_bytes: 4096,
        }
    }
}

/// Where the inner half of this program is, inside.
pub(super) const STAGE_PLACE: &str = "/run/holdfast-stage";

/// Where the module for Python is, inside.
pub(super) const PYTHON_PLACE: &str = "/run/holdfast-python";

/// Folders of the system that are links to others on most systems.
const SYSTEM: [&str; 6] = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// Of `/etc`: how libraries are found, certificates that everybody may see, and how installed programs are set up. No names, no keys.
const ETC: [&str; 11] = [
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "ssl/certs",
    "ca-certificates",
    "pki/tls/certs",
    "pki/ca-trust/extracted",
    "R",
    "fonts",
    "mime.types",
];

/// What `/run/holdfast` holds: parameters and secrets.
const PLACE_BYTES: u64 = 4 << 20;

/// The words behind the program's name, up to what is started.
pub(super) fn walls(executor: &Bubblewrap, inside: &Inside) -> Vec<OsString> {
    let mut words = Words(Vec::new());
    words.plain(&[
        "--unshare-all",
        "--unshare-user",
        "--disable-userns",
        "--die-with-parent",
        "--new-session",
        "--as-pid-1",
    ]);
    words.plain(&["--hostname", "run", "--uid", "1000", "--gid", "1000"]);
    words.same("--ro-bind", Path::new("/usr"));
    for folder in SYSTEM {
        match (fs::read_link(folder), Path::new(folder).is_dir()) {
            (Ok(target), _) => words.two("--symlink", &target, folder),
            (Err(_), true) => words.same("--ro-bind", Path::new(folder)),
            (Err(_), false) => {}
        }
    }
    words.plain(&["--perms", "0755", "--dir", "/etc"]);
    for name in ETC {
        words.same("--ro-bind-try", &Path::new("/etc").join(name));
    }
    for name in ["passwd", "group", "hosts", "nsswitch.conf", "resolv.conf"] {
        let own = executor.furniture.join("etc").join(name);
        words.two("--ro-bind", &own, &format!("/etc/{name}"));
    }
    for folder in &executor.settings.also_read {
        words.same("--ro-bind", folder);
    }
    words.plain(&["--proc", "/proc", "--dev", "/dev"]);
    for device in &executor.settings.devices {
        words.same("--dev-bind-try", device);
    }
    // Not to be written, for what lies in it is counted by nobody; what is to be written has its size.
    words.plain(&["--remount-ro", "/dev"]);
    words.memory("/dev/shm", inside.shared_bytes, "1777");
    words.memory("/tmp", inside.disk_bytes, "1777");
    words.memory("/out", inside.disk_bytes, "0755");
    words.plain(&["--perms", "0755", "--dir", "/run"]);
    words.memory("/run/holdfast", PLACE_BYTES, "0700");
    words.two("--ro-bind", &executor.stage, STAGE_PLACE);
    words.two("--ro-bind", &executor.furniture.join("python"), PYTHON_PLACE);
    words.two("--ro-bind", &inside.task, "/task");
    words.two("--ro-bind", &inside.inputs, "/in");
    words.plain(&["--remount-ro", "/", "--chdir", "/task"]);
    words.0
}

struct Words(Vec<OsString>);

impl Words {
    fn plain(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(OsString::from));
    }

    fn two(&mut self, word: &str, source: &Path, target: &str) {
        self.0.extend([word.into(), source.into(), target.into()]);
    }

    fn same(&mut self, word: &str, path: &Path) {
        self.0.extend([word.into(), path.into(), path.into()]);
    }

    fn memory(&mut self, target: &str, bytes: u64, mode: &str) {
        self.plain(&["--perms", mode, "--size", &bytes.to_string(), "--tmpfs", target]);
    }
}
