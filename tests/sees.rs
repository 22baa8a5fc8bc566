//! `docs/what-the-server-sees.md` against a recorded session in which everything is done that people, nodes and runs do: what the
//! server kept or was sent stands on the page, and what stands on the page was there.

#[path = "nodes/stage.rs"]
#[allow(dead_code, reason = "the nodes' own tests use all of it")]
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use holdfast_tests::eye::{Sent, Watch};
use holdfast_tests::{Node, Person, Proxy, Server, Tamper, kit_words, small_dataset};

use stage::Stage;

const PAGE: &str = include_str!("../docs/what-the-server-sees.md");
const SMALL: &str =
    "[outputs.lines]\nkind = \"artifact\"\n[limits]\nmemory = \"64 MiB\"\ndisk = \"8 MiB\"\ntime = \"60 s\"\n";
const SCRIPT: &str = "echo begun\necho '{\"name\": \"loss\", \"value\": 0.5}' > \"$HOLDFAST_METRICS\"\nmkdir -p /out/lines\n\
                      echo made > /out/lines/one\nsleep 1\n";

type Names = BTreeSet<String>;

/// What stands in backticks.
fn quoted(text: &str) -> Names {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows of the table below a line of the page: the names in each of its cells.
fn table(header: &str) -> Vec<Vec<Names>> {
    let (_, rest) = PAGE.split_once(header).unwrap_or_else(|| panic!("no table {header}"));
    rest.lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(quoted).collect())
        .collect()
}

/// All names in the first cells of a table.
fn first_cells(header: &str) -> Names {
    table(header)
        .into_iter()
        .filter_map(|row| row.into_iter().next())
        .flatten()
        .collect()
}

/// Another Master Key, with a kit or without.
fn change_key(person: &Person, phrase: &str, more: &[&str]) {
    let new = person.file("new-key", &format!("{phrase}\n"));
    let args = ["key", "change", "--new-master-key-file", &new, "--kdf-log2-n", "17"];
    person.run(&[&args[..], more].concat()).ok();
    person.keep_key(phrase);
    person.run(&["unlock"]).ok();
}

/// Projects of both sorts and everything that happens to members.
fn people(stage: &Stage, server: &str) {
    let (ana, root) = (&stage.ana, stage.root.path());
    let small = small_dataset(root);
    let ben = Person::sign_up(root, server, "ben@example.org");
    ana.run(&["project", "create", "Open", "--standard"]).ok();
    ana.run(&["project", "create", "Whole"]).ok();
    stage.upload("dataset", "penguins", &small);
    ana.run(&[
        "dataset",
        "upload",
        "Open",
        small.to_str().expect("a path"),
        "--name",
        "penguins",
    ])
    .ok();
    for project in ["Lab", "Open"] {
        ana.run(&["project", "share", project, ben.handle(), "--role", "reader"])
            .ok();
        ana.run(&["project", "role", project, ben.handle(), "--role", "contributor"])
            .ok();
    }
    ben.run(&["project", "leave", "Open"]).ok();
    ana.run(&["project", "remove", "Lab", ben.handle()]).ok();
    let to = root.join("got").display().to_string();
    ana.run(&["dataset", "download", "Lab/penguins", "--to", &to]).ok();

    // Packs that go: those of a version that is purged, and those of an upload that does not fit and is given up.
    ana.run(&["dataset", "delete", "Open/penguins"]).ok();
    ana.run(&["project", "purge", "Open", "--yes"]).ok();
    let big = root.join("big");
    std::fs::create_dir_all(&big).expect("a folder");
    let noise: Vec<u8> = (0..70_u32 << 18)
        .flat_map(|at| at.wrapping_mul(0x9E37_79B1).to_le_bytes())
        .collect();
    std::fs::write(big.join("noise"), noise).expect("a file");
    for _ in 0..2 {
        ana.run(&[
            "dataset",
            "upload",
            "Whole",
            big.to_str().expect("a path"),
            "--name",
            "big",
        ])
        .fails(16);
    }
    let waiting = ana.run(&["upload", "list"]).ok()[0]["version"]
        .as_str()
        .expect("an id")
        .to_owned();
    ana.run(&["upload", "abandon", &waiting]).ok();

    // Somebody who has no account yet.
    let invited = ana.run(&["project", "invite", "Lab", "cem@example.org"]).ok();
    let cem = Person::sign_up(root, server, "cem@example.org");
    let text = cem.file("invitation", invited["invitation"].as_str().expect("an invitation"));
    cem.run(&["project", "join", "--invitation-file", &text]).ok();
    ana.run(&["project", "members", "Lab"]).ok();
}

