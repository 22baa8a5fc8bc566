//! Taking results over: what a node signed, held against the run's entry, becomes part of the project.

use holdfast_protocol::KeyField;
use holdfast_protocol::entry::{Op, Role};
use holdfast_protocol::id::{RunId, SpaceId};
use holdfast_protocol::item::{Item, Version};
use holdfast_protocol::replay::{OrderedRun, Outcome, Run, Space, content_of, result_fits};
use holdfast_protocol::run::{self, AdoptBody, Attempt, Made, SignedResult, result_key};
use holdfast_protocol::wire;

use crate::error::{Error, Result};
use crate::session::Session;
use crate::spaces::{Draft, Sealable};

impl Session {
    /// Takes over what nodes have sent and nobody has taken over yet, in one project. Gives the runs that are done now. Whoever
    /// may not write takes nothing over.
    ///
    /// # Errors
    /// What concerns the project; a single result that is not what it should be is left where it is, and told.
    pub async fn adopt_results(&self, space: SpaceId) -> Result<(Vec<RunId>, Vec<(RunId, Error)>)> {
        let state = self.sync(space).await?;
        let (mut done, mut trouble) = (Vec::new(), Vec::new());
        if state.authority().role(self.principal()) < Some(Role::Contributor) {
            return Ok((done, trouble));
        }
        for status in self.runs(&state).await? {
            let has_result = status
                .row
                .as_ref()
                .is_some_and(|row| row.state == wire::RunState::Ended);
            if !has_result || matches!(status.ordered.outcome, Outcome::Adopted(_)) {
                continue;
            }
            let Some(run) = &status.run else { continue };
            match self.adopt_run(space, &status.ordered, run).await {
                Ok(()) => done.push(status.ordered.run),
                // Another member's client was quicker: so much the better.
                Err(Error::Refused(holdfast_protocol::Refusal::RunOver) | Error::NotFound { .. }) => {}
                Err(error @ (Error::Unreachable(_) | Error::History(_))) => return Err(error),
                Err(error) => trouble.push((status.ordered.run, error)),
            }
        }
        Ok((done, trouble))
    }

    async fn adopt_run(&self, space: SpaceId, ordered: &OrderedRun, run: &Run) -> Result<()> {
        let answer = self.api.run_result(space, ordered.run).await?;
        let of = Attempt {
            space,
            run: ordered.run,
            attempt: answer.attempt,
        };
        let forged = || Error::damaged("the run's result");
        let signed = SignedResult::open(&answer.sealed.0, &result_key(run.key.key()), of).map_err(|_| forged())?;
        if !signed.verifies(&ordered.node_key) {
            return Err(forged());
        }
        self.append(space, |state| {
            let now = state.authority().runs().get(&ordered.run).ok_or_else(forged)?;
            if matches!(now.outcome, Outcome::Adopted(_)) {
                return Err(Error::Refused(holdfast_protocol::Refusal::RunOver));
            }
            if !result_fits(&signed.result, &run.spec, now, state.authority()) {
                return Err(forged());
            }
            // What was purged meanwhile, or taken, is left out, and its packs go by themselves.
            let has_place = |made: &&Made| state.contents().has_place(made, &run.spec, state.authority());
            let placed: Vec<&Made> = signed.result.made.iter().filter(has_place).collect();
            let put = self.items_with(state, run, &placed);
            let added = placed.iter().flat_map(|made| made.packs.clone()).collect();
            Ok(Draft {
                op: Op::Adopt {
                    run: ordered.run,
                    added,
                },
                body: Some(Sealable::Adopt(AdoptBody {
                    result: signed.as_bytes().to_vec().into(),
                    put,
                })),
                opens: None,
            })
        })
        .await
        .map(|_| ())
    }

    /// The items that the outputs go into, each with its new version.
    fn items_with(&self, state: &Space, run: &Run, placed: &[&Made]) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        for made in placed {
            let Some(output) = run.spec.outputs.iter().find(|output| output.version == made.version) else {
                continue;
            };
            let version = Version {
                id: made.version,
                author: self.principal(),
                created_ms: self.now_ms(),
                note: String::new(),
                content: content_of(made, &run.key),
            };
            if let Some(item) = items.iter_mut().find(|item| item.id == made.item) {
                item.versions.push(version);
                continue;
            }
            let item = match state.contents().items().get(&made.item) {
                Some(item) => {
                    let mut item = item.clone();
                    item.versions.push(version);
                    item
                }
                None => Item {
                    id: made.item,
                    kind: output.kind.item_kind(),
                    name: free_name(state, run, &output.name),
                    description: String::new(),
                    tags: Vec::new(),
                    created_ms: self.now_ms(),
                    trashed_ms: None,
                    chunk_id_key: Some(KeyField::new(run::item_key(run.key.key(), made.item))),
                    versions: vec![version],
                    secret_type: None,
                    expires_ms: None,
                },
            };
            items.push(item);
        }
        items
    }
}

/// "task-output", with a number where that is taken.
fn free_name(state: &Space, run: &Run, output: &str) -> String {
    let items = state.contents().items();
    let task = items.get(&run.spec.task.item).map_or("run", |item| item.name.as_str());
    let wanted = format!("{task}-{output}");
    let taken = |name: &str| {
        items
            .values()
            .any(|item| item.name == name && item.trashed_ms.is_none())
    };
    if !taken(&wanted) {
        return wanted;
    }
    (2..)
        .map(|number| format!("{wanted} ({number})"))
        .find(|name| !taken(name))
        .unwrap_or(wanted)
}
