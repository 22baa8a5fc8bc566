//! The folders of a build, and the environment in which the compilers write down other names for them.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{Exit, output_of};

/// Ours, in place of this machine's. Of the standard library there is a name already, which depends on the compiler only.
const SOURCES: &str = "/holdfast";
const TARGET: &str = "/holdfast/target";
const CARGO: &str = "/cargo";

/// Variables that would change what is built. Which linker is called (`CARGO_TARGET_…_LINKER`) may stay.
const FROM_OUTSIDE: [&str; 12] = [
    "RUSTFLAGS",
    "RUSTC_BOOTSTRAP",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CARGO_INCREMENTAL",
    "CXXFLAGS",
    "CPPFLAGS",
    "LDFLAGS",
    "CARGO_HOME",
    "CFLAGS",
];
const FROM_OUTSIDE_BEGIN: [&str; 4] = ["CARGO_PROFILE_", "CARGO_BUILD_", "AWS_LC_", "LIBSQLITE3_"];

/// Where a build's sources, its results and cargo's own things are.
#[derive(Debug)]
pub(crate) struct Folders {
    sources: PathBuf,
    target: PathBuf,
    cargo_home: PathBuf,
    /// The sources of the standard library, where they are installed, and how the compiler calls them where they are not.
    library: (PathBuf, String),
    time: String,
}

/// The folder that cargo keeps its things in.
pub(crate) fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    let home = env::var_os("HOME").context("neither CARGO_HOME nor HOME is set")?;
    Ok(Path::new(&home).join(".cargo"))
}

fn has_space(path: &Path) -> bool {
    path.to_string_lossy().contains(char::is_whitespace)
}

impl Folders {
    /// `time` is that of the sources, in seconds since 1970.
    pub(crate) fn of(sources: &Path, target: &Path, cargo_home: &Path, time: &str) -> Result<Self> {
        let version = output_of(Command::new("rustc").arg("-vV"))?;
        let hash = version.lines().find_map(|line| line.strip_prefix("commit-hash: "));
        let hash = hash.context("rustc -vV names no commit")?;
        let sysroot = output_of(Command::new("rustc").args(["--print", "sysroot"]))?;
        let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
        // Flags for C are parted at spaces.
        if let Some(path) = [sources, target, cargo_home].into_iter().find(|path| has_space(path)) {
            let path = path.display();
            return Err(Exit::usage(format!(
                "A release can't be built with a space in the path of {path}"
            )));
        }
        Ok(Self {
            sources: sources.to_owned(),
            target: target.to_owned(),
            cargo_home: cargo_home.to_owned(),
            library: (library, format!("/rustc/{hash}")),
            time: time.to_owned(),
        })
    }

    pub(crate) fn sources(&self) -> &Path {
        &self.sources
    }

    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Real paths and what stands for them. Of several that fit the compilers take the last, so the inner ones come later.
    fn names(&self) -> [(&Path, &str); 4] {
        [
            (self.library.0.as_path(), self.library.1.as_str()),
            (self.cargo_home.as_path(), CARGO),
            (self.sources.as_path(), SOURCES),
            (self.target.as_path(), TARGET),
        ]
    }

    /// Gives the command the environment of a release build.
    pub(crate) fn set_up(&self, command: &mut Command) {
        let begins = |name: &str| FROM_OUTSIDE_BEGIN.iter().any(|begin| name.starts_with(*begin));
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if FROM_OUTSIDE.contains(&&*text) || begins(&text) || text.ends_with("_RUSTFLAGS") {
                command.env_remove(&name);
            }
        }
        command.env("CARGO_HOME", &self.cargo_home);
        command.env("CARGO_ENCODED_RUSTFLAGS", self.rust_flags());
        command.env("CFLAGS", self.c_flags());
        command.env("SOURCE_DATE_EPOCH", &self.time);
        command.env("CARGO_INCREMENTAL", "0");
    }

    /// One flag to each path, parted as cargo wants it.
    fn rust_flags(&self) -> OsString {
        let mut flags = OsString::new();
        for (path, name) in self.names() {
            if !flags.is_empty() {
                flags.push("\u{1f}");
            }
            flags.push("--remap-path-prefix=");
            flags.push(path);
            flags.push("=");
            flags.push(name);
        }
        flags
    }

    /// For what is built from C. AWS-LC has its own besides, which say the same.
    fn c_flags(&self) -> OsString {
        let mut flags = OsString::new();
        for (path, name) in self.names().into_iter().skip(1) {
            if !flags.is_empty() {
                flags.push(" ");
            }
            flags.push("-ffile-prefix-map=");
            flags.push(path);
            flags.push("=");
            flags.push(name);
        }
        flags
    }

    /// Paths of this machine that stand in a program all the same, each with what follows it there.
    pub(crate) fn found_in(&self, program: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for (path, _) in self.names() {
            let path = path.as_os_str().as_encoded_bytes();
            let mut places = program
                .windows(path.len())
                .enumerate()
                .filter(|(_, bytes)| *bytes == path);
            for (place, _) in places.by_ref().take(3) {
                let text: Vec<u8> = program[place..]
                    .iter()
                    .copied()
                    .take(160)
                    .take_while(u8::is_ascii_graphic)
                    .collect();
                found.push(String::from_utf8_lossy(&text).into_owned());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders() -> Folders {
        Folders {
            sources: "/home/ana/holdfast".into(),
            target: "/home/ana/holdfast/target/release-build".into(),
            cargo_home: "/home/ana/.cargo".into(),
            library: ("/opt/rust".into(), "/rustc/ab".to_owned()),
            time: "1".to_owned(),
        }
    }

    #[test]
    fn inner_folders_come_later() {
        let flags = folders().rust_flags().into_string().unwrap();
        let flags: Vec<_> = flags.split('\u{1f}').collect();
        assert_eq!(flags[0], "--remap-path-prefix=/opt/rust=/rustc/ab");
        assert_eq!(flags[2], "--remap-path-prefix=/home/ana/holdfast=/holdfast");
        assert_eq!(
            flags[3],
            "--remap-path-prefix=/home/ana/holdfast/target/release-build=/holdfast/target"
        );
    }

    #[test]
    fn a_path_that_stayed_is_shown() {
        let program = b"\x7fELF..\0/holdfast/crates/a.rs\0/home/ana/.cargo/registry/x.rs\0";
        assert_eq!(folders().found_in(program), ["/home/ana/.cargo/registry/x.rs"]);
        assert_eq!(folders().found_in(b"/holdfast/crates/a.rs"), Vec::<String>::new());
    }

    #[test]
    fn flags_of_the_caller_do_not_count() {
        let mut command = Command::new("true");
        folders().set_up(&mut command);
        let set: Vec<_> = command
            .get_envs()
            .filter(|(_, value)| value.is_some())
            .map(|(name, _)| name)
            .collect();
        assert!(set.contains(&"SOURCE_DATE_EPOCH".as_ref()));
        let flags = command
            .get_envs()
            .find(|(name, _)| *name == "CFLAGS")
            .and_then(|(_, value)| value);
        assert!(flags.is_some_and(|flags| {
            flags
                .to_string_lossy()
                .contains("-ffile-prefix-map=/home/ana/.cargo=/cargo")
        }));
    }
}
