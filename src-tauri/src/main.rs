//! The window's program. Everything is in the library, so that tests and examples reach it.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

/// Whatever held a secret for a moment (an answer as JSON, a buffer that grew) is wiped when it is given back.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    // Other people's files are decoded by this program, started anew and confined.
    if let Some(ended) = holdfast_preview::worker_main() {
        return ended;
    }
    holdfast_app::main()
}
