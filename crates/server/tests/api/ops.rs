//! Backup, restore and doctor of a data folder, with a server running on it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use holdfast_protocol::id::PackId;
use holdfast_protocol::limits::{PART, WINDOW};
use holdfast_protocol::wire::{BeginPack, SpaceHead};
use holdfast_server::ops::{self, BackupReport, DoctorReport, Error, Level, Phase};
use holdfast_server::start;
use tokio_util::sync::CancellationToken;

use crate::packs::{content, part_of};
use crate::people::Person;
use crate::server::{Client, Server, config};
use crate::space::Space;

/// A server with one person, one project and one pack of two parts in it.
struct Scene {
    server: Server,
    ana: Person,
    client: Client,
    space: Space,
    out: PathBuf,
    _folder: tempfile::TempDir,
}

const LARGE: u64 = PART + WINDOW;

impl Scene {
    async fn new() -> Self {
        let server = Server::start().await;
        fs::set_permissions(server.data(), fs::Permissions::from_mode(0o700)).unwrap();
        let ana = Person::new(1, "ana");
        let (client, _) = server.join(&ana).await;
        let space = Space::project(&ana);
        space.create(&client).await;
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("deep/backup");
        let mut scene = Self {
            server,
            ana,
            client,
            space,
            out,
            _folder: folder,
        };
        scene.store(1, LARGE).await;
        scene
    }

    async fn upload(&self, n: u8, bytes: u64) -> PackId {
        let id = PackId([n; 16]);
        self.client
            .post(&self.space.path("packs"), &BeginPack { id, bytes })
            .await;
        for part in 0..u32::try_from(bytes.div_ceil(PART)).unwrap() {
            let path = self.space.path(&format!("packs/{id}/parts/{part}"));
            let (status, _) = self.client.put_bytes(&path, part_of(&content(bytes), part)).await;
            assert_eq!(status, 204);
        }
        id
    }

    async fn store(&mut self, n: u8, bytes: u64) {
        let id = self.upload(n, bytes).await;
        let entry = self.space.commit_packs(&self.ana, &[(id, bytes)], &[]);
        let (client, ana) = (self.client.clone(), self.ana.clone());
        self.space.must(&client, &ana, entry).await;
    }

    async fn back_up(&self) -> BackupReport {
        ops::backup(&self.server.data(), &self.out, &|_| (), &CancellationToken::new())
            .await
            .unwrap()
    }

    /// The file of a part: there is one pack of this size.
    fn part(&self, bytes: u64) -> PathBuf {
        let found = files(&self.server.data().join("packs"));
        found
            .into_iter()
            .find(|file| fs::metadata(file).unwrap().len() == bytes)
            .unwrap()
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path)
        }
    }
    found
}

async fn restore(from: &Path, data: &Path) -> Result<ops::RestoreReport, Error> {
    ops::restore(from, data, &|_| (), &CancellationToken::new()).await
}

async fn doctor(data: &Path) -> DoctorReport {
    ops::doctor(data, &|_| ()).await
}

#[track_caller]
fn level(report: &DoctorReport, code: &str) -> Level {
    let found = report.findings.iter().find(|finding| finding.code == code);
    let found = found.unwrap_or_else(|| panic!("nothing says {code}: {report:#?}"));
    assert_eq!(found.level == Level::Ok, found.next.is_empty(), "{found:?}");
    found.level
}

