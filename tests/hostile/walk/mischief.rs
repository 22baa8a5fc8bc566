//! What is done to one request or one answer of a step.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use holdfast_device::HttpTransport;
use holdfast_engine::ports::{Method, Request, Response};
use holdfast_tests::Dice;
use holdfast_tests::layer::{Attack, Course, Exchange, Seen, json, refusal, route};
use serde_json::Value;

use crate::every_leaf::change::{WAYS, Way, alter, raw};
use crate::tree::Tree;

/// How a request or an answer is treated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    /// One value of an answer.
    Value(Way),
    /// One value of a request.
    Asked,
    /// What was answered to the same before.
    Replay,
    /// What was answered to something else.
    Other,
    /// What a copy of the server says that was made a while ago.
    Copy,
    /// A refusal.
    Status,
    /// The connection ends before the request.
    Cut,
    /// The server acts and is not heard.
    Lost,
    /// The server hears it twice.
    Twice,
    /// The server hears it later.
    Late,
}

/// Refusals: those that clients act on, and a word that only the program itself says.
const REFUSALS: [(u16, &str); 9] = [
    (404, "not-found"),
    (500, "internal"),
    (409, "conflict"),
    (401, "signed-out"),
    (403, "not-allowed"),
    (429, "rate-limited"),
    (413, "too-large"),
    (507, "disk-full"),
    (418, "wrong-master-key"),
];

/// What a server keeps for those who come later: its client reads nothing of it back, so it can be spoilt at any time. Sealed bodies
/// that are no JSON are left as they are for the same reason.
const KEPT_UNREAD: &str = "PUT /v1/me/bundle";

impl Operator {
    pub(super) fn all() -> Vec<Self> {
        let others = [
            Self::Asked,
            Self::Replay,
            Self::Other,
            Self::Copy,
            Self::Status,
            Self::Cut,
            Self::Lost,
            Self::Twice,
            Self::Late,
        ];
        WAYS.map(Self::Value).into_iter().chain(others).collect()
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Value(way) => way.name(),
            Self::Asked => "request",
            Self::Replay => "replay of all",
            Self::Other => "another answer",
            Self::Copy => "stale copy",
            Self::Status => "refusal",
            Self::Cut => "cut",
            Self::Lost => "answer lost",
            Self::Twice => "heard twice",
            Self::Late => "late",
        }
    }
}

/// One thing that will be done, at the first occasion after a few were let pass.
pub(super) struct Mischief {
    pub(super) operator: Operator,
    pass: AtomicUsize,
    dice: Mutex<Dice>,
    copy: Option<Arc<HttpTransport>>,
    /// What everybody heard so far.
    heard: Vec<Exchange>,
    done: Mutex<Option<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mischief {
    pub(super) fn new(
        operator: Operator,
        pass: usize,
        dice: Dice,
        copy: Option<Arc<HttpTransport>>,
        heard: Vec<Exchange>,
    ) -> Arc<Self> {
        Arc::new(Self {
            operator,
            pass: AtomicUsize::new(pass),
            dice: Mutex::new(dice),
            copy,
            heard,
            done: Mutex::default(),
        })
    }

    /// What was done, in words; `None` while there was no occasion.
    pub(super) fn done(&self) -> Option<String> {
        lock(&self.done).clone()
    }

    /// Whether this occasion is the one.
    fn is_now(&self) -> bool {
        if lock(&self.done).is_some() {
            return false;
        }
        let passed = self
            .pass
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        passed.is_err()
    }

    fn note(&self, request: &Request, what: &str) {
        *lock(&self.done) = Some(format!("{} {what} in {}", self.operator.name(), route(request)));
    }

    /// A tree with one value altered, and which.
    fn altered(&self, way: Way, whole: &Tree, from: &[Tree]) -> Option<(Tree, String)> {
        let leaves = whole.leaves();
        let mut dice = lock(&self.dice);
        for _ in 0..12 {
            let (path, name) = &leaves[usize::try_from(dice.below(leaves.len() as u64)).unwrap_or(0)];
            let mut tree = whole.clone();
            if alter(way, &mut tree, path, name, from).is_some() && tree != *whole {
                return Some((tree, name.clone()));
            }
        }
        None
    }

    fn one_of<'e>(&self, found: &[&'e Exchange]) -> Option<&'e Exchange> {
        (!found.is_empty()).then(|| lock(&self.dice).one_of(found))
    }

    /// What is answered instead, and what that is.
    fn instead(&self, seen: &Seen<'_>) -> Option<(Response, String)> {
        let (request, honest) = (seen.request, &seen.honest);
        let place = |request: &Request| request.path.split('?').next().unwrap_or_default().to_owned();
        let good = |one: &&Exchange| (200..300).contains(&one.answer.status) && one.answer.body != honest.body;
        let earlier = || -> Vec<&Exchange> {
            let same = |one: &&Exchange| place(&one.request) == place(request) && one.request.method == request.method;
            seen.before.iter().filter(good).filter(same).collect()
        };
        let others = || -> Vec<&Exchange> {
            let alike =
                |one: &&Exchange| route(&one.request) == route(request) && place(&one.request) != place(request);
            self.heard
                .iter()
                .chain(seen.before)
                .filter(good)
                .filter(alike)
                .collect()
        };
        match self.operator {
            Operator::Status => {
                let (status, code) = lock(&self.dice).one_of(&REFUSALS);
                Some((refusal(status, code), code.to_owned()))
            }
            Operator::Replay => {
                let found = self.one_of(&earlier())?;
                Some((found.answer.clone(), String::new()))
            }
            Operator::Other => {
                let mut found = others();
                if found.is_empty() {
                    found = seen.before.iter().filter(good).collect();
                }
                let found = self.one_of(&found)?;
                Some((found.answer.clone(), format!("to {}", route(&found.request))))
            }
            Operator::Value(way) => {
                let value = json(&honest.body);
                if value == Value::Null {
                    let body = raw(way, &honest.body)?;
                    let status = honest.status;
                    return Some((
                        Response {
                            status,
                            body: body.into(),
                        },
                        "of bytes".into(),
                    ));
                }
                let whole = Tree::of_json(&value);
                let trees = |found: Vec<&Exchange>| -> Vec<Tree> {
                    let newest = found.into_iter().rev().take(8);
                    newest.map(|one| Tree::of_json(&json(&one.answer.body))).collect()
                };
                let from = match way {
                    Way::Swap => vec![whole.clone()],
                    Way::Replay => trees(others()),
                    Way::Stale => trees(earlier()),
                    _ => Vec::new(),
                };
                let (tree, leaf) = self.altered(way, &whole, &from)?;
                let (status, body) = (honest.status, tree.to_json().into_bytes().into());
                Some((Response { status, body }, format!("of {leaf}")))
            }
            _ => None,
        }
    }
}

