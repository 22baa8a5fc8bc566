//! The server's eye: what somebody gets to know who has all that the server stored and all that crossed its wire. Of an
//! encrypted project, and of what people keep for themselves: nothing. Of a standard project: everything.
#![allow(clippy::print_stdout, reason = "a run says what it drew and did not do")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use holdfast_crypto::RecoveryKey;
use holdfast_tests::eye::{Canaries, Canary, Class, Found, Material, Opened, Opener, Planter, Searcher, leaked};
use holdfast_tests::{Person, Proxy, Server, kit_words};

/// Somewhere to sign up: a server whose wire is recorded.
struct Stage {
    proxy: Proxy,
    server: Server,
}

impl Stage {
    fn new(root: &Path) -> Self {
        let proxy = Proxy::start();
        let server = Server::start_with(&root.join("server"), &["--origin", &proxy.url()]);
        proxy.forward_to(server.port());
        Self { proxy, server }
    }

    /// Everything that the server has and had.
    fn material(&self) -> Material {
        let mut material = Material::default();
        material.add_folder(self.server.data());
        material.add("the server's log", self.server.log());
        material.add_wire(&self.proxy.recorded());
        material
    }
}

/// Labels of those that were found.
fn labels_in(all: &[Canary], found: &Found) -> BTreeSet<String> {
    found.keys().map(|&at| all[at].label.clone()).collect()
}

/// Labels of all canaries of some classes.
fn labels_of(all: &[Canary], classes: &[Class]) -> BTreeSet<String> {
    all.iter()
        .filter(|one| classes.contains(&one.class))
        .map(|one| one.label.clone())
        .collect()
}

/// Requires the same labels, and names only those that differ.
fn same(expected: &BTreeSet<String>, found: &BTreeSet<String>) {
    let differ: Vec<&String> = expected.symmetric_difference(found).collect();
    assert!(
        differ.is_empty(),
        "expected and not found, or found and not expected: {differ:?}"
    );
}

/// What opens everything of Ana's.
#[derive(Default)]
struct Owner {
    phrases: Vec<String>,
    kits: Vec<String>,
}

/// Ana's life with an encrypted project: everything that she has and does, canaries all over.
fn live(root: &Path, stage: &mut Stage, planter: &Planter<'_>) -> Owner {
    let (ana, canaries, server) = (planter.person, planter.canaries, stage.proxy.url());
    let mut owner = Owner::default();
    let name = canaries.make(Class::Sealed, "account: name");
    let made = ana.joins(&["--name", &name, "--kit", &ana.kit().to_string_lossy()]);
    ana.run(&["unlock"]).ok();
    let phrase = made["master_key"].as_str().expect("a Master Key").to_owned();
    let kit = kit_words(&ana.kit());
    owner.phrases.push(phrase);
    owner.kits.push(kit);
    let ben = Person::sign_up(root, &server, "ben@example.org");
    let project = planter.project(false);
    planter.secrets(Some(&project));
    planter.secrets(None);
    planter.moved_secret(&project);
    planter.invitation(&project);

    // Ben reads all of it, is removed, and life goes on under the next key.
    planter.done(&["project", "share", &project, ben.handle(), "--role", "reader"]);
    for kind in ["dataset", "model", "task", "artifact"] {
        let item = canaries.make(Class::Project, &format!("{kind}: name"));
        let to = root.join("got").join(kind).display().to_string();
        assert_eq!(
            ben.run(&[kind, "download", &format!("{project}/{item}"), "--to", &to])
                .ok()["files"],
            10
        );
    }
    planter.done(&["project", "remove", &project, ben.handle()]);
    let after = canaries.make(Class::Sealed, "project: name after a removal");
    planter.done(&["project", "rename", &project, &after]);

    planter.failures(&after, &ben);
    planter.without_server(&after, &mut stage.server);
    planter.wrong_keys(&server);
    new_keys(planter, &mut owner);
    for (index, phrase) in owner.phrases.iter().enumerate() {
        canaries.adopt(
            Class::Unsent,
            &format!("account: Master Key {index}"),
            phrase.as_bytes(),
        );
    }
    for (index, kit) in owner.kits.iter().enumerate() {
        canaries.adopt(Class::Unsent, &format!("account: 24 words {index}"), kit.as_bytes());
    }
    no_canary_in_processes(canaries);
    owner
}

