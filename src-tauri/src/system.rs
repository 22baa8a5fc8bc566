//! Locking with the computer: when it goes to sleep, and when its screen locks. Linux says both on D-Bus.

use std::sync::Arc;

use crate::desk::Desk;

/// Whether this system tells.
pub(crate) const TELLS: bool = cfg!(target_os = "linux");

/// Listens from now on. Without a bus nothing is heard, and that is said in the log.
#[cfg(target_os = "linux")]
pub(crate) fn listen(desk: &Arc<Desk>) {
    use gio::BusType::{Session, System};
    hear(desk, System, "org.freedesktop.login1.Manager", "PrepareForSleep");
    hear(desk, System, "org.freedesktop.login1.Session", "Lock");
    hear(desk, Session, "org.freedesktop.ScreenSaver", "ActiveChanged");
    hear(desk, Session, "org.gnome.ScreenSaver", "ActiveChanged");
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn listen(_: &Arc<Desk>) {}

/// Who sends it is not asked: all that a stranger reaches is that Holdfast locks.
#[cfg(target_os = "linux")]
fn hear(desk: &Arc<Desk>, bus: gio::BusType, interface: &str, signal: &'static str) {
    let connection = match gio::bus_get_sync(bus, gio::Cancellable::NONE) {
        Ok(connection) => connection,
        Err(error) => {
            tracing::warn!(%error, signal, "this computer does not tell when to lock");
            return;
        }
    };
    let desk = Arc::clone(desk);
    // The connection ends with the last that holds it, so what listens holds it.
    let held = connection.clone();
    connection.signal_subscribe(
        None,
        Some(interface),
        Some(signal),
        None,
        None,
        gio::DBusSignalFlags::NONE,
        move |_, _, _, _, _, value| {
            let _ = &held;
            // The end of a sleep is told by the same signal, with `false`.
            let now = value.n_children() == 0 || value.child_value(0).get::<bool>() == Some(true);
            if now {
                desk.locked_by_system(signal);
            }
        },
    );
}
