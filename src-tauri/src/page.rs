//! The one web view: its window, where it may go, and a new process for it whenever secrets come or go.
//!
//! What a page has held stays in the memory of its process for as long as that lives. So the page that took the Master Key, and
//! the page that showed secrets, end together with their process: at unlock and at lock the web process is ended and
//! the same address loaded into a new one. A page that ends by itself is opened anew as well; who is unlocked stays so, because the
//! keys were never in it.

use std::sync::Arc;
use std::time::Duration;

use tauri::webview::NewWindowResponse;
use tauri::{App, AppHandle, DragDropEvent, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent};

use crate::desk::Desk;
use crate::heap;

/// The window's label; capabilities name it.
pub(crate) const MAIN: &str = "main";

/// Whether the process of a page can be ended here.
const ENDS_PROCESS: bool = cfg!(target_os = "linux");
/// A page that ends by itself so soon after it was opened is not opened again at once.
const TOO_SOON: Duration = Duration::from_secs(10);
/// How long an answer takes at most to reach the page that asked.
const ANSWER_FIRST: Duration = Duration::from_millis(400);

/// Opens the window.
pub(crate) fn open(app: &App) -> tauri::Result<()> {
    heap::settle_webkit();
    let window = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::App("index.html".into()))
        .title("Holdfast")
        .inner_size(1180.0, 780.0)
        .min_inner_size(560.0, 420.0)
        .devtools(cfg!(debug_assertions))
        .on_navigation(|url| is_ours(url.scheme(), url.host_str(), url.port()))
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .build()?;
    let desk = Arc::clone(app.state::<Arc<Desk>>().inner());
    window.on_window_event(move |event| match event {
        WindowEvent::DragDrop(DragDropEvent::Enter { .. }) => desk.hover(true),
        WindowEvent::DragDrop(DragDropEvent::Leave) => desk.hover(false),
        WindowEvent::DragDrop(DragDropEvent::Drop { paths, .. }) => desk.dropped(paths.clone()),
        _ => {}
    });
    mind(&window)
}

/// Opens the page again when its process ends without having been told to.
#[cfg(target_os = "linux")]
fn mind(window: &WebviewWindow) -> tauri::Result<()> {
    use std::cell::Cell;
    use std::time::Instant;

    use webkit2gtk::{WebProcessTerminationReason, WebViewExt};

    let app = window.app_handle().clone();
    let last = Cell::new(Instant::now());
    window.with_webview(move |view| {
        view.inner().connect_web_process_terminated(move |_, reason| {
            if reason == WebProcessTerminationReason::TerminatedByApi {
                return;
            }
            tracing::warn!(?reason, "the page ended by itself and is opened anew");
            let pause = if last.replace(Instant::now()).elapsed() < TOO_SOON {
                TOO_SOON
            } else {
                Duration::ZERO
            };
            app.state::<Arc<Desk>>().page_is_gone();
            let app = app.clone();
            tauri::async_runtime::spawn(async move {
                tokio::time::sleep(pause).await;
                renew(&app);
            });
        });
    })
}

#[cfg(not(target_os = "linux"))]
fn mind(_: &WebviewWindow) -> tauri::Result<()> {
    Ok(())
}

/// Our own page and nothing else; while developing, the page of the tool that rebuilds it.
fn is_ours(scheme: &str, host: Option<&str>, port: Option<u16>) -> bool {
    match scheme {
        "tauri" => host == Some("localhost"),
        // What Tauri's own scheme is called where a web view has no others.
        "http" | "https" if cfg!(any(windows, target_os = "android")) => host == Some("tauri.localhost"),
        "http" => cfg!(dev) && host == Some("127.0.0.1") && port == Some(5173),
        _ => false,
    }
}

/// Ends the page with its process, and opens it again in a new one.
pub(crate) fn renew(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        // A page that is only loaded anew, while it waits for an answer, would ask once more: the answer goes first.
        if !ENDS_PROCESS || is_driven() {
            tokio::time::sleep(ANSWER_FIRST).await;
        }
        if let Some(window) = app.get_webview_window(MAIN)
            && let Err(error) = renew_in(&window)
        {
            tracing::warn!(%error, "the page could not be opened anew");
        }
    });
}

#[cfg(target_os = "linux")]
fn renew_in(window: &WebviewWindow) -> tauri::Result<()> {
    window.with_webview(|view| {
        use webkit2gtk::WebViewExt;
        let view = view.inner();
        if !is_driven() {
            view.terminate_web_process();
        }
        view.load_uri("tauri://localhost/");
    })
}

#[cfg(not(target_os = "linux"))]
fn renew_in(window: &WebviewWindow) -> tauri::Result<()> {
    window.reload()
}

/// Whether WebDriver has the page, as in most tests: its session ends with the web process, so there the page is only loaded
/// anew. What the end of the process is for is tested without WebDriver.
fn is_driven() -> bool {
    cfg!(feature = "e2e") && std::env::var_os("TAURI_WEBVIEW_AUTOMATION").is_some()
}

/// Shows the window and brings it to the front.
pub(crate) fn show(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(MAIN) {
        let _ = window.show();
        let _ = window.unminimize();
        let _ = window.set_focus();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_goes_nowhere_else() {
        assert!(is_ours("tauri", Some("localhost"), None));
        for (scheme, host) in [
            ("https", "example.org"),
            ("http", "localhost"),
            ("http", "ipc.localhost"),
            ("file", ""),
            ("data", ""),
            ("javascript", ""),
            ("tauri", "example.org"),
        ] {
            assert!(!is_ours(scheme, Some(host), None), "{scheme}://{host}");
        }
    }
}
