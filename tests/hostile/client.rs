//! The programs on a person's computer, as far as their sources and settings say it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::scene::Scene;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn sources(folders: &[&str], ending: &str) -> Vec<(PathBuf, String)> {
    let all = folders
        .iter()
        .flat_map(|folder| walkdir::WalkDir::new(root().join(folder)));
    let files = all.filter_map(Result::ok).filter(|entry| {
        let path = entry.path().to_string_lossy();
        entry.file_type().is_file() && path.ends_with(ending) && !path.contains("node_modules")
    });
    files
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).expect("a source");
            let path = entry.path().strip_prefix(root()).expect("a path below").to_owned();
            (path, text)
        })
        .collect()
}

/// Nothing of the product opens anything with the older padding of RSA: the one way is OAEP, in the one place.
#[test]
fn a13_the_older_padding_opens_nothing() {
    let all = sources(&["crates", "src-tauri/src"], ".rs");
    assert!(all.len() > 200, "the sources are there");
    let product = all
        .iter()
        .filter(|(path, _)| !path.to_string_lossy().contains("/tests/"));
    let mut oaep = 0;
    for (path, text) in product {
        for name in ["Pkcs1v15Encrypt", "Pkcs1PrivateDecryptingKey", "RSA_PKCS1_PADDING"] {
            assert!(!text.contains(name), "{} uses {name}", path.display());
        }
        oaep += usize::from(text.contains("OaepPrivateDecryptingKey"));
    }
    assert_eq!(oaep, 1, "private keys open in one place");
}

/// No message of the API has a field for a private key, and the Master Key is no part of it either.
#[test]
fn a10_no_message_has_room_for_a_private_key() {
    let api: Value = serde_json::from_str(&read("docs/openapi.json")).expect("the description");
    let schemas = api["components"]["schemas"].as_object().expect("schemas");
    assert!(schemas.len() > 30);
    for (name, schema) in schemas {
        for field in schema["properties"]
            .as_object()
            .into_iter()
            .flat_map(serde_json::Map::keys)
        {
            for word in ["private", "phrase", "password", "master", "prime", "seed", "secret_key"] {
                assert!(!field.contains(word), "{name} has {field}");
            }
        }
    }
}

fn settings() -> Value {
    serde_json::from_str(&read("tauri.conf.json")).expect("the window's settings")
}

/// The page has no frames, no foreign scripts, no way out, and no plugin; no page from elsewhere may call anything.
#[test]
fn c05_the_page_has_no_frames_and_nobody_elses_page_may_call() {
    let settings = settings();
    let policy = settings["app"]["security"]["csp"].as_str().expect("a policy");
    let rules: Vec<_> = policy.split(';').map(str::trim).collect();
    for rule in [
        "default-src 'self'",
        "script-src 'self'",
        "frame-src 'none'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "connect-src ipc: http://ipc.localhost",
    ] {
        assert!(rules.contains(&rule), "{rule} is missing in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for file in ["main.json", "tested.json"] {
        let rights: Value = serde_json::from_str(&read(&format!("src-tauri/capabilities/{file}"))).expect("rights");
        assert_eq!(rights["remote"], Value::Null, "{file} lets in pages from elsewhere");
        let all = rights["permissions"].as_array().expect("permissions");
        for one in all {
            let one = one.as_str().expect("its name");
            assert!(
                one.starts_with("allow-") || one.starts_with("core:event:"),
                "{file}: {one}"
            );
        }
    }
}

/// Nobody's data changes what objects are on the page, and the page has no handle on everything.
#[test]
fn c06_prototypes_are_frozen() {
    let settings = settings();
    assert_eq!(settings["app"]["security"]["freezePrototype"], true);
    assert_eq!(settings["app"]["withGlobalTauri"], false);
    assert_eq!(settings["app"]["security"]["assetProtocol"]["enable"], false);
    for (path, text) in sources(&["ui/src"], ".svelte") {
        for word in ["{@html", "innerHTML", "<iframe", "eval("] {
            assert!(!text.contains(word), "{} has {word}", path.display());
        }
    }
}

/// The window's library is not older than the version that knows its own page from others', and nothing updates itself.
#[test]
fn c11_nothing_updates_itself() {
    let lock = read("Cargo.lock");
    let version = |name: &str| {
        let at = lock.find(&format!("name = \"{name}\"\n"))?;
        lock[at..].lines().nth(1)?.split('"').nth(1).map(str::to_owned)
    };
    let tauri = version("tauri").expect("the window's library");
    let parts: Vec<u32> = tauri.split('.').take(2).filter_map(|part| part.parse().ok()).collect();
    assert!(parts >= vec![2, 11], "tauri {tauri}");
    for name in [
        "tauri-plugin-updater",
        "self_update",
        "tauri-plugin-deep-link",
        "tauri-plugin-shell",
    ] {
        assert_eq!(version(name), None, "{name}");
    }
}

/// What is built in comes from one registry, by its hash, and packages of the page run nothing when they are installed.
#[test]
fn c12_what_is_built_in_is_pinned() {
    let lock = read("Cargo.lock");
    let (mut pinned, mut own) = (0, 0);
    for package in lock.split("[[package]]").skip(1) {
        if !package.contains("\nsource = ") {
            own += 1;
            continue;
        }
        assert!(
            package.contains("source = \"registry+https://github.com/rust-lang/crates.io-index\""),
            "{package}"
        );
        assert!(package.contains("checksum = \""), "{package}");
        pinned += 1;
    }
    assert!(pinned > 300 && own < 30, "{pinned} pinned, {own} own");
    let deny = read("deny.toml");
    for rule in [
        "unknown-registry = \"deny\"",
        "unknown-git = \"deny\"",
        "yanked = \"deny\"",
        "wildcards = \"deny\"",
    ] {
        assert!(deny.contains(rule), "deny.toml lacks {rule}");
    }
    let page: Value = serde_json::from_str(&read("ui/package-lock.json")).expect("its lock file");
    let packages = page["packages"].as_object().expect("packages");
    for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
        assert!(package["integrity"].is_string(), "{name} has no hash");
    }
}

/// Whoever gets a locked device's files, and the server's, reads no name and no value in them.
#[tokio::test(flavor = "multi_thread")]
async fn c10_files_of_a_locked_device_say_nothing() {
    let scene = Scene::new().await;
    let ana = scene.desk("ana@example.org").await;
    let space = scene.project(&ana).await;
    let content = scene.canary("content");
    scene.upload(&ana, space, "data", content.as_bytes()).await;
    // What the person herself has lies there as well, and is hers.
    std::fs::remove_dir_all(scene.stage.folder().join("ana@example.org-data")).expect("her own files");
    scene.all_is_well(&[&ana]).await;
    drop(ana);
    let files = scene.kept_files();
    assert!(
        files.iter().any(|file| file.ends_with("ana@example.org.db")),
        "{files:?}"
    );
    for file in files {
        // A database's helpers go when it is closed.
        let Ok(bytes) = std::fs::read(&file) else { continue };
        let found = scene.canaries_in(&bytes);
        assert!(found.is_empty(), "{} holds {found:?}", file.display());
    }
}
