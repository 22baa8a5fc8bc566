//! `cargo xtask run`: builds the command line and plays the main job on it.
//!
//! Once there is a window, this starts it; the guided demo stays for machines without a display.

use anyhow::Result;

use crate::demo;
use crate::process::{Exit, show_and_run};
use crate::setup::{self, C_COMPILER};
use crate::workspace::{Metadata, cargo};

pub(crate) fn run(args: &[String]) -> Result<()> {
    if let Some(arg) = args.first() {
        return Err(Exit::usage(format!("cargo xtask run takes nothing, not `{arg}`")));
    }
    setup::ensure("The demo", &[C_COMPILER])?;
    let meta = Metadata::load()?;
    // The flags of the test run, so that neither builds again what the other has built.
    if !show_and_run(cargo("build").args(["--workspace", "--bins"]))? {
        return Err(Exit::silent());
    }
    demo::run(&meta.debug_file("holdfast"))
}
