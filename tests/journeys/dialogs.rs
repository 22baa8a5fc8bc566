//! The system's own dialogs, where they don't come up.

use holdfast_tests::{Person, Server, Window};

use super::bus::Bus;
use super::prepared::unlock;

#[tokio::test(flavor = "multi_thread")]
async fn a_dialog_that_does_not_open_is_said_with_another_way() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    ana.run_without_key(&["lock"]).ok();
    // Dialogs are asked of a portal, and there is none on this bus.
    let bus = Bus::start();
    let environment = [
        ("HOLDFAST_E2E_PICK", ""),
        ("GTK_USE_PORTAL", "1"),
        ("DBUS_SESSION_BUS_ADDRESS", bus.address()),
    ];
    let window = Window::open_with("dialog", &ana.profile(), &environment).await;
    unlock(&window, &ana).await;
    window.click("Scans").await;
    window.click("Upload").await;
    window.click("Choose files").await;
    window.sees("This system's file dialog did not open.").await;
    window.sees("Drop the files onto the window instead").await;
    window.sees("no-dialog").await;
    window.screen("missing").await;
    // The way that is named works.
    let file = root.path().join("penguins.csv");
    std::fs::write(&file, "island,mass\n").expect("a file");
    window.drop_files(&[&file]).await;
    window.sees("penguins.csv").await;
    window.no_longer_sees("did not open").await;
    window.close().await;
}
