//! What a part needs from the machine, what of it is missing, and how it gets there.
//!
//! Nothing is installed silently: the plan is printed first, with the reason for each package. Nobody
//! is asked when nobody can answer. What cannot be installed from here is printed as one line to run,
//! and the exit code is 2.

use std::env;
use std::io::{IsTerminal, stdin};
use std::process::Command;

use anyhow::Result;

use crate::process::{Exit, in_ci, output_of, show_and_run, succeeds, which};

/// A program that has to be on the PATH (or, with `.pc` at its end, a library that pkg-config knows; with `.py`, a module of
/// Python), and the Debian package that brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
    pub(crate) why: &'static str,
}

/// The C compiler: AWS-LC (RSA) and SQLite are built from their sources. Neither needs cmake or bindgen on Linux.
pub(crate) const C_COMPILER: Need = Need {
    program: "cc",
    package: "build-essential",
    why: "builds AWS-LC and SQLite from source",
};
/// Peer of the key benches.
pub(crate) const OPENSSL: Need = Need {
    program: "openssl",
    package: "openssl",
    why: "the peer of the key benches",
};
/// Peer of the sealing bench.
pub(crate) const AGE: Need = Need {
    program: "age",
    package: "age",
    why: "the peer of the sealing bench",
};

/// Finds the libraries below.
pub(crate) const PKG_CONFIG: Need = Need {
    program: "pkg-config",
    package: "pkg-config",
    why: "finds the window's libraries",
};
/// The browser inside the window.
pub(crate) const WEBKIT: Need = Need {
    program: "webkit2gtk-4.1.pc",
    package: "libwebkit2gtk-4.1-dev",
    why: "the page inside the window",
};
/// A font with everything, for a machine that has none.
pub(crate) const FONTS: Need = Need {
    program: "fc-list",
    package: "fontconfig",
    why: "letters in the window",
};
/// What the window's own build needs.
pub(crate) const WINDOW: [Need; 4] = [C_COMPILER, PKG_CONFIG, WEBKIT, FONTS];
/// What the tests of the window need besides.
pub(crate) const WINDOW_TESTS: [Need; 10] = [
    Need {
        program: "gnome-keyring-daemon",
        package: "gnome-keyring",
        why: "a keychain for quick unlock",
    },
    Need {
        program: "secret-tool",
        package: "libsecret-tools",
        why: "looks into the keychain",
    },
    Need {
        program: "dbus-daemon",
        package: "dbus",
        why: "a bus on which a computer says that it sleeps",
    },
    Need {
        program: "dbus-send",
        package: "dbus",
        why: "says so there",
    },
    Need {
        program: "Xvfb",
        package: "xvfb",
        why: "a display that nobody looks at",
    },
    Need {
        program: "WebKitWebDriver",
        package: "webkit2gtk-driver",
        why: "a hand for the page",
    },
    Need {
        program: "xdotool",
        package: "xdotool",
        why: "a hand for the keyboard",
    },
    Need {
        program: "xclip",
        package: "xclip",
        why: "looks into the clipboard",
    },
    Need {
        program: "pdftotext",
        package: "poppler-utils",
        why: "reads a Recovery Kit back",
    },
    Need {
        program: "montage",
        package: "imagemagick",
        why: "puts the pictures on one sheet",
    },
];
const PYTHON: Need = Need {
    program: "python3",
    package: "python3",
    why: "tasks, and the second reader, in Python",
};
/// What the tests of tasks on a node need.
pub(crate) const NODE_TESTS: [Need; 2] = [
    Need {
        program: "bwrap",
        package: "bubblewrap",
        why: "walls around a task",
    },
    PYTHON,
];
/// What the second reader needs.
pub(crate) const READER_TESTS: [Need; 2] = [
    PYTHON,
    Need {
        program: "ensurepip.py",
        package: "python3-venv",
        why: "a folder for the packages of the second reader",
    },
];
/// Brings Node where there is none, or an old one.
pub(crate) const NPM: Need = Need {
    program: "npm",
    package: "npm",
    why: "fetches Node and what the page is built with",
};

/// What to install, in order, each with its reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) missing: Vec<Need>,
}

