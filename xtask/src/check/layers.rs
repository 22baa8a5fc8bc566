//! Which of our crates may use which, and which crates of others stay out of them.
//!
//! `crypto <- protocol <- engine <- commands <- {agent, cli, app}`; `device` plugs into `engine`, `import` into `commands`; `preview` and `task` stand alone
//! below `commands`; the node stands on `engine` and `task`; the server stands on `protocol` alone, so that nothing in it can open a box
//! by accident. The table is the rule: a new crate has to be put into it.

use std::collections::{BTreeMap, BTreeSet};

use super::Verdict;
use crate::workspace::{Metadata, Node};

/// A crate of ours and those of ours it may name as dependencies. `*` is all of them.
const MAY_USE: [(&str, &[&str]); 17] = [
    ("holdfast-crypto", &[]),
    ("holdfast-protocol", &["crypto"]),
    ("holdfast-engine", &["protocol", "crypto"]),
    ("holdfast-device", &["engine", "protocol"]),
    ("holdfast-agent", &["commands", "device", "engine"]),
    ("holdfast-import", &["protocol", "crypto"]),
    // What a task says of itself, for whoever starts it and whoever carries it out.
    ("holdfast-task", &[]),
    // Other people's decoders: it knows no key and nothing of ours.
    ("holdfast-preview", &[]),
    (
        "holdfast-commands",
        &["engine", "import", "preview", "task", "protocol", "crypto"],
    ),
    ("holdfast-server", &["protocol", "crypto"]),
    ("holdfast-node", &["engine", "task", "protocol", "crypto"]),
    (
        "holdfast-cli",
        &[
            "agent", "commands", "preview", "server", "node", "task", "device", "engine", "protocol", "crypto",
        ],
    ),
    (
        "holdfast-app",
        &[
            "agent", "commands", "preview", "device", "server", "engine", "protocol", "crypto",
        ],
    ),
    ("holdfast-testkit", &["*"]),
    ("holdfast-tests", &["*"]),
    ("holdfast-fuzz", &["*"]),
    ("xtask", &[]),
];

/// Of ours, those that only tests may use.
const FOR_TESTS: [&str; 2] = ["holdfast-testkit", "holdfast-tests"];

/// Names of others' crates (a trailing `*` stands for any end), and those of ours whose builds they
/// must stay out of, at whatever distance.
const STAY_OUT: [(&[&str], &[&str]); 5] = [
    (
        // Bytes in, bytes out: no runtime, no network, no database, no file locks.
        &[
            "tokio",
            "reqwest",
            "hyper",
            "axum",
            "sqlx",
            "sqlx-*",
            "rustls",
            "object_store",
            "fs4",
        ],
        &[
            "holdfast-crypto",
            "holdfast-protocol",
            "holdfast-import",
            "holdfast-preview",
            "holdfast-task",
        ],
    ),
    (
        // The engine speaks to the world through its ports.
        &["reqwest", "hyper", "axum", "sqlx", "sqlx-*", "object_store", "keyring*"],
        &["holdfast-engine", "holdfast-commands"],
    ),
    (
        // Decoders of other people's files are linked where a wall is put around them, and nowhere else.
        &["image", "parquet", "csv"],
        &[
            "holdfast-crypto",
            "holdfast-protocol",
            "holdfast-engine",
            "holdfast-device",
            "holdfast-server",
        ],
    ),
    (
        // What the server must not be able to do, it must not link.
        &["holdfast-engine", "holdfast-device", "holdfast-commands", "reqwest"],
        &["holdfast-server"],
    ),
    (
        // The window and its browser are the app's alone.
        &["tauri", "tauri-*", "wry", "tao", "webkit2gtk*", "gtk*"],
        &[
            "holdfast-crypto",
            "holdfast-protocol",
            "holdfast-import",
            "holdfast-engine",
            "holdfast-device",
            "holdfast-preview",
            "holdfast-task",
            "holdfast-commands",
            "holdfast-agent",
            "holdfast-server",
            "holdfast-node",
            "holdfast-bridge",
            "holdfast-cli",
            "holdfast-testkit",
        ],
    ),
];

/// Checks what cargo resolved against the two tables.
pub(crate) fn check(meta: &Metadata) -> Verdict {
    let graph = Graph::new(meta);
    let mut faults = Vec::new();
    let members: BTreeSet<&str> = meta.members().into_keys().collect();
    for member in &members {
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| name == member) else {
            faults.push(format!("{member} is not in the table of xtask/src/check/layers.rs"));
            continue;
        };
        for used in graph.direct(member).into_iter().filter(|used| members.contains(used)) {
            let short = used.trim_start_matches("holdfast-");
            if !allowed.contains(&"*") && !allowed.contains(&short) {
                faults.push(format!("{member} must not use {used}"));
            } else if FOR_TESTS.contains(&used) && !FOR_TESTS.contains(member) {
                faults.push(format!("{member} must not use {used}: it is for tests"));
            }
        }
    }
    for (outside, ours) in STAY_OUT {
        for member in ours.iter().filter(|member| members.contains(*member)) {
            for (reached, path) in graph.reachable(member) {
                if outside.iter().any(|pattern| fits(pattern, reached)) {
                    faults.push(format!("{member} must not pull in {reached}: {path}"));
                }
            }
        }
    }
    Verdict::from_faults(faults)
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

