//! A node taking a run on: every check of `docs/spec/nodes.md`, in its order, before anything is opened for the task.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use holdfast_protocol::KeyField;
use holdfast_protocol::entry::Role;
use holdfast_protocol::id::{Hash, ItemId};
use holdfast_protocol::item::Content;
use holdfast_protocol::replay::{OrderedRun, Outcome, Space, spec_fits};
use holdfast_protocol::run::{
    Attempt, Capsule, End, FORMAT, Grant, Granted, Made, MadeManifest, Output, Place, RunResult, RunSpec, SecretGrant,
    item_key, output_key, result_key,
};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::ports::Progress;
use crate::rng;
use crate::runs::order::grant_of;
use crate::session::Session;
use crate::transfer::{self, Options, Overwrite, Skipped, Stored, Target};

/// Why a node does not do a run: one of the codes of `docs/spec/nodes.md`, and a sentence for its own console.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{sentence}")]
pub struct RefusedRun {
    /// The code, which the server passes on.
    pub code: String,
    /// The sentence.
    pub sentence: String,
}

/// A run that this node may do, opened.
pub struct Accepted {
    /// Which attempt of which run.
    pub of: Attempt,
    /// What is to be done.
    pub spec: RunSpec,
    /// Hash of the spec.
    pub hash: Hash,
    /// The run's key.
    pub key: KeyField,
    /// Values of the secrets, in the spec's order.
    pub secrets: Vec<SecretGrant>,
    /// The task, then the inputs.
    files: Vec<Stored>,
    /// Keys of chunk ids of items that are there already.
    items: BTreeMap<ItemId, KeyField>,
}

impl Accepted {
    /// Begins the result of this attempt, with what is known of it before it began.
    #[must_use]
    pub fn result(&self, end: End, sentence: String, started_ms: u64, ended_ms: u64) -> RunResult {
        RunResult {
            format: FORMAT,
            space: self.of.space,
            run: self.of.run,
            attempt: self.of.attempt,
            spec: self.hash,
            inputs: self.spec.inputs.iter().map(|input| input.granted.manifest).collect(),
            made: Vec::new(),
            streams: Vec::new(),
            end,
            exit_code: None,
            started_ms,
            ended_ms,
            sentence,
        }
    }
}

/// Either the node refuses, which is final, or something went wrong that may be over at another time.
pub(crate) type Verdict<T> = Result<std::result::Result<T, RefusedRun>>;

impl Session {
    /// Checks a run that the server leased to this node, and opens what it was given for it. The attempt is not noted as
    /// begun yet.
    ///
    /// # Errors
    /// What may be over at another time: an unreachable server, a full disk.
    pub async fn accept_run(&self, of: Attempt) -> Verdict<Accepted> {
        let state = match self.sync(of.space).await {
            Ok(state) => state,
            Err(error @ (Error::Refused(_) | Error::History(_) | Error::Damaged { .. } | Error::KeysChanged(_))) => {
                let code = match &error {
                    Error::Refused(refusal) => refusal.code(),
                    _ => "history",
                };
                return Ok(Err(refused(code, error.to_string())));
            }
            Err(Error::NotFound { .. }) => {
                return Ok(Err(refused(
                    "run-not-authorised",
                    "This node is not authorised in that project.",
                )));
            }
            Err(other) => return Err(other),
        };
        if let Err(refused) = self.serves(&state).await? {
            return Ok(Err(refused));
        }
        let ordered = match self.judge_order(&state, of) {
            Ok(ordered) => ordered.clone(),
            Err(refused) => return Ok(Err(refused)),
        };
        let grant = match self.grant_for(&state, &ordered).await? {
            Ok(grant) => grant,
            Err(refused) => return Ok(Err(refused)),
        };
        Ok(opened(&state, of, &ordered, &grant))
    }

