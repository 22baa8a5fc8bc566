//! The icon in the system's tray: open, lock now, quit. Where a desktop has no tray there is none.

use std::sync::Arc;

use tauri::menu::{Menu, MenuItem};
use tauri::tray::TrayIconBuilder;
use tauri::{App, Manager};

use crate::desk::Desk;

/// Puts the icon there.
pub(crate) fn add(app: &App) -> tauri::Result<()> {
    if !is_possible() {
        tracing::info!("no tray on this computer");
        return Ok(());
    }
    let open = MenuItem::with_id(app, "open", "Open Holdfast", true, None::<&str>)?;
    let lock = MenuItem::with_id(app, "lock", "Lock now", true, None::<&str>)?;
    let quit = MenuItem::with_id(app, "quit", "Quit", true, None::<&str>)?;
    let mut icon = TrayIconBuilder::new()
        .tooltip("Holdfast")
        .menu(&Menu::with_items(app, &[&open, &lock, &quit])?)
        .on_menu_event(|app, event| {
            let desk = Arc::clone(app.state::<Arc<Desk>>().inner());
            match event.id().as_ref() {
                "open" => desk.show(),
                "lock" => desk.lock(),
                "quit" => app.exit(0),
                _ => {}
            }
        });
    if let Some(picture) = app.default_window_icon() {
        icon = icon.icon(picture.clone());
    }
    icon.build(app)?;
    Ok(())
}

/// On Linux the tray is a library that is looked for when it is first used; without it the program would end.
fn is_possible() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let folders = ["/usr/lib", "/usr/lib64", "/lib", "/usr/local/lib"];
    let names = ["libayatana-appindicator3.so.1", "libappindicator3.so.1"];
    let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
    folders.iter().any(|folder| {
        let folder = std::path::Path::new(folder);
        names
            .iter()
            .any(|name| folder.join(name).exists() || folder.join(&triple).join(name).exists())
    })
}
