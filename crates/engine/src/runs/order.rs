//! Ordering a run: the spec, the capsule for a node that has nothing else, and the entry.

use holdfast_crypto::Key32;
use holdfast_protocol::KeyField;
use holdfast_protocol::entry::Op;
use holdfast_protocol::id::{Hash, ItemId, PrincipalId, RunId, SpaceId, VersionId};
use holdfast_protocol::item::{Content, Item, ItemKind, Version};
use holdfast_protocol::replay::{AuthorisedNode, BundleSource, Space};
use holdfast_protocol::run::{
    self as run_format, Capsule, FORMAT, FileGrant, Grant, Granted, Limits, NamedInput, Output, OutputKey, OutputKind,
    Parameter, Place, RunBody, RunSpec, SecretEnv, SecretGrant, SecretUse, WorkflowStep,
};

use crate::error::{Error, Result};
use crate::nodes::authorised;
use crate::rng;
use crate::session::Session;
use crate::spaces::{Draft, Sealable};

/// A run to order. Names were found and parameters were checked by the caller.
#[derive(Clone)]
pub struct NewRun {
    /// The node.
    pub node: PrincipalId,
    /// The task and which version of it.
    pub task: (ItemId, VersionId),
    /// `python`, `shell`, `r`, `notebook` or `container`.
    pub runtime: String,
    /// What is started, a path within the task.
    pub entry: String,
    /// Container image with its digest.
    pub image: Option<String>,
    /// Name and canonical value.
    pub parameters: Vec<(String, String)>,
    /// Name, item, version.
    pub inputs: Vec<(String, ItemId, VersionId)>,
    /// Secrets.
    pub secrets: Vec<NewSecretUse>,
    /// What it makes.
    pub outputs: Vec<NewOutput>,
    /// What it may take.
    pub limits: Limits,
    /// Hosts it may reach.
    pub hosts: Vec<String>,
    /// When it may no longer begin or go on, in milliseconds since 1970-01-01 UTC; at most as long as the node.
    pub until_ms: u64,
    /// How often it may be begun.
    pub attempts: u32,
    /// The workflow it is part of.
    pub workflow: Option<(RunId, String)>,
}

/// A secret that the task may use.
#[derive(Clone)]
pub struct NewSecretUse {
    /// The name by which the task knows it.
    pub name: String,
    /// The secret.
    pub item: ItemId,
    /// Environment variables that the task asks for, and the field of each.
    pub env: Vec<(String, String)>,
}

/// Something the run makes.
#[derive(Clone)]
pub struct NewOutput {
    /// Its name.
    pub name: String,
    /// What it becomes.
    pub kind: OutputKind,
    /// Where the task leaves it.
    pub path: String,
}

impl Session {
    /// Orders a run. Its id is drawn here.
    ///
    /// # Errors
    /// [`Error::Missing`] when the node is not authorised, [`Error::NotFound`], [`Error::NotAllowed`].
    pub async fn start_run(&self, space: SpaceId, new: &NewRun) -> Result<RunId> {
        let run = RunId::random(&mut rng());
        let key = KeyField::new(Key32::random(&mut rng()));
        let state = self.sync(space).await?;
        let node = authorised(&state, new.node)?.clone();
        let places = new
            .outputs
            .iter()
            .map(|output| place_of(&state, new.task.0, output))
            .collect::<Vec<_>>();
        let spec = spec_of(&state, new, run, &node, &places)?;
        let capsule = if node.holds_key() {
            None
        } else {
            let grant = grant_of(&state, &spec, &key)?;
            let capsule = self.capsule_for(&state, run, &node, &grant)?;
            self.api.put_capsule(space, run, capsule.clone()).await?;
            Some(Hash::of(&capsule))
        };
        let author = self.counted_bundle(&state)?;
        let (hash, body) = (spec.hash(), RunBody::new(&spec, key));
        self.append(space, |state| {
            let now = authorised(state, new.node)?;
            // The capsule is sealed to one bundle in the name of another, and the spec is what was true then.
            if now.bundle != node.bundle || now.scope != node.scope || self.counted_bundle(state)? != author {
                return Err(Error::Conflict(
                    "The node's keys, or yours, were changed at the same time.".into(),
                ));
            }
            Ok(Draft {
                op: Op::Run {
                    run,
                    node: new.node,
                    node_bundle: node.bundle,
                    spec: hash,
                    capsule,
                    until_ms: spec.until_ms,
                    attempts: spec.attempts,
                },
                body: Some(Sealable::Run(body.clone())),
                opens: None,
            })
        })
        .await?;
        Ok(run)
    }

    /// Takes a run back, or stops it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn withdraw_run(&self, space: SpaceId, run: RunId) -> Result<()> {
        self.append(space, |_| Ok(Draft::authority(Op::WithdrawRun { run })))
            .await
            .map(|_| ())
    }

    fn capsule_for(&self, state: &Space, run: RunId, node: &AuthorisedNode, grant: &Grant) -> Result<Vec<u8>> {
        let bundles = self.bundles();
        let to = bundles
            .bundle(&node.bundle)
            .ok_or_else(|| Error::damaged("the node's keys"))?;
        let place = Place {
            space: state.authority().space(),
            run,
            node: node.bundle,
            author: self.counted_bundle(state)?,
        };
        let capsule = Capsule::seal(grant, place, &to.rsa, &mut rng())
            .map_err(|error| Error::Internal(error.to_string()))?
            .to_bytes();
        if capsule.len() > holdfast_protocol::limits::CAPSULE {
            return Err(Error::Invalid(
                "this run is given more than one run can be given (1 MiB of keys and secrets)".into(),
            ));
        }
        Ok(capsule)
    }
}