    /// Whether this node serves a space: authorised there, by somebody who is its operator and an owner still.
    async fn serves(&self, state: &Space) -> Verdict<()> {
        let authority = state.authority();
        let Some(node) = authority.nodes().get(&self.principal()) else {
            return Ok(Err(refused(
                "run-not-authorised",
                "This node is not authorised in that project.",
            )));
        };
        if node.bundle != self.keyring().current().bundle().hash || node.until_ms <= self.now_ms() {
            return Ok(Err(refused(
                "run-not-authorised",
                "This node's authorisation is over, or for other keys than it has.",
            )));
        }
        let operator = self
            .operators()
            .await?
            .into_iter()
            .any(|known| known.principal == node.by);
        if !operator || authority.role(node.by) != Some(Role::Owner) {
            return Ok(Err(refused(
                "run-operator",
                "Whoever authorised this node is not one of its operators, or no owner of the project any more. Run `holdfast node trust` with that person's words.",
            )));
        }
        Ok(Ok(()))
    }

    fn judge_order<'s>(&self, state: &'s Space, of: Attempt) -> std::result::Result<&'s OrderedRun, RefusedRun> {
        let authority = state.authority();
        let mine = |run: &&OrderedRun| {
            run.node == self.principal() && run.node_bundle == self.keyring().current().bundle().hash
        };
        let ordered = authority
            .runs()
            .get(&of.run)
            .filter(mine)
            .ok_or_else(|| refused("run-unknown", "No entry of the project orders this run from this node."))?;
        if !authority.stands_behind(ordered) {
            return Err(refused(
                "run-author",
                "Whoever ordered this run may not do so any more.",
            ));
        }
        match ordered.outcome {
            Outcome::Open => {}
            _ => return Err(refused("run-withdrawn", "This run was taken back or is over.")),
        }
        if ordered.until_ms <= self.now_ms() {
            return Err(refused("run-expired", "The time of this run is over."));
        }
        if of.attempt == 0 || of.attempt > ordered.attempts {
            return Err(refused("run-repeated", "This run was begun as often as it may be."));
        }
        Ok(ordered)
    }

    /// The capsule, or, with the whole project, the same made from the project itself.
    async fn grant_for(&self, state: &Space, ordered: &OrderedRun) -> Verdict<Grant> {
        let space = state.authority().space();
        let Some(hash) = ordered.capsule else {
            let found = state.contents().runs().get(&ordered.run);
            let granted = found.map(|run| grant_of(state, &run.spec, &run.key));
            return Ok(granted
                .transpose()
                .map_err(|error| refused("run-input", error.to_string()))
                .and_then(|grant| grant.ok_or_else(|| refused("run-capsule", "This node has no key for this run."))));
        };
        let not_it = || {
            refused(
                "run-capsule",
                "What was sealed for this run is not what its entry names.",
            )
        };
        let bytes = match self.api.capsule(space, ordered.run).await {
            Ok(bytes) => bytes,
            Err(Error::NotFound { .. }) => return Ok(Err(not_it())),
            Err(other) => return Err(other),
        };
        let place = Place {
            space,
            run: ordered.run,
            node: ordered.node_bundle,
            author: ordered.author_bundle,
        };
        let keyring = self.keyring();
        let opened = (Hash::of(&bytes) == hash)
            .then(|| Capsule::from_bytes(&bytes).ok())
            .flatten()
            .and_then(|capsule| capsule.open(place, keyring.current().rsa()).ok());
        Ok(opened.ok_or_else(not_it))
    }

    /// Writes the task (number 0) or an input (1 and up) of a run into a folder that is new.
    ///
    /// # Errors
    /// [`Error::Damaged`] when anything does not fit what was signed.
    pub async fn fetch_granted(
        &self,
        accepted: &Accepted,
        number: usize,
        to: &Path,
        progress: &Arc<dyn Progress>,
        cancel: &CancellationToken,
    ) -> Result<()> {
        let stored = accepted
            .files
            .get(number)
            .ok_or_else(|| Error::Internal("an input that was not granted".into()))?;
        transfer::download(
            &self.pack_server(),
            stored,
            to,
            None,
            Overwrite::Refuse,
            progress,
            cancel,
        )
        .await
        .map(|_| ())
    }

    /// Seals and sends one of a run's outputs. What it became is for the result; what was left out is for the log.
    ///
    /// # Errors
    /// See [`Session::upload`].
    pub async fn send_output(
        &self,
        accepted: &Accepted,
        output: &Output,
        from: &Path,
        spool: &Path,
        progress: &Arc<dyn Progress>,
        cancel: &CancellationToken,
    ) -> Result<(Made, Vec<Skipped>)> {
        let run_key = accepted.key.key();
        let own = || KeyField::new(item_key(run_key, output.item));
        let target = Target {
            space: accepted.of.space,
            item: output.item,
            version: output.version,
            chunk_id_key: accepted.items.get(&output.item).cloned().unwrap_or_else(own),
            previous: None,
            room: holdfast_protocol::limits::PACKS_PER_COMMIT,
            manifest_key: Some(KeyField::new(output_key(run_key, output.version))),
            memo: Vec::new(),
        };
        let journal = self.journal();
        let uploaded = transfer::upload(
            &self.pack_server(),
            &journal,
            &target,
            &[from.to_path_buf()],
            &Options::new(spool.to_path_buf()),
            progress,
            cancel,
        )
        .await?;
        let Content::Files {
            manifest, files, bytes, ..
        } = &uploaded.content
        else {
            return Err(Error::Internal("an output that is no files".into()));
        };
        let made = Made {
            name: output.name.clone(),
            item: output.item,
            version: output.version,
            manifest: MadeManifest {
                pack: manifest.pack,
                offset: manifest.offset,
                length: manifest.length,
                hash: manifest.hash,
            },
            files: *files,
            bytes: *bytes,
            packs: uploaded.added.clone(),
        };
        let skipped = uploaded.report.skipped.clone();
        uploaded.finished(&journal).await?;
        Ok((made, skipped))
    }

    /// Gives up what interrupted attempts had begun to send: a new attempt seals everything anew.
    ///
    /// # Errors
    /// The store's.
    pub async fn forget_unsent(&self, spool: &Path) -> Result<()> {
        let journal = self.journal();
        for pending in transfer::pending(&journal).await? {
            match transfer::abandon(&self.pack_server(), &journal, pending.version, spool).await {
                // Without a lease the server knows nothing of these packs; they go by themselves.
                Ok(()) | Err(Error::NotFound { .. } | Error::NotAllowed(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// Whether a capsule opens with this node's keys at that place.
    #[must_use]
    pub fn opens(&self, capsule: &Capsule, place: Place) -> bool {
        capsule.open(place, self.keyring().current().rsa()).is_ok()
    }

    /// Signs a result as this node and seals it for those who can read the run.
    #[must_use]
    pub fn seal_result(&self, result: RunResult, run_key: &KeyField) -> Vec<u8> {
        let signed = result.sign(self.keyring().current().sign_key());
        signed.seal(&result_key(run_key.key()), &mut rng())
    }
}

/// The rest of the table: the spec says what the entry says, and each grant is what the spec names.
fn opened(
    state: &Space,
    of: Attempt,
    ordered: &OrderedRun,
    grant: &Grant,
) -> std::result::Result<Accepted, RefusedRun> {
    let wrong = || refused("run-spec", "The run's spec is not what its entry says.");
    let (spec, hash) = grant.spec().map_err(|_| wrong())?;
    if hash != ordered.spec || !spec_fits(&spec, ordered, state.authority()) {
        return Err(wrong());
    }
    let named: Vec<Granted> = std::iter::once(spec.task)
        .chain(spec.inputs.iter().map(|input| input.granted))
        .collect();
    let fits = named.len() == grant.files.len()
        && spec.secrets.len() == grant.secrets.len()
        && named
            .iter()
            .zip(&grant.files)
            .all(|(named, file)| named.manifest == file.manifest.hash && file.packs.contains(&file.manifest.pack));
    if !fits {
        return Err(refused(
            "run-input",
            "What was given for this run is not what its spec names.",
        ));
    }
    let files = named
        .iter()
        .zip(&grant.files)
        .map(|(named, file)| Stored {
            space: of.space,
            item: named.item,
            version: named.version,
            manifest: file.manifest.clone(),
            packs: file.packs.clone(),
        })
        .collect();
    Ok(Accepted {
        of,
        hash,
        key: grant.key.clone(),
        secrets: grant.secrets.clone(),
        files,
        items: grant
            .outputs
            .iter()
            .map(|output| (output.item, output.key.clone()))
            .collect(),
        spec,
    })
}

pub(crate) fn refused(code: &str, sentence: impl Into<String>) -> RefusedRun {
    RefusedRun {
        code: code.to_owned(),
        sentence: sentence.into(),
    }
}