/// Nothing is wrong. How full this very disk is says nothing of the server.
fn sound(seen: &DoctorReport) {
    let wrong: Vec<_> = seen
        .findings
        .iter()
        .filter(|finding| finding.level != Level::Ok && finding.code != "disk-space")
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_running_server_is_backed_up_and_comes_back() {
    let mut scene = Scene::new().await;
    // One that is on its way: its first part is there, the second is not.
    let id = PackId([9; 16]);
    scene
        .client
        .post(&scene.space.path("packs"), &BeginPack { id, bytes: LARGE })
        .await;
    let first = scene.space.path(&format!("packs/{id}/parts/0"));
    scene.client.put_bytes(&first, part_of(&content(LARGE), 0)).await;
    let report = scene.back_up().await;
    assert_eq!(
        (report.accounts, report.spaces, report.packs, report.damaged),
        (1, 2, 2, 0)
    );
    assert_eq!((report.copied_bytes, report.kept_bytes), (LARGE + PART, 0));
    for path in files(&scene.out)
        .into_iter()
        .chain([scene.out.clone(), scene.out.join("packs")])
    {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is for its owner alone", path.display());
    }
    assert!(!scene.out.with_extension("partial").exists());

    // Again: only what is new.
    scene.store(2, WINDOW).await;
    let report = scene.back_up().await;
    assert_eq!((report.copied_bytes, report.kept_bytes), (WINDOW, LARGE + PART));
    let databases = files(&scene.out)
        .into_iter()
        .filter(|file| file.to_string_lossy().contains(".db"))
        .count();
    assert_eq!(databases, 1, "the earlier database is gone");

    let data = scene.out.with_file_name("new/data");
    let report = restore(&scene.out, &data).await.unwrap();
    assert_eq!(
        (report.accounts, report.spaces, report.packs, report.damaged),
        (1, 2, 3, 0)
    );
    assert!(report.notice.contains("exit code 21"));
    let seen = doctor(&data).await;
    sound(&seen);

    let running = start(config(&data)).await.unwrap();
    let mut client = Client::new(format!("http://{}", running.local_addr()));
    client.token = Some(client.sign_in(&scene.ana, scene.server.now_ms()).await.access);
    let heads: Vec<SpaceHead> = client.get("/v1/spaces").await.1.json();
    assert!(
        heads
            .iter()
            .any(|head| head.space == scene.space.id && head.hash == scene.space.head)
    );
    for (n, bytes) in [(1, LARGE), (2, WINDOW)] {
        let path = scene.space.path(&format!("packs/{}/bytes", PackId([n; 16])));
        assert!(client.get(&path).await.1.0 == content(bytes), "pack {n} comes back");
    }
    // What was on its way goes on where it was.
    let second = scene.space.path(&format!("packs/{id}/parts/1"));
    client.put_bytes(&second, part_of(&content(LARGE), 1)).await;
    assert!(client.get(&scene.space.path(&format!("packs/{id}/bytes"))).await.1.0 == content(LARGE));
    running.stop().await;
}

#[tokio::test]
async fn what_is_dropped_leaves_the_next_backup() {
    let mut scene = Scene::new().await;
    scene.back_up().await;
    let drop = scene.space.commit_packs(&scene.ana, &[], &[PackId([1; 16])]);
    let (client, ana) = (scene.client.clone(), scene.ana.clone());
    scene.space.must(&client, &ana, drop).await;
    assert_eq!(scene.back_up().await.packs, 1, "kept as long as the server keeps it");
    scene.server.clock.add_ms(31 * crate::server::DAY);
    scene.server.running().clean_up().await.unwrap();
    assert_eq!(scene.back_up().await.packs, 0);
    assert_eq!(files(&scene.out.join("packs")), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_is_given_up_meanwhile_is_no_damage() {
    let scene = Scene::new().await;
    for n in 2..6 {
        scene.upload(n, WINDOW).await;
    }
    let (client, space) = (scene.client.clone(), scene.space.clone());
    let here = tokio::runtime::Handle::current();
    let once = std::sync::Once::new();
    let watch = |step: ops::Step| {
        if step.phase == Phase::Packs {
            once.call_once(|| {
                tokio::task::block_in_place(|| {
                    here.block_on(async {
                        for n in 2..6 {
                            client.delete(&space.path(&format!("packs/{}", PackId([n; 16])))).await;
                        }
                    });
                });
            });
        }
    };
    let report = ops::backup(&scene.server.data(), &scene.out, &watch, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(report.damaged, 0);
    assert!(report.packs < 5, "all but one of those given up are left out");
    let data = scene.out.with_file_name("data");
    restore(&scene.out, &data).await.unwrap();
    assert_eq!(doctor(&data).await.bad, 0);
}

#[tokio::test]
async fn what_the_server_lost_is_told_and_an_earlier_copy_kept() {
    let scene = Scene::new().await;
    let part = scene.part(WINDOW);
    let whole = fs::read(&part).unwrap();
    fs::remove_file(&part).unwrap();
    let report = scene.back_up().await;
    assert_eq!(report.damaged, 1);
    assert_eq!(
        (report.damaged_parts[0].part, report.damaged_parts[0].why.as_str()),
        (1, "missing")
    );
    fs::write(&part, &whole[1..]).unwrap();
    assert_eq!(scene.back_up().await.damaged_parts[0].why, "size");
    let data = scene.out.with_file_name("data");
    assert_eq!(
        restore(&scene.out, &data).await.unwrap().damaged,
        1,
        "what is left comes back, and it is said"
    );

    fs::write(&part, &whole).unwrap();
    assert_eq!(scene.back_up().await.damaged, 0);
    fs::remove_file(&part).unwrap();
    assert_eq!(scene.back_up().await.damaged, 0, "the backup has it");
}

#[tokio::test]
async fn a_backup_that_is_stopped_has_no_name_and_goes_on() {
    let scene = Scene::new().await;
    let stop = CancellationToken::new();
    stop.cancel();
    let stopped = ops::backup(&scene.server.data(), &scene.out, &|_| (), &stop).await;
    assert!(matches!(stopped, Err(Error::Stopped)));
    assert!(!scene.out.exists());
    let partial = scene.out.with_file_name("backup.partial");
    assert!(matches!(
        restore(&partial, &scene.out.with_file_name("data")).await,
        Err(Error::NoBackup(_))
    ));
    scene.back_up().await;
    assert!(!partial.exists());

    // Stopped over an earlier one: that one stays whole.
    let before = fs::read(scene.out.join("backup.json")).unwrap();
    assert!(
        ops::backup(&scene.server.data(), &scene.out, &|_| (), &stop)
            .await
            .is_err()
    );
    assert_eq!(fs::read(scene.out.join("backup.json")).unwrap(), before);
    restore(&scene.out, &scene.out.with_file_name("data")).await.unwrap();
}

#[tokio::test]
async fn nothing_is_written_over_or_into_each_other() {
    let scene = Scene::new().await;
    let data = scene.server.data();
    let never = CancellationToken::new();
    let to = async |out: &Path| ops::backup(&data, out, &|_| (), &never).await;
    assert!(matches!(to(&data.join("backup")).await, Err(Error::Nested)));
    assert!(matches!(to(data.parent().unwrap()).await, Err(Error::Nested)));
    let other = scene.out.with_file_name("other");
    fs::create_dir_all(&other).unwrap();
    fs::write(other.join("letter.txt"), "mine").unwrap();
    assert!(matches!(to(&other).await, Err(Error::NotEmpty(_))));
    let empty = scene.out.with_file_name("empty");
    fs::create_dir_all(&empty).unwrap();
    to(&empty).await.unwrap();
    assert!(matches!(
        ops::backup(&other, &scene.out, &|_| (), &never).await,
        Err(Error::NoData(_))
    ));

    assert!(matches!(restore(&empty, &data).await, Err(Error::NotEmpty(_))));
    assert!(matches!(restore(&empty, &other).await, Err(Error::NotEmpty(_))));
    assert!(matches!(restore(&other, &scene.out).await, Err(Error::NoBackup(_))));
    assert!(matches!(restore(&empty, &empty.join("data")).await, Err(Error::Nested)));
    assert_eq!(fs::read(other.join("letter.txt")).unwrap(), b"mine");

    let manifest = empty.join("backup.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("\"format\": 1", "\"format\": 2")).unwrap();
    assert!(matches!(restore(&empty, &scene.out).await, Err(Error::Newer)));
    let outside = text.replace("\"database\": \"", "\"database\": \"../");
    fs::write(&manifest, outside).unwrap();
    assert!(matches!(restore(&empty, &scene.out).await, Err(Error::Damaged(_))));
    assert!(!scene.out.exists(), "refused before anything is made");
}

#[tokio::test]
async fn a_restore_that_is_stopped_lets_no_server_start_and_goes_on() {
    let scene = Scene::new().await;
    scene.back_up().await;
    let data = scene.out.with_file_name("data");
    let stop = CancellationToken::new();
    stop.cancel();
    assert!(matches!(
        ops::restore(&scene.out, &data, &|_| (), &stop).await,
        Err(Error::Stopped)
    ));
    assert!(matches!(
        start(config(&data)).await,
        Err(holdfast_server::Error::Restoring)
    ));
    assert_eq!(level(&doctor(&data).await, "restore"), Level::Bad);
    restore(&scene.out, &data).await.unwrap();

    // Stopped among the last renames.
    let work = data.join(".restoring");
    for moved in [&["holdfast.db"][..], &["packs"], &["packs", "holdfast.db"], &[]] {
        fs::create_dir(&work).unwrap();
        for name in moved {
            fs::rename(data.join(name), work.join(name)).unwrap();
        }
        assert!(matches!(
            start(config(&data)).await,
            Err(holdfast_server::Error::Restoring)
        ));
        restore(&scene.out, &data).await.unwrap();
        assert!(!work.exists());
        assert_eq!(doctor(&data).await.bad, 0);
    }
    let running = start(config(&data)).await.unwrap();
    assert!(restore(&scene.out, &data).await.is_err());
    running.stop().await;
}

#[tokio::test]
async fn a_doctor_finds_what_is_wrong_with_packs() {
    let scene = Scene::new().await;
    let data = scene.server.data();
    let seen = doctor(&data).await;
    sound(&seen);
    assert!(
        seen.findings
            .iter()
            .any(|finding| finding.message.contains("is running"))
    );

    let part = scene.part(WINDOW);
    let whole = fs::read(&part).unwrap();
    fs::write(&part, &whole[..100]).unwrap();
    assert_eq!(level(&doctor(&data).await, "pack-size"), Level::Bad);
    fs::remove_file(&part).unwrap();
    assert_eq!(level(&doctor(&data).await, "pack-missing"), Level::Bad);
    fs::write(&part, &whole).unwrap();

    let orphan = data.join("packs/ab").join("ab".repeat(16));
    fs::create_dir(&orphan).unwrap();
    fs::write(orphan.join("0"), "left").unwrap();
    let seen = doctor(&data).await;
    assert_eq!((level(&seen, "orphans"), seen.bad), (Level::Warn, 0));
    fs::write(orphan.join(".part-x"), "half").unwrap();
    assert_eq!(level(&doctor(&data).await, "unfinished"), Level::Ok);
    scene.server.running().clean_up().await.unwrap();
    assert_eq!(level(&doctor(&data).await, "orphans"), Level::Ok);
}

#[tokio::test]
async fn a_doctor_finds_what_is_wrong_with_the_folder() {
    let scene = Scene::new().await;
    let data = scene.server.data();
    for (mode, expected) in [
        (0o755, Level::Bad),
        (0o720, Level::Bad),
        (0o750, Level::Warn),
        (0o700, Level::Ok),
    ] {
        fs::set_permissions(&data, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(level(&doctor(&data).await, "permissions"), expected, "{mode:o}");
    }
    let nothing = doctor(&data.join("nowhere")).await;
    assert_eq!((level(&nothing, "data-folder"), nothing.bad), (Level::Bad, 1));
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(level(&doctor(empty.path()).await, "database"), Level::Bad);
}

#[tokio::test]
async fn a_doctor_finds_what_is_wrong_with_the_database() {
    let scene = Scene::new().await;
    scene.back_up().await;
    let change = async |statement: &'static str| {
        let data = scene.out.with_file_name("data");
        let _ = fs::remove_dir_all(&data);
        restore(&scene.out, &data).await.unwrap();
        let file = data.join("holdfast.db");
        let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", file.display()))
            .await
            .unwrap();
        sqlx::raw_sql(statement).execute(&pool).await.unwrap();
        pool.close().await;
        doctor(&data).await
    };
    let altered = change("DROP TRIGGER entries_stay; UPDATE entries SET signed = zeroblob(9) WHERE seq = 1").await;
    assert_eq!(level(&altered, "logs"), Level::Bad);
    let torn = change("DROP TRIGGER entries_remain; DELETE FROM entries WHERE seq = 1").await;
    assert_eq!(level(&torn, "logs"), Level::Bad);
    let dangling = change("PRAGMA foreign_keys = off; DELETE FROM accounts").await;
    assert_eq!(level(&dangling, "database"), Level::Bad);
    assert_eq!(level(&change("PRAGMA user_version = 99").await, "schema"), Level::Bad);
    assert_eq!(level(&change("PRAGMA user_version = 1").await, "schema"), Level::Warn);
    let ahead = change("UPDATE accounts SET created_ms = created_ms + 3600000").await;
    assert_eq!(level(&ahead, "clock"), Level::Bad);

    let data = scene.out.with_file_name("data");
    let file = data.join("holdfast.db");
    let mut bytes = fs::read(&file).unwrap();
    // Every page but the first: SQLite opens it and finds out.
    for page in bytes.chunks_mut(4096).skip(1) {
        page[..64].fill(0xff);
    }
    fs::write(&file, &bytes).unwrap();
    let seen = doctor(&data).await;
    assert_eq!(level(&seen, "database"), Level::Bad, "{seen:#?}");
    fs::write(&file, "no database at all").unwrap();
    assert_eq!(level(&doctor(&data).await, "database"), Level::Bad);
    let damaged = ops::backup(
        &data,
        &scene.out.with_file_name("b2"),
        &|_| (),
        &CancellationToken::new(),
    )
    .await;
    assert!(damaged.is_err());
    assert!(!scene.out.with_file_name("b2").exists());
}