/// Devices and keys that come and go.
fn keys(stage: &Stage, server: &str, watch: &mut Watch) {
    let ana = &stage.ana;
    watch.end_access();
    ana.run(&["project", "list"]).ok();
    let path = |name: &str| ana.home().join(name).display().to_string();
    ana.run(&["kit", "new", "--out", &path("second.pdf")]).ok();
    let laptop = ana.second_device();
    laptop
        .run(&["signin", "--server", server, "--handle", ana.handle()])
        .ok();
    let devices = ana.run(&["device", "list"]).ok();
    let other = devices
        .as_array()
        .expect("devices")
        .iter()
        .find(|one| one["current"] == false);
    ana.run(&[
        "device",
        "remove",
        other.expect("the laptop")["id"].as_str().expect("an id"),
    ])
    .ok();
    change_key(
        ana,
        "plunder ninth gravel cosmic tulip marbled oven yonder",
        &["--leaked", "--kit", &path("third.pdf")],
    );
    ana.run(&["project", "list"]).ok();
    ana.run(&["project", "show", "Lab"]).ok();

    let code = ana.file("code", &kit_words(Path::new(&path("third.pdf"))));
    let back = Person::nobody(stage.root.path(), server, "back");
    let args = [
        "key",
        "recover",
        "--server",
        server,
        "--kit-code-file",
        &code,
        "--generate",
        "--kdf-log2-n",
        "17",
    ];
    let made = back.run_without_key(&args).ok();
    // What this device does not know yet: the keys are others.
    ana.keep_key(made["master_key"].as_str().expect("a Master Key"));
    ana.run(&["lock"]).ok();
    ana.run(&["signin", "--server", server, "--handle", ana.handle()]).ok();
    ana.run(&["unlock"]).ok();
    ana.run(&["project", "show", "Open"]).ok();
    ana.run(&["monitor"]).ok();
}

/// A node, and runs that end in every way.
fn nodes(stage: &Stage, server: &str) {
    let ana = &stage.ana;
    stage.script("count", SMALL, SCRIPT);
    let mut node = Node::enrol(ana, server, "box");
    ana.run(&["node", "authorise", "Lab", "box"]).ok();
    ana.run(&["node", "authorise", "Whole", "box", "--whole-project"]).ok();
    node.start(&[]);
    let id = stage.start(&["Lab/count", "--node", "box"]);
    assert_eq!(stage.over(&id)["state"], "succeeded");
    ana.run(&["run", "metrics", &id]).ok();
    stage.log(&id);
    ana.run(&["run", "list", "Lab"]).ok();
    node.stop();
    let refused = stage.start(&["Lab/count", "--node", "box"]);
    Tamper::new(stage.server.data()).spoil_capsule(&refused);
    let withdrawn = stage.start(&["Lab/count", "--node", "box"]);
    ana.run(&["run", "stop", &withdrawn]).ok();
    node.start(&[]);
    assert_eq!(stage.over(&refused)["state"], "refused");
    node.stop();
    ana.run(&["node", "list"]).ok();
    for project in ["Lab", "Whole"] {
        ana.run(&["node", "withdraw", project, "box"]).ok();
    }
    ana.run(&["node", "end", "box"]).ok();
}

/// Somebody who comes from another server, and somebody who goes there.
fn movers(root: &Path, server: &str) {
    let other = Server::start(&root.join("other"));
    for (handle, from, to) in [
        ("dora@example.org", other.url(), server.to_owned()),
        ("emil@example.org", server.to_owned(), other.url()),
    ] {
        let person = Person::with_kit(root, &from, handle);
        person.run(&["unlock"]).ok();
        person.run(&["project", "create", "Own"]).ok();
        person.run(&["project", "rename", "Own", "My own"]).ok();
        let kit = person.home().join("next.pdf").display().to_string();
        change_key(
            &person,
            "walnut seventy drapery impulse gecko ranch silo velvet",
            &["--kit", &kit],
        );
        person.run(&["project", "show", "My own"]).ok();
        person.run(&["relocate", "--to", &to]).ok();
    }
}