/// Who uses whom in a build of the product: dependencies for tests are left out.
struct Graph<'m> {
    uses: BTreeMap<&'m str, Vec<&'m str>>,
    name_of: BTreeMap<&'m str, &'m str>,
    id_of_member: BTreeMap<&'m str, &'m str>,
}

impl<'m> Graph<'m> {
    fn new(meta: &'m Metadata) -> Self {
        let name_of = meta
            .packages
            .iter()
            .map(|package| (package.id.as_str(), package.name.as_str()));
        let for_the_product = |node: &'m Node| {
            node.deps
                .iter()
                .filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev")))
                .map(|dep| dep.pkg.as_str())
                .collect()
        };
        let nodes = meta.resolve.nodes.iter();
        let members = meta.members();
        Self {
            uses: nodes.map(|node| (node.id.as_str(), for_the_product(node))).collect(),
            name_of: name_of.collect(),
            id_of_member: members
                .iter()
                .map(|(name, package)| (*name, package.id.as_str()))
                .collect(),
        }
    }

    fn name(&self, id: &str) -> &'m str {
        self.name_of.get(id).copied().unwrap_or("")
    }

    fn used_by(&self, id: &str) -> &[&'m str] {
        self.uses.get(id).map_or(&[], Vec::as_slice)
    }

    /// What a member names as its dependencies.
    fn direct(&self, member: &str) -> Vec<&'m str> {
        let id = self.id_of_member.get(member).copied().unwrap_or("");
        self.used_by(id).iter().map(|id| self.name(id)).collect()
    }

    /// Every crate that a build of `member` pulls in, with one way there.
    fn reachable(&self, member: &str) -> Vec<(&'m str, String)> {
        let Some(start) = self.id_of_member.get(member) else {
            return Vec::new();
        };
        let mut seen = BTreeSet::from([*start]);
        let mut found = Vec::new();
        let mut open = vec![(*start, member.to_owned())];
        while let Some((id, path)) = open.pop() {
            for next in self.used_by(id) {
                if seen.insert(next) {
                    let name = self.name(next);
                    let path = format!("{path} -> {name}");
                    found.push((name, path.clone()));
                    open.push((next, path));
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace of `(name, uses, is a member)`; an edge behind `dev:` is for tests only.
    fn workspace(crates: &[(&str, &[&str], bool)]) -> Metadata {
        let packages: Vec<_> = crates
            .iter()
            .map(|(name, _, _)| serde_json::json!({ "id": format!("id {name}"), "name": name }))
            .collect();
        let nodes: Vec<_> = crates
            .iter()
            .map(|(name, uses, _)| {
                let deps: Vec<_> = uses
                    .iter()
                    .map(|used| {
                        let (kind, used) = match used.strip_prefix("dev:") {
                            Some(used) => (Some("dev"), used),
                            None => (None, *used),
                        };
                        serde_json::json!({
                            "pkg": format!("id {used}"), "dep_kinds": [{ "kind": kind }]
                        })
                    })
                    .collect();
                serde_json::json!({ "id": format!("id {name}"), "deps": deps })
            })
            .collect();
        let members: Vec<_> = crates
            .iter()
            .filter(|(_, _, member)| *member)
            .map(|(name, _, _)| format!("id {name}"))
            .collect();
        serde_json::from_value(serde_json::json!({
            "packages": packages,
            "workspace_members": members,
            "resolve": { "nodes": nodes },
            "target_directory": "/t",
        }))
        .unwrap()
    }

    fn faults(crates: &[(&str, &[&str], bool)]) -> Vec<String> {
        match check(&workspace(crates)) {
            Verdict::Bad(faults) => faults,
            Verdict::Good | Verdict::Skipped(_) => Vec::new(),
        }
    }

    #[test]
    fn the_house_as_planned_is_good() {
        let house: [(&str, &[&str], bool); 6] = [
            ("holdfast-crypto", &["aes", "dev:tokio"], true),
            ("holdfast-protocol", &["holdfast-crypto"], true),
            ("holdfast-server", &["holdfast-protocol", "tokio"], true),
            ("holdfast-tests", &["holdfast-server"], true),
            ("aes", &[], false),
            ("tokio", &[], false),
        ];
        assert_eq!(faults(&house), Vec::<String>::new());
    }

    #[test]
    fn a_step_sideways_is_seen() {
        let house: [(&str, &[&str], bool); 2] = [
            ("holdfast-server", &["holdfast-engine"], true),
            ("holdfast-engine", &[], true),
        ];
        let faults = faults(&house);
        assert!(faults.contains(&"holdfast-server must not use holdfast-engine".to_owned()));
    }

    #[test]
    fn io_is_seen_at_any_distance() {
        let house: [(&str, &[&str], bool); 3] = [
            ("holdfast-crypto", &["helper"], true),
            ("helper", &["tokio"], false),
            ("tokio", &[], false),
        ];
        assert_eq!(
            faults(&house),
            ["holdfast-crypto must not pull in tokio: holdfast-crypto -> helper -> tokio"]
        );
    }

    #[test]
    fn a_browser_in_the_server_is_seen() {
        let house: [(&str, &[&str], bool); 2] = [
            ("holdfast-server", &["webkit2gtk-sys"], true),
            ("webkit2gtk-sys", &[], false),
        ];
        assert_eq!(faults(&house).len(), 1);
    }

    #[test]
    fn a_crate_without_a_place_is_seen() {
        let faults = faults(&[("holdfast-attic", &[], true)]);
        assert!(faults[0].contains("holdfast-attic is not in the table"), "{faults:?}");
    }
}