/// Another kit, then another Master Key with yet another kit.
fn new_keys(planter: &Planter<'_>, owner: &mut Owner) {
    let ana = planter.person;
    let path = |name: &str| ana.home().join(name).display().to_string();
    let kit = path("second.pdf");
    planter.done(&["kit", "new", "--out", &kit]);
    owner.kits.push(kit_words(Path::new(&kit)));
    planter.done(&["kit", "test", "--kit-code-file", &ana.file("code", &owner.kits[1])]);
    assert_ne!(
        planter
            .run(&["kit", "test", "--kit-code-file", &ana.file("code", &owner.kits[0])])
            .code,
        0
    );

    let phrase = planter.canaries.make(Class::Unsent, "account: new Master Key");
    let (new, kit) = (ana.file("new", &phrase), path("third.pdf"));
    planter.done(&[
        "key",
        "change",
        "--new-master-key-file",
        &new,
        "--kdf-log2-n",
        "17",
        "--leaked",
        "--kit",
        &kit,
    ]);
    owner.kits.push(kit_words(Path::new(&kit)));
    ana.keep_key(&phrase);
    owner.phrases.push(phrase);
    planter.done(&["lock"]);
    planter.done(&["unlock"]);
    planter.done(&["project", "list"]);
}

/// What every user of the computer sees of the agents: their command lines, and to be sure their environment.
fn no_canary_in_processes(canaries: &Canaries) {
    let all = canaries.all();
    let searcher = Searcher::new(&all);
    let mut agents = 0;
    for process in std::fs::read_dir("/proc").expect("/proc").filter_map(Result::ok) {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|&byte| byte == 0).collect();
        if words.first().is_some_and(|program| program.ends_with(b"holdfast")) && words.contains(&&b"agent"[..]) {
            agents += 1;
            let mut found = Found::new();
            searcher.search(&line, &mut found);
            // Unreadable when the agent has made itself so, which is better still.
            searcher.search(
                &std::fs::read(process.path().join("environ")).unwrap_or_default(),
                &mut found,
            );
            // The handle is part of the folder's name in this test.
            let visible = labels_of(&all, &[Class::Visible]);
            assert_eq!(&labels_in(&all, &found) - &visible, BTreeSet::new());
        }
    }
    assert!(agents > 0, "no agent is running");
}

/// Error messages repeat names that were typed, so that people see what was wrong; never a value, a key or a content.
fn only_names_are_repeated(planter: &Planter<'_>, all: &[Canary], searcher: &Searcher) {
    let mut found = Found::new();
    searcher.search(&planter.said(), &mut found);
    let names = [
        "missing item",
        "missing path",
        "missing project",
        "missing secret",
        "project",
    ];
    same(
        &names.iter().map(|name| format!("failure: {name}")).collect(),
        // The handle is part of the folder's name in this test, and of answers that show it.
        &(&labels_in(all, &found) - &labels_of(all, &[Class::Visible])),
    );
}

/// What was looked through, and what came of it.
struct Row<'a> {
    name: &'static str,
    material: &'a Material,
    opened: &'a Opened,
    found: usize,
}

