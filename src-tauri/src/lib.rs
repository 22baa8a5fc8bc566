//! The desktop shell: set-up, state, and one thin command for each thing the page may ask for.
//!
//! | room | for |
//! |---|---|
//! | `args` | what can be typed when the program is started |
//! | `desk` | what all commands share: the profile, who is unlocked, the page that is open |
//! | `door` | making, opening and recovering an account |
//! | `builtin` | the server of "Only on this computer" |
//! | `chores` | moving to another server, backing up, looking for faults |
//! | `jobs` | long work: uploads, downloads; how far it is, pause, cancel |
//! | `imports` | the file that is being imported: what opens it, deleting it |
//! | `keychain` | the system's keychain, for quick unlock |
//! | `picks` | files that a person chose; the page gets a number, never a path it could invent |
//! | `quick` | opening without the Master Key, where that was asked for |
//! | `tray` | the icon in the system's tray |
//! | `clip` | the clipboard, and clearing it |
//! | `heap` | what the C library frees is overwritten |
//! | `idle` | locking by itself |
//! | `settings` | what a person can set for this computer |
//! | `system` | locking with the computer |
//! | `whole` | files that are written all or nothing |
//! | `page` | the one web view: where it may go, and a new process for it after each lock and unlock |
//! | `ipc` | the commands themselves |
//! | `tested` | the tests' hands; not in a release |
//!
//! What is done is done by `holdfast-commands`; keys never leave Rust.

mod args;
mod builtin;
mod chores;
mod clip;
mod desk;
mod door;
mod heap;
mod idle;
mod imports;
mod ipc;
mod jobs;
mod keychain;
mod page;
mod picks;
mod quick;
mod settings;
mod system;
#[cfg(feature = "e2e")]
mod tested;
mod tray;
pub mod types;
pub mod typescript;
mod whole;

use std::process::ExitCode;
use std::sync::Arc;

use tauri::Manager;
use tracing_subscriber::EnvFilter;

use desk::Desk;

/// Runs the program until the window is closed.
pub fn main() -> ExitCode {
    // Before anything is done that would be done twice.
    let wiping = heap::start_wiping();
    // Before any secret is read.
    let hardened = holdfast_device::harden_process();
    log_to_stderr();
    if let Err(error) = hardened {
        tracing::warn!(%error, "this process can't be shut off from debuggers and core dumps");
    }
    if let Err(error) = wiping {
        tracing::warn!(%error, "freed memory of the system's library is not wiped");
    }
    let args = match args::read(std::env::args_os()) {
        Ok(args::Asked::Run(args)) => args,
        Ok(args::Asked::Help) => return args::help(),
        Err(message) => return args::complain(&message),
    };
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => args::complain(&message),
    }
}

fn run(args: args::Args) -> Result<(), String> {
    let desk = match tauri::async_runtime::block_on(Desk::open(&args)) {
        Ok(Some(desk)) => Arc::new(desk),
        // The program that has this profile shows its window now.
        Ok(None) => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let context = tauri::generate_context!();
    #[cfg(feature = "e2e")]
    let context = tested::with_page_from_disk(context);
    let app = tauri::Builder::default()
        .plugin(tauri_plugin_dialog::init())
        .manage(Arc::clone(&desk))
        .invoke_handler(ipc::handler())
        .setup(move |app| {
            page::open(app)?;
            if let Err(error) = tray::add(app) {
                tracing::warn!(%error, "no icon in the tray");
            }
            system::listen(&desk);
            desk.start(app.handle().clone());
            Ok(())
        })
        .build(context)
        .map_err(|error| format!("The window can't be opened: {error}"))?;
    app.run(|app, event| {
        let desk = Arc::clone(app.state::<Arc<Desk>>().inner());
        match event {
            tauri::RunEvent::ExitRequested { .. } => desk.leave(),
            tauri::RunEvent::Exit => tauri::async_runtime::block_on(desk.close()),
            _ => {}
        }
    });
    Ok(())
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .finish();
    let _ = tracing::subscriber::set_global_default(log);
}