impl Plan {
    /// Keeps the needs that `present` does not find.
    pub(crate) fn new(needs: &[Need], present: impl Fn(&str) -> bool) -> Self {
        Self {
            missing: needs.iter().copied().filter(|need| !present(need.program)).collect(),
        }
    }

    /// The packages, each once.
    fn packages(&self) -> Vec<&'static str> {
        let mut packages = Vec::new();
        for need in &self.missing {
            if !packages.contains(&need.package) {
                packages.push(need.package);
            }
        }
        packages
    }

    /// The one line a person can paste.
    fn line(&self, as_root: bool) -> String {
        let sudo = if as_root { "" } else { "sudo " };
        let packages = self.packages().join(" ");
        format!("{sudo}apt-get update && {sudo}apt-get install -y --no-install-recommends {packages}")
    }
}

/// What of the machine decides how packages get there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    /// apt-get is there: Debian, Ubuntu and their kin.
    pub(crate) apt: bool,
    pub(crate) root: bool,
    pub(crate) sudo: bool,
    /// `sudo -n true` works: sudo asks for no password.
    pub(crate) sudo_asks_nothing: bool,
    /// Somebody sits at standard input.
    pub(crate) terminal: bool,
    pub(crate) ci: bool,
}

/// How to go on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// All is there.
    Nothing,
    /// Run apt-get behind this prefix: nothing, or `sudo` with its flags.
    Install(&'static [&'static str]),
    /// Print this and stop with exit code 2.
    Tell(String),
}

/// Decides without touching anything.
pub(crate) fn decide(plan: &Plan, machine: &Machine) -> Decision {
    if plan.missing.is_empty() {
        return Decision::Nothing;
    }
    if !machine.apt {
        let programs: Vec<_> = plan
            .missing
            .iter()
            .map(|need| need.program.trim_end_matches(".pc").trim_end_matches(".py"))
            .collect();
        return Decision::Tell(format!(
            "There is no apt-get here. Install these with your own package manager, then repeat: {}",
            programs.join(" ")
        ));
    }
    if machine.root {
        return Decision::Install(&[]);
    }
    if machine.sudo && machine.sudo_asks_nothing {
        return Decision::Install(&["sudo", "-n"]);
    }
    if machine.sudo && machine.terminal && !machine.ci {
        return Decision::Install(&["sudo"]);
    }
    let who = if machine.sudo {
        "Run this line"
    } else {
        "Have root run this line"
    };
    Decision::Tell(format!("{who}, then repeat:\n\n    {}\n", plan.line(!machine.sudo)))
}

/// Makes sure that everything in `needs` is there, installing what is not.
///
/// # Errors
///
/// With exit code 2 when it cannot be installed from here, or did not work.
pub(crate) fn ensure(what: &str, needs: &[Need]) -> Result<()> {
    let plan = Plan::new(needs, is_here);
    if plan.missing.is_empty() {
        return Ok(());
    }
    eprintln!("{what} needs what this machine does not have yet:");
    for need in &plan.missing {
        eprintln!("  {:<24} {}", need.package, need.why);
    }
    match decide(&plan, &look_around()) {
        Decision::Nothing => return Ok(()),
        Decision::Tell(line) => return Err(Exit::usage(line)),
        Decision::Install(prefix) => {
            eprintln!("Installing with apt-get.");
            let packages = plan.packages();
            let install = ["install", "-y", "--no-install-recommends"];
            if !apt_get(prefix, &["update"])? || !apt_get(prefix, &[&install, &packages[..]].concat())? {
                return Err(Exit::usage(format!(
                    "apt-get did not succeed. By hand:\n\n    {}\n",
                    plan.line(prefix.is_empty())
                )));
            }
        }
    }
    let left = Plan::new(needs, is_here);
    match left.missing.first() {
        None => Ok(()),
        Some(need) => Err(Exit::usage(format!(
            "{} was installed, yet `{}` is not to be found",
            need.package, need.program
        ))),
    }
}