/// Mischief on one way to the server.
pub(super) struct Armed(pub(super) Arc<Mischief>);

impl Attack for Armed {
    fn course(&self, request: &Request) -> Course {
        let own = &self.0;
        let reads = request.method == Method::Get || request.path.starts_with("/v1/directory");
        let course = match own.operator {
            Operator::Cut => Course::Cut,
            Operator::Lost => Course::Lost,
            Operator::Twice => Course::Twice,
            Operator::Late => Course::Late(Duration::from_millis(50 + lock(&own.dice).below(500))),
            // What a copy is told to keep would make another history of it, which nobody who saw it could leave again.
            Operator::Copy if reads => match &own.copy {
                Some(copy) => Course::To(copy.clone()),
                None => return Course::Straight,
            },
            _ => return Course::Straight,
        };
        if !own.is_now() {
            return Course::Straight;
        }
        own.note(request, "");
        course
    }

    fn request(&self, mut request: Request) -> Request {
        let own = &self.0;
        if own.operator != Operator::Asked || route(&request) == KEPT_UNREAD {
            return request;
        }
        let Some((body, true)) = &request.body else {
            return request;
        };
        if !own.is_now() {
            return request;
        }
        let way = lock(&own.dice).one_of(&[
            Way::Flip,
            Way::Drop,
            Way::Duplicate,
            Way::Truncate,
            Way::Swap,
            Way::Retype,
        ]);
        let whole = Tree::of_json(&json(body));
        if let Some((tree, leaf)) = own.altered(way, &whole, std::slice::from_ref(&whole)) {
            own.note(&request, &format!("{} of {leaf}", way.name()));
            request.body = Some((tree.to_json().into_bytes().into(), true));
        }
        request
    }

    fn answer(&self, seen: Seen<'_>) -> Response {
        let own = &self.0;
        if !matches!(
            own.operator,
            Operator::Value(_) | Operator::Status | Operator::Replay | Operator::Other
        ) || !own.is_now()
        {
            return seen.honest;
        }
        match own.instead(&seen) {
            Some((answer, what)) => {
                own.note(seen.request, &what);
                answer
            }
            None => seen.honest,
        }
    }
}

/// How mischief of one kind ended.
#[derive(Default, serde::Serialize)]
pub(super) struct Ends {
    pub(super) tried: usize,
    /// There was no occasion.
    pub(super) idle: usize,
    /// The step ended with an error.
    pub(super) refused: usize,
    /// The step did what it should all the same.
    pub(super) withstood: usize,
    pub(super) codes: BTreeMap<String, usize>,
}