/// What is on one side only, by name.
fn differ(what: &str, page: &Names, there: &Names, wrong: &mut Vec<String>) {
    wrong.extend(
        there
            .difference(page)
            .map(|name| format!("{what} `{name}` was there and is not on the page")),
    );
    wrong.extend(
        page.difference(there)
            .map(|name| format!("{what} `{name}` is on the page and was not there")),
    );
}

#[test]
fn the_page_lists_what_the_server_keeps_and_is_sent_and_nothing_else() {
    if !holdfast_tests::walls() {
        return;
    }
    let root = tempfile::tempdir().expect("a folder");
    let proxy = Proxy::start();
    let url = proxy.url();
    let server = Server::start_with(&root.path().join("server"), &["--origin", &url, "--quota", "48M"]);
    proxy.forward_to(server.port());
    let mut watch = Watch::new(server.data());
    let ana = Person::with_kit(root.path(), &url, "ana@example.org");
    ana.run(&["unlock"]).ok();
    ana.run(&["project", "create", "Lab"]).ok();
    let stage = Stage { root, server, ana };
    people(&stage, &url);
    keys(&stage, &url, &mut watch);
    nodes(&stage, &url);
    movers(stage.root.path(), &url);
    // Somebody whose name an operator frees: he has his account elsewhere by now.
    let data = stage.server.data().display().to_string();
    let freed = ["reset-account", "emil@example.org", "--data", &data, "--yes"];
    stage.ana.run_without_key(&freed).ok();

    let mut wrong = Vec::new();
    let columns = first_cells("| columns | what |");
    differ("column", &columns, &watch.columns(), &mut wrong);
    differ("value of", &columns, &watch.filled(), &mut wrong);
    let inside = first_cells("| field | what | encrypted | standard |");
    differ(
        "field",
        &inside,
        &without_whole_ops(watch.inside(), &inside),
        &mut wrong,
    );

    let (_, unused) = PAGE
        .split_once("Routes that the window alone uses, or nothing of ours:")
        .expect("the other routes");
    let unused = quoted(unused.split_once(". They").expect("its end").0);
    let routes: BTreeMap<String, Names> = table("| route | fields |")
        .into_iter()
        .map(|mut row| (row.remove(0).into_iter().next().expect("a route"), row.remove(0)))
        .collect();
    let listed: Names = routes.keys().cloned().collect();
    differ(
        "route",
        &listed.union(&unused).cloned().collect(),
        &all_routes(),
        &mut wrong,
    );
    let sent = Sent::new(&proxy.recorded(), &all_routes());
    differ("request", &listed, &sent.routes.keys().cloned().collect(), &mut wrong);
    for (route, fields) in &routes {
        let there = sent.routes.get(route).cloned().unwrap_or_default();
        differ(&format!("{route}:"), fields, &there, &mut wrong);
    }
    let heads = first_cells("| head | what |");
    differ("head", &heads, &sent.heads, &mut wrong);

    // What can be concluded is concluded from what is on the page.
    for row in table("| what | from | encrypted and standard |") {
        for name in &row[1] {
            let known = [&columns, &inside, &heads].iter().any(|names| names.contains(name));
            if !known {
                wrong.push(format!("`{name}` is nowhere on the page"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// An op that has fields is on the page by these, and one without by its number.
fn without_whole_ops(mut there: Names, page: &Names) -> Names {
    there.retain(|name| !name.starts_with("op ") || name.contains('.') || page.contains(name));
    there
}

/// As in the description that the server gives of itself.
fn all_routes() -> Names {
    let described: serde_json::Value = serde_json::from_str(include_str!("../docs/openapi.json")).expect("JSON");
    let paths = described["paths"].as_object().expect("paths");
    paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect()
}