/// Prints the figures, and keeps them where reports are made from them.
fn report(canaries: usize, rows: &[Row<'_>]) {
    println!(
        "{:<22}{:>12}{:>12}{:>8}{:>8}{:>8}",
        "", "canaries", "bytes", "keys", "opened", "found"
    );
    let mut figures = serde_json::json!({ "canaries": canaries });
    for Row {
        name,
        material,
        opened,
        found,
    } in rows
    {
        let bytes = material.len();
        println!(
            "{name:<22}{canaries:>12}{bytes:>12}{:>8}{:>8}{found:>8}",
            opened.keys, opened.opened
        );
        figures[name] = serde_json::json!({
            "bytes": bytes, "keys_tried": opened.keys, "boxes_opened": opened.opened, "boxes_closed": opened.closed, "found": found,
        });
    }
    if let Some(folder) = std::env::var_os("HOLDFAST_FIGURES") {
        let folder = Path::new(&folder).join("e2e");
        std::fs::create_dir_all(&folder).expect("the folder for figures");
        let text = serde_json::to_string_pretty(&figures).expect("figures are JSON");
        std::fs::write(folder.join("eye.json"), text).expect("the figures");
    }
}

#[test]
fn the_server_sees_nothing_of_an_encrypted_project_and_all_of_a_standard_one() {
    let clock = Instant::now();
    let (root, open_root) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    let (mut stage, open_stage) = (Stage::new(root.path()), Stage::new(open_root.path()));
    let canaries = Canaries::new();
    println!("seed of the canaries: {}", canaries.seed());
    let open_canaries = Canaries::with_seed(canaries.seed());
    let handle = format!("{}@example.org", canaries.make_plain(Class::Visible, "handle"));
    let ana = Person::nobody(root.path(), &stage.proxy.url(), &handle);
    let planter = Planter::new(&ana, &canaries);

    // The same things are done in an encrypted and in a standard project, on a server each.
    let (owner, (open_ana, open_project)) = std::thread::scope(|threads| {
        let open = threads.spawn(|| {
            let ana = Person::sign_up(open_root.path(), &open_stage.proxy.url(), "ana@example.org");
            let project = Planter::new(&ana, &open_canaries).project(true);
            (ana, project)
        });
        (
            live(root.path(), &mut stage, &planter),
            open.join().expect("the standard project"),
        )
    });
    println!("planted after {:.1?}", clock.elapsed());

    let material = stage.material();
    let leaked = leaked(&material, &handle, &owner.phrases);
    assert_eq!(leaked.roots.len(), owner.phrases.len());
    for (sort, keys) in [("root", &leaked.roots), ("epoch key", &leaked.epochs)] {
        for (index, key) in keys.iter().enumerate() {
            canaries.adopt(Class::Unsent, &format!("key: {sort} {index}"), key);
        }
    }
    let all = canaries.all();
    let searcher = Searcher::new(&all);
    let hidden = labels_of(&all, &[Class::Project, Class::Sealed, Class::Unsent]);
    assert!(hidden.len() >= 200, "{} canaries", hidden.len());

    // Nothing is there as it lies, and no box opens. The handle, which a server must know, shows that the grep works.
    let raw = material.search(&searcher);
    same(&labels_of(&all, &[Class::Visible]), &labels_in(&all, &raw));
    assert!(raw.values().all(|forms| forms.contains("raw")), "{raw:?}");
    let sealed = Opener::new(&material).run();
    assert_eq!(
        (sealed.opened, labels_in(&all, &sealed.search(&searcher))),
        (0, BTreeSet::new())
    );

    // With Ana's keys, which no server has, the same opener finds whatever she keeps, and her keys in her kits' boxes.
    let kits: BTreeSet<[u8; 32]> = owner
        .kits
        .iter()
        .map(|kit| *RecoveryKey::from_words(kit).expect("a kit").box_key().expose())
        .collect();
    let control = Opener::new(&material)
        .with_keys(&leaked.epochs)
        .with_keys(&leaked.links)
        .with_keys(&kits)
        .run();
    let read: BTreeSet<String> = labels_in(&all, &control.search(&searcher));
    let (keys, kept): (BTreeSet<String>, BTreeSet<String>) =
        read.into_iter().partition(|label| label.starts_with("key: "));
    // Her handle is in the boxes that her kits open.
    same(
        &labels_of(&all, &[Class::Project, Class::Sealed, Class::Visible]),
        &kept,
    );
    assert!(keys.contains("key: root 0") && keys.contains("key: root 1"), "{keys:?}");
    only_names_are_repeated(&planter, &all, &searcher);
    planter.done(&["lock"]);
    let mut device = Material::default();
    device.add_folder(&ana.profile());
    same(
        &labels_of(&all, &[Class::Visible]),
        &labels_in(&all, &device.search(&searcher)),
    );
    println!("looked through after {:.1?}", clock.elapsed());

    // The same canaries on the other server: what a standard project refuses is content of its files.
    same(
        &labels_of(&all, &[Class::Project]),
        &labels_of(&open_canaries.all(), &[Class::Project]),
    );
    let others: Vec<&Canary> = all
        .iter()
        .filter(|one| !matches!(one.class, Class::Project | Class::Visible))
        .collect();
    Planter::new(&open_ana, &open_canaries).as_content(&open_project, &others);
    let open_material = open_stage.material();
    let opened = Opener::new(&open_material).run();
    let open_read = labels_in(&all, &opened.search(&searcher));
    same(&hidden, &open_read);
    println!("done after {:.1?}", clock.elapsed());
    let row = |name, material, opened, found| Row {
        name,
        material,
        opened,
        found,
    };
    report(
        hidden.len(),
        &[
            row("encrypted", &material, &sealed, 0),
            row("with the owner's keys", &material, &control, kept.len() + keys.len()),
            row("standard", &open_material, &opened, open_read.len()),
        ],
    );
}