fn is_here(program: &str) -> bool {
    if let Some(library) = program.strip_suffix(".pc") {
        return succeeds(Command::new("pkg-config").args(["--exists", library]));
    }
    match program.strip_suffix(".py") {
        Some(module) => succeeds(Command::new("python3").args(["-c", &format!("import {module}")])),
        None => which(program).is_some(),
    }
}

fn apt_get(prefix: &[&str], args: &[&str]) -> Result<bool> {
    let words = [prefix, &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"], args].concat();
    show_and_run(Command::new(words[0]).args(&words[1..]))
}

fn look_around() -> Machine {
    let root = output_of(Command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0");
    let sudo = which("sudo").is_some();
    Machine {
        apt: which("apt-get").is_some() && env::consts::OS == "linux",
        root,
        sudo,
        sudo_asks_nothing: sudo && !root && succeeds(Command::new("sudo").args(["-n", "true"])),
        terminal: stdin().is_terminal(),
        ci: in_ci(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: Machine = Machine {
        apt: true,
        root: false,
        sudo: true,
        sudo_asks_nothing: false,
        terminal: true,
        ci: false,
    };
    const TWO: [Need; 2] = [C_COMPILER, OPENSSL];

    fn all_missing() -> Plan {
        Plan::new(&TWO, |_| false)
    }

    #[test]
    fn the_plan_holds_only_what_is_missing() {
        let plan = Plan::new(&TWO, |program| program == "cc");
        assert_eq!(plan.missing, [OPENSSL]);
        assert_eq!(Plan::new(&TWO, |_| true), Plan::default());
        assert_eq!(decide(&Plan::default(), &USER), Decision::Nothing);
    }

    #[test]
    fn the_linkers_line_brings_everything() {
        let script = std::fs::read_to_string(crate::workspace::root().join(".cargo/cc")).unwrap();
        for need in WINDOW
            .iter()
            .chain(&WINDOW_TESTS)
            .chain(&NODE_TESTS)
            .chain(&READER_TESTS)
            .chain([&NPM])
        {
            assert!(script.contains(need.package), "{}", need.package);
        }
    }

    #[test]
    fn a_package_is_named_once() {
        let other = Need {
            program: "make",
            ..C_COMPILER
        };
        let plan = Plan::new(&[C_COMPILER, other], |_| false);
        assert_eq!(plan.packages(), ["build-essential"]);
    }

    #[test]
    fn root_installs_at_once_even_in_ci_and_without_sudo() {
        let root = Machine {
            root: true,
            sudo: false,
            terminal: false,
            ci: true,
            ..USER
        };
        assert_eq!(decide(&all_missing(), &root), Decision::Install(&[]));
    }

    #[test]
    fn a_user_at_a_terminal_is_asked_by_sudo() {
        assert_eq!(decide(&all_missing(), &USER), Decision::Install(&["sudo"]));
    }

    #[test]
    fn sudo_without_password_never_asks() {
        let machine = Machine {
            sudo_asks_nothing: true,
            terminal: false,
            ci: true,
            ..USER
        };
        assert_eq!(decide(&all_missing(), &machine), Decision::Install(&["sudo", "-n"]));
    }

    #[test]
    fn nobody_is_asked_in_ci_or_when_standard_input_is_closed() {
        for machine in [
            Machine { ci: true, ..USER },
            Machine {
                terminal: false,
                ..USER
            },
        ] {
            let Decision::Tell(text) = decide(&all_missing(), &machine) else {
                panic!("must not install");
            };
            assert!(text.contains(
                "sudo apt-get update && sudo apt-get install -y --no-install-recommends \
                 build-essential openssl"
            ));
        }
    }

    #[test]
    fn without_sudo_the_line_is_for_root() {
        let machine = Machine { sudo: false, ..USER };
        let Decision::Tell(text) = decide(&all_missing(), &machine) else {
            panic!("must not install");
        };
        assert!(text.contains("    apt-get update && apt-get install"), "{text}");
    }

    #[test]
    fn without_apt_the_programs_are_told_even_to_root() {
        let machine = Machine {
            apt: false,
            root: true,
            ..USER
        };
        let Decision::Tell(text) = decide(&all_missing(), &machine) else {
            panic!("must not install");
        };
        assert!(text.contains("cc openssl"), "{text}");
    }
}
