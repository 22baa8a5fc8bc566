//! `cargo xtask run`: builds the window and opens it. Without a display it says so, and plays the main job on the command
//! line.

use std::env;
use std::process::Command;

use anyhow::Result;

use crate::demo;
use crate::page::{self, Node};
use crate::process::{Exit, show_and_run};
use crate::setup::{self, C_COMPILER, WINDOW};
use crate::workspace::{Metadata, cargo};

pub(crate) fn run(args: &[String]) -> Result<()> {
    if let Some(arg) = args.first() {
        return Err(Exit::usage(format!("cargo xtask run takes nothing, not `{arg}`")));
    }
    let meta = Metadata::load()?;
    if has_display() {
        setup::ensure("The window", &[&WINDOW, Node::needs(&meta)].concat())?;
        let node = Node::ensure(&meta)?;
        page::build(&node)?;
        if !show_and_run(cargo("build").args(["--package", "holdfast-app"]))? {
            return Err(Exit::silent());
        }
        eprintln!("Opening the window.");
        let mut window = Command::new(meta.debug_file("holdfast-app"));
        return if show_and_run(&mut window)? {
            Ok(())
        } else {
            Err(Exit::silent())
        };
    }
    eprintln!(
        "There is no display here (neither WAYLAND_DISPLAY nor DISPLAY is set), so no window can open.\n\
         On a computer with a screen, run this again there; over ssh, use `ssh -X`.\n\
         Here is the main job on the command line instead.\n"
    );
    setup::ensure("The demo", &[C_COMPILER])?;
    if !show_and_run(cargo("build").args(["--package", "holdfast-cli"]))? {
        return Err(Exit::silent());
    }
    demo::run(&meta.debug_file("holdfast"))
}

fn has_display() -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    set("WAYLAND_DISPLAY") || set("DISPLAY")
}
