//! What can be done to a value, and all cases of a record.

use std::collections::BTreeMap;
use std::fmt;

use holdfast_engine::ports::{Request, Response};
use holdfast_tests::layer::{Exchange, json, refusal, route};
use serde_json::Value;

use crate::tree::{NULL, Path, Tree};

/// What is done to a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// One bit or letter is another.
    Flip,
    /// It is not there.
    Drop,
    /// It is there twice.
    Duplicate,
    /// Its second half is not there.
    Truncate,
    /// Another value of this answer.
    Swap,
    /// The same value of an answer about something else.
    Replay,
    /// Of another type.
    Retype,
    /// As it was in an earlier answer.
    Stale,
}

pub(crate) const WAYS: [Way; 8] = [
    Way::Flip,
    Way::Drop,
    Way::Duplicate,
    Way::Truncate,
    Way::Swap,
    Way::Replay,
    Way::Retype,
    Way::Stale,
];

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flip => "flip",
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
            Self::Truncate => "truncate",
            Self::Swap => "swap",
            Self::Replay => "replay",
            Self::Retype => "retype",
            Self::Stale => "stale",
        }
    }
}

/// One answer with one thing altered.
pub(crate) struct Case {
    /// Which answer.
    pub(crate) key: String,
    pub(crate) route: String,
    /// The name of the value's place.
    pub(crate) leaf: String,
    path: Path,
    pub(crate) way: Way,
    pub(crate) status: Option<u16>,
    pub(crate) body: Vec<u8>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} (at {:?})",
            self.route,
            self.leaf,
            self.way.name(),
            self.path
        )
    }
}

/// How many values there are, and everything that can be done to them. `older` are answers from before.
pub(crate) fn cases(answers: &BTreeMap<String, (Request, Response)>, older: &[Exchange]) -> (usize, Vec<Case>) {
    let mut leaves = 0;
    let mut cases = Vec::new();
    for (key, (request, response)) in answers {
        let case = |leaf: &str, path: &[usize], way, status, body| Case {
            key: key.clone(),
            route: route(request),
            leaf: leaf.to_owned(),
            path: path.to_vec(),
            way,
            status,
            body,
        };
        leaves += 1;
        for (way, status, code) in [(Way::Flip, 404, "not-found"), (Way::Truncate, 500, "internal")] {
            let refused = refusal(status, code);
            cases.push(case("status", &[], way, Some(status), refused.body.to_vec()));
        }
        let value = json(&response.body);
        if value == Value::Null {
            leaves += usize::from(!response.body.is_empty());
            for way in WAYS {
                if let Some(body) = raw(way, &response.body) {
                    cases.push(case("bytes", &[], way, None, body));
                }
            }
            continue;
        }
        let whole = Tree::of_json(&value);
        let others = answers
            .iter()
            .filter(|(other, (about, _))| *other != key && route(about) == route(request));
        let others: Vec<Tree> = others
            .map(|(_, (_, other))| Tree::of_json(&json(&other.body)))
            .collect();
        let place = |request: &Request| request.path.split('?').next().unwrap_or_default().to_owned();
        let before = older
            .iter()
            .filter(|one| place(&one.request) == place(request) && (200..300).contains(&one.answer.status));
        let before: Vec<Tree> = before.map(|one| Tree::of_json(&json(&one.answer.body))).collect();
        let all = whole.leaves();
        leaves += all.len();
        for (path, leaf) in &all {
            for way in WAYS {
                let mut tree = whole.clone();
                let from = match way {
                    Way::Swap => std::slice::from_ref(&whole),
                    Way::Replay => others.as_slice(),
                    Way::Stale => before.as_slice(),
                    _ => &[],
                };
                if alter(way, &mut tree, path, leaf, from).is_none() || tree == whole {
                    continue;
                }
                let body = tree.to_json().into_bytes();
                if json(&body) == value && way != Way::Duplicate {
                    continue;
                }
                cases.push(case(leaf, path, way, None, body));
            }
        }
    }
    (leaves, cases)
}

/// The same for bytes that are no message.
pub(crate) fn raw(way: Way, bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.is_empty() {
        return None;
    }
    let mut bytes = bytes.to_vec();
    let half = bytes.len() / 2;
    match way {
        Way::Flip => bytes.iter_mut().step_by(16).for_each(|byte| *byte ^= 1),
        Way::Drop => bytes.clear(),
        Way::Duplicate => bytes.extend_from_within(..),
        Way::Truncate => bytes.truncate(half),
        Way::Swap => bytes.rotate_left(half),
        Way::Retype => bytes = b"{}".to_vec(),
        Way::Replay | Way::Stale => return None,
    }
    Some(bytes)
}