fn spec_of(state: &Space, new: &NewRun, run: RunId, node: &AuthorisedNode, outputs: &[Output]) -> Result<RunSpec> {
    let inputs = new
        .inputs
        .iter()
        .map(|(name, item, version)| {
            Ok(NamedInput {
                name: name.clone(),
                granted: granted(state, *item, *version)?,
            })
        })
        .collect::<Result<_>>()?;
    let secrets = new
        .secrets
        .iter()
        .map(|wanted| {
            let version = newest_secret(state, wanted.item)?;
            Ok(SecretUse {
                name: wanted.name.clone(),
                item: wanted.item,
                version: version.id,
                env: wanted
                    .env
                    .iter()
                    .map(|(variable, field)| SecretEnv {
                        variable: variable.clone(),
                        field: field.clone(),
                    })
                    .collect(),
            })
        })
        .collect::<Result<_>>()?;
    Ok(RunSpec {
        format: FORMAT,
        space: state.authority().space(),
        run,
        node: node.fingerprint,
        task: granted(state, new.task.0, new.task.1)?,
        runtime: new.runtime.clone(),
        entry: new.entry.clone(),
        image: new.image.clone(),
        parameters: new
            .parameters
            .iter()
            .map(|(name, value)| Parameter {
                name: name.clone(),
                value: value.clone(),
            })
            .collect(),
        inputs,
        secrets,
        outputs: outputs.to_vec(),
        limits: new.limits,
        hosts: new.hosts.clone(),
        until_ms: new.until_ms.min(node.until_ms),
        attempts: new.attempts,
        workflow: new
            .workflow
            .clone()
            .map(|(workflow, step)| WorkflowStep { workflow, step }),
    })
}

/// What a spec names, out of what this member can read.
///
/// # Errors
/// [`Error::NotFound`] for what is not there any more.
pub(crate) fn grant_of(state: &Space, spec: &RunSpec, key: &KeyField) -> Result<Grant> {
    let files = std::iter::once(&spec.task)
        .chain(spec.inputs.iter().map(|input| &input.granted))
        .map(|granted| file_grant(state, granted.item, granted.version))
        .collect::<Result<_>>()?;
    let secrets = spec
        .secrets
        .iter()
        .map(|used| {
            let (_, version) = version_of(state, used.item, used.version)?;
            let Content::Fields { fields, audience } = &version.content else {
                return Err(gone());
            };
            Ok(SecretGrant {
                fields: fields.clone(),
                audience: audience.clone(),
            })
        })
        .collect::<Result<_>>()?;
    let mut outputs: Vec<OutputKey> = Vec::new();
    for item in spec.outputs.iter().map(|output| output.item) {
        let known = state
            .contents()
            .items()
            .get(&item)
            .and_then(|item| item.chunk_id_key.clone());
        if outputs.iter().all(|output| output.item != item)
            && let Some(key) = known
        {
            outputs.push(OutputKey { item, key });
        }
    }
    Ok(Grant::new(spec, key.clone(), files, secrets, outputs))
}

/// What a task makes under one name becomes versions of one item: its id follows from the task's, so that runs which are
/// ordered before any of them has ended agree on it.
fn place_of(state: &Space, task: ItemId, output: &NewOutput) -> Output {
    let kind = output.kind.item_kind();
    let agreed = run_format::output_item(state.authority().space(), task, output.kind, &output.name);
    let contents = state.contents();
    let usable = !contents.is_purged(&agreed) && contents.items().get(&agreed).is_none_or(|item| item.kind == kind);
    Output {
        name: output.name.clone(),
        kind: output.kind,
        path: output.path.clone(),
        item: if usable { agreed } else { ItemId::random(&mut rng()) },
        version: VersionId::random(&mut rng()),
    }
}

fn granted(state: &Space, item: ItemId, version: VersionId) -> Result<Granted> {
    let grant = file_grant(state, item, version)?;
    Ok(Granted {
        item,
        version,
        manifest: grant.manifest.hash,
    })
}

pub(crate) fn file_grant(state: &Space, item: ItemId, version: VersionId) -> Result<FileGrant> {
    match &version_of(state, item, version)?.1.content {
        Content::Files { manifest, packs, .. } => Ok(FileGrant {
            manifest: manifest.clone(),
            packs: packs.clone(),
        }),
        _ => Err(gone()),
    }
}

fn version_of(state: &Space, item: ItemId, version: VersionId) -> Result<(&Item, &Version)> {
    let item = state.contents().items().get(&item).ok_or_else(gone)?;
    let version = item
        .versions
        .iter()
        .find(|known| known.id == version)
        .ok_or_else(gone)?;
    Ok((item, version))
}

fn newest_secret(state: &Space, item: ItemId) -> Result<&Version> {
    let item = state
        .contents()
        .items()
        .get(&item)
        .filter(|item| item.kind == ItemKind::Secret);
    item.and_then(|item| item.versions.last()).ok_or_else(gone)
}

fn gone() -> Error {
    Error::Missing("Something that the run needs is not in the project any more.".into())
}
