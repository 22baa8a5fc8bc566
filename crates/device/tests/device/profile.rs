//! Where things are and who may enter.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use holdfast_device::{Profile, SqliteStore};
use holdfast_engine::Error;

use crate::child;

/// A profile whose socket is beside it too.
pub(crate) fn open(folder: &Path) -> Profile {
    Profile::open_for(Some(&folder.join("p")), Some(folder.to_owned()), folder).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

fn close(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn one_folder_holds_everything_and_only_its_owner_enters() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("a/b");
    let profile = Profile::open_for(Some(&at), None, folder.path()).unwrap();
    let at = fs::canonicalize(at).unwrap();
    for path in [profile.database(), profile.lock_file(), profile.spool(), profile.logs()] {
        assert!(path.starts_with(&at), "{path:?}");
    }
    assert_eq!((profile.config(), profile.data()), (&*at, &*at));
    for path in [
        &at,
        &profile.spool(),
        &profile.logs(),
        profile.socket().parent().unwrap(),
    ] {
        assert_eq!(mode(path), 0o700, "{path:?}");
    }
    let store = SqliteStore::open(&profile.database()).await.unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let file = PathBuf::from(format!("{}{suffix}", profile.database().display()));
        assert_eq!(mode(&file), 0o600, "{file:?}");
    }
    store.close().await;
}

#[test]
fn an_open_folder_is_closed_when_it_is_ours_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("p");
    fs::create_dir(&at).unwrap();
    close(&at, 0o775);
    let profile = open(folder.path());
    assert_eq!(mode(&at), 0o700);
    drop(holdfast_device::ProfileLock::acquire(&profile).unwrap().unwrap());
    close(&at, 0o777);
    open(folder.path());
    assert_eq!(mode(&at), 0o700, "a profile is closed again");
}

#[test]
fn a_folder_with_other_things_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("p");
    fs::create_dir(&at).unwrap();
    fs::write(at.join("thesis.txt"), "…").unwrap();
    close(&at, 0o755);
    let profile = open(folder.path());
    assert_eq!((mode(&at), mode(&profile.spool())), (0o755, 0o700));

    fs::remove_dir(profile.spool()).unwrap();
    close(&at, 0o775);
    let error = Profile::open_for(Some(&at), None, folder.path()).unwrap_err();
    assert!(
        matches!(&error, Error::Invalid(text) if text.contains("chmod 700")),
        "{error}"
    );
    assert_eq!(mode(&at), 0o775);
}

#[test]
fn a_file_in_the_way_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("file");
    fs::write(&at, "").unwrap();
    let error = Profile::open_for(Some(&at), None, folder.path()).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

#[test]
fn the_socket_is_the_profiles_own_and_fits() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = folder.path().join("run");
    fs::create_dir(&runtime).unwrap();
    let at = |name: &str, runtime: Option<&Path>| {
        let profile = Profile::open_for(Some(&folder.path().join(name)), runtime.map(Into::into), folder.path());
        profile.unwrap().socket().to_owned()
    };
    let a = at("a", Some(&runtime));
    assert_eq!(a.parent().unwrap(), runtime.join("holdfast"));
    assert_eq!(a.extension().unwrap(), "sock");
    assert_ne!(a, at("b", Some(&runtime)));
    assert_eq!(a, at("b/../a", Some(&runtime)));
    symlink(folder.path().join("a"), folder.path().join("link")).unwrap();
    assert_eq!(a, at("link", Some(&runtime)));

    // Relative or missing: not to be used.
    let uid = rustix::process::geteuid().as_raw();
    let fallback = folder.path().join(format!("holdfast-{uid}"));
    for unusable in [None, Some(Path::new("run")), Some(Path::new("/nowhere/at/all"))] {
        assert_eq!(at("a", unusable).parent().unwrap(), fallback);
    }
    assert_eq!(mode(&fallback), 0o700);

    let long = folder.path().join("x".repeat(100));
    fs::create_dir(&long).unwrap();
    let error = Profile::open_for(Some(&folder.path().join("a")), Some(long), folder.path()).unwrap_err();
    assert!(
        matches!(&error, Error::Invalid(text) if text.contains("too long")),
        "{error}"
    );
}

#[test]
fn a_prepared_socket_folder_is_refused() {
    let uid = rustix::process::geteuid().as_raw();
    let name = format!("holdfast-{uid}");
    let refused = |temporary: &Path| {
        let error = Profile::open_for(Some(&temporary.join("p")), None, temporary).unwrap_err();
        assert!(
            matches!(&error, Error::Invalid(text) if text.contains(&name)),
            "{error}"
        );
    };
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(&name)).unwrap();
    close(&folder.path().join(&name), 0o711);
    refused(folder.path());

    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("theirs")).unwrap();
    symlink(folder.path().join("theirs"), folder.path().join(&name)).unwrap();
    refused(folder.path());
}

#[test]
#[ignore = "body of a second process"]
fn standard_folders() {
    if child::argument().is_some() {
        let profile = Profile::open(None).unwrap();
        for path in [
            profile.config(),
            &profile.database(),
            &profile.spool(),
            &profile.logs(),
            profile.socket(),
        ] {
            println!("\nat {}", path.display());
        }
    }
}

#[test]
fn without_a_folder_the_xdg_ones_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let home = fs::canonicalize(folder.path()).unwrap();
    let mut command = child::run("profile::standard_folders", &home);
    for (name, value) in [
        ("HOME", ""),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_STATE_HOME", "state"),
        ("XDG_RUNTIME_DIR", ""),
    ] {
        command.env(name, home.join(value));
    }
    let seen = command.stderr(Stdio::inherit()).output().unwrap();
    let seen = String::from_utf8(seen.stdout).unwrap();
    let mut seen: Vec<&str> = seen.lines().filter_map(|line| line.strip_prefix("at ")).collect();
    let socket = PathBuf::from(seen.pop().unwrap());
    let expected = [
        "config/holdfast",
        "data/holdfast/profile.db",
        "state/holdfast/spool",
        "state/holdfast/logs",
    ];
    assert_eq!(seen, expected.map(|path| home.join(path).display().to_string()));
    assert_eq!(socket.parent().unwrap(), home.join("holdfast"));
    for path in ["config/holdfast", "data/holdfast", "state/holdfast", "holdfast"] {
        assert_eq!(mode(&home.join(path)), 0o700, "{path}");
    }
}