/// Alters one value; `None` where that makes no sense for it.
pub(crate) fn alter(way: Way, tree: &mut Tree, path: &[usize], name: &str, from: &[Tree]) -> Option<()> {
    match way {
        Way::Drop | Way::Duplicate => {
            let (&last, parent) = path.split_last()?;
            match (tree.at_mut(parent)?, way) {
                (Tree::Array(items), Way::Drop) => drop(items.remove(last)),
                (Tree::Array(items), _) => items.insert(last, items[last].clone()),
                (Tree::Map(pairs), Way::Drop) => drop(pairs.remove(last)),
                (Tree::Map(pairs), _) => pairs.insert(last, pairs[last].clone()),
                _ => return None,
            }
        }
        Way::Swap | Way::Replay | Way::Stale => {
            let now = tree.at(path)?.clone();
            let found = from.iter().find_map(|other| {
                let leaves = other.leaves();
                let fits = |at: &Path, other_name: &str| {
                    let value = other.at(at)?;
                    let named = way == Way::Swap || other_name == name;
                    (named && std::mem::discriminant(value) == std::mem::discriminant(&now) && *value != now)
                        .then(|| value.clone())
                };
                leaves.iter().find_map(|(at, other_name)| fits(at, other_name))
            })?;
            *tree.at_mut(path)? = found;
        }
        Way::Flip | Way::Truncate | Way::Retype => {
            let leaf = tree.at_mut(path)?;
            *leaf = single(way, &flat(leaf))?;
        }
    }
    Some(())
}

/// As it stands in the message, whatever is in it.
fn flat(leaf: &Tree) -> Tree {
    match leaf {
        Tree::InBytes(inner) => Tree::Bytes(inner.write()),
        Tree::InText(_) => {
            let text = leaf.to_json();
            Tree::Text(text.trim_matches('"').as_bytes().to_vec())
        }
        other => other.clone(),
    }
}

fn single(way: Way, leaf: &Tree) -> Option<Tree> {
    Some(match (way, leaf.clone()) {
        (Way::Flip, Tree::Number(7, 20)) => Tree::Number(7, 21),
        (Way::Flip, Tree::Number(7, 21)) => Tree::Number(7, 20),
        (Way::Flip, Tree::Number(7, _)) => Tree::Number(0, 0),
        (Way::Flip, Tree::Number(major, value)) => Tree::Number(major, value ^ 1),
        (Way::Flip, Tree::Bytes(mut bytes)) => {
            let half = bytes.len() / 2;
            *bytes.get_mut(half)? ^= 1;
            Tree::Bytes(bytes)
        }
        (Way::Flip, Tree::Text(mut bytes)) => {
            // A letter of hex, of base64 and of names alike.
            let half = bytes.len() / 2;
            let letter = bytes.get_mut(half)?;
            *letter = if *letter == b'0' { b'1' } else { b'0' };
            Tree::Text(bytes)
        }
        (Way::Truncate, Tree::Number(0, value)) if value > 0 => Tree::Number(0, value / 2),
        (Way::Truncate, Tree::Bytes(bytes)) if !bytes.is_empty() => Tree::Bytes(bytes[..bytes.len() / 2].to_vec()),
        (Way::Truncate, Tree::Text(bytes)) if !bytes.is_empty() => Tree::Text(bytes[..bytes.len() / 2].to_vec()),
        (Way::Retype, Tree::Number(7, _)) => Tree::Number(0, 1),
        (Way::Retype, Tree::Number(_, value)) => Tree::Text(value.to_string().into_bytes()),
        (Way::Retype, Tree::Text(bytes)) => Tree::Array(vec![Tree::Text(bytes), NULL]),
        (Way::Retype, Tree::Bytes(bytes)) => Tree::Text(
            bytes
                .iter()
                .flat_map(|byte| format!("{byte:02x}").into_bytes())
                .collect(),
        ),
        (Way::Retype, Tree::Array(_) | Tree::Map(_)) => Tree::Number(0, 1),
        _ => return None,
    })
}
