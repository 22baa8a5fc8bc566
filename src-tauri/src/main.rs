//! The window's program. Everything is in the library, so that tests and examples reach it.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use std::process::ExitCode;

fn main() -> ExitCode {
    holdfast_app::main()
}
