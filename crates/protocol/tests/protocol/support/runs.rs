//! Nodes and runs: the honest next entry for each of their ops, and what a node makes of a run.

use holdfast_protocol::KeyField;
use holdfast_protocol::entry::{NodeScope, Op, PackSize};
use holdfast_protocol::id::{Hash, ItemId, PackId, PrincipalId, RunId, SpaceId, VersionId};
use holdfast_protocol::item::{Audience, Content, Field, Item, ItemKind, ManifestRef};
use holdfast_protocol::replay::content_of;
use holdfast_protocol::run::{
    AdoptBody, Attempt, Capsule, End, FORMAT, FileGrant, Grant, Granted, Limits, Made, MadeManifest, NamedInput,
    Output, OutputKey, OutputKind, Parameter, Place, RunBody, RunResult, RunSpec, STREAMS, SecretEnv, SecretGrant,
    SecretUse, SignedResult, StreamEnd, WorkflowStep,
};

use super::log::{Draft, Log, RunPart, wrap};
use super::people::Keys;
use super::rng::TestRng;
use super::streams::hash_of;
use super::things::{files, item, key, pack, text, version};

/// When nodes and runs end.
pub(crate) const UNTIL: u64 = 1_700_000_100_000;
/// After that.
pub(crate) const LATER: u64 = 1_700_000_200_000;

pub(crate) fn task(id: u8, author: PrincipalId, pack: u8) -> Item {
    item(id, ItemKind::Task, "Train", vec![version(id, author, files(pack))])
}

fn granted(byte: u8) -> Granted {
    Granted {
        item: ItemId([byte; 16]),
        version: VersionId([byte; 16]),
        manifest: Hash([byte; 32]),
    }
}

/// Task 2 on dataset 1, with one output: item, version, pack and key are of the run's byte.
pub(crate) fn spec(space: SpaceId, node: &Keys, run: u8) -> RunSpec {
    RunSpec {
        format: FORMAT,
        space,
        run: RunId([run; 16]),
        node: node.bundle.fingerprint,
        task: granted(2),
        runtime: "python".to_owned(),
        entry: "train.py".to_owned(),
        image: None,
        parameters: vec![Parameter {
            name: "rate".to_owned(),
            value: "0.5".to_owned(),
        }],
        inputs: vec![NamedInput {
            name: "scans".to_owned(),
            granted: granted(1),
        }],
        secrets: vec![SecretUse {
            name: "git".to_owned(),
            item: ItemId([3; 16]),
            version: VersionId([3; 16]),
            env: vec![SecretEnv {
                variable: "GIT_TOKEN".to_owned(),
                field: "token".to_owned(),
            }],
        }],
        outputs: vec![output("model", OutputKind::Model, run)],
        limits: Limits {
            seconds: 3_600,
            memory: 1 << 30,
            milli_cpus: 2_000,
            processes: 64,
            disk: 1 << 30,
            log: 1 << 20,
        },
        hosts: vec!["git.example.org:443".to_owned()],
        until_ms: UNTIL,
        attempts: 2,
        workflow: Some(WorkflowStep {
            workflow: RunId([0x77; 16]),
            step: "train".to_owned(),
        }),
    }
}

pub(crate) fn output(name: &str, kind: OutputKind, byte: u8) -> Output {
    Output {
        name: name.to_owned(),
        kind,
        path: format!("{name}.bin"),
        item: ItemId([byte; 16]),
        version: VersionId([byte; 16]),
    }
}

pub(crate) fn run_key(run: RunId) -> KeyField {
    key(run.as_bytes()[0])
}

pub(crate) fn place(spec: &RunSpec, author: &Keys, node: &Keys) -> Place {
    Place {
        space: spec.space,
        run: spec.run,
        node: node.hash(),
        author: author.hash(),
    }
}

pub(crate) fn grant(spec: &RunSpec) -> Grant {
    let file = |byte: u8| FileGrant {
        manifest: ManifestRef {
            pack: PackId([byte; 16]),
            offset: 0,
            length: 4_096,
            hash: Hash([byte; 32]),
            key: key(byte),
        },
        packs: vec![PackId([byte; 16])],
    };
    let secret = SecretGrant {
        fields: vec![Field {
            name: "token".to_owned(),
            value: text("hunter2"),
        }],
        audience: Audience {
            host: "git.example.org".to_owned(),
            account: "team".to_owned(),
            purpose: String::new(),
        },
    };
    let keys = spec.outputs.iter().map(|output| OutputKey {
        item: output.item,
        key: key(output.item.as_bytes()[0]),
    });
    Grant::new(
        spec,
        run_key(spec.run),
        vec![file(2), file(1)],
        vec![secret],
        keys.collect(),
    )
}

pub(crate) fn capsule(spec: &RunSpec, author: &Keys, node: &Keys) -> Capsule {
    let mut rng = TestRng::new(0xCA_55 ^ u64::from(spec.run.as_bytes()[0]));
    Capsule::seal(&grant(spec), place(spec, author, node), node.rsa.public(), &mut rng).unwrap()
}

pub(crate) fn attempt(spec: &RunSpec) -> Attempt {
    Attempt {
        space: spec.space,
        run: spec.run,
        attempt: 1,
    }
}

pub(crate) fn made(spec: &RunSpec) -> Vec<Made> {
    let one = |output: &Output| {
        let pack = pack(output.version.as_bytes()[0]);
        Made {
            name: output.name.clone(),
            item: output.item,
            version: output.version,
            manifest: MadeManifest {
                pack: pack.id,
                offset: 16,
                length: 2_048,
                hash: Hash([output.version.as_bytes()[0]; 32]),
            },
            files: 1,
            bytes: 9,
            packs: vec![pack],
        }
    };
    spec.outputs.iter().map(one).collect()
}

/// What an honest node says, before it signs.
pub(crate) fn result(spec: &RunSpec, end: End) -> RunResult {
    let ends = STREAMS.map(|stream| {
        let after = hash_of(spec, stream);
        StreamEnd {
            stream: stream.name().to_owned(),
            boxes: after.boxes,
            hash: after.hash,
        }
    });
    RunResult {
        format: FORMAT,
        space: spec.space,
        run: spec.run,
        attempt: 1,
        spec: spec.hash(),
        inputs: spec.inputs.iter().map(|input| input.granted.manifest).collect(),
        made: if end == End::Succeeded { made(spec) } else { Vec::new() },
        streams: ends.to_vec(),
        end,
        exit_code: (end == End::Succeeded).then_some(0),
        started_ms: 1_700_000_000_500,
        ended_ms: 1_700_000_000_900,
        sentence: "Done.".to_owned(),
    }
}

/// The item that an output makes when there is none yet.
pub(crate) fn made_item(made: &Made, kind: OutputKind, key: &KeyField, author: PrincipalId) -> Item {
    let byte = made.item.as_bytes()[0];
    let new = version(made.version.as_bytes()[0], author, content_of(made, key));
    item(byte, kind.item_kind(), "Made", vec![new])
}

/// The honest adoption of a result, each output in a new item.
pub(crate) fn adopted(log: &Log, by: &'static Keys, spec: &RunSpec, result: &SignedResult) -> Draft {
    let made = &result.result.made;
    let put = made.iter().zip(&spec.outputs);
    let put = put.map(|(made, output)| made_item(made, output.kind, &run_key(spec.run), by.principal()));
    let mut packs: Vec<_> = made.iter().flat_map(|made| made.packs.clone()).collect();
    packs.dedup();
    log.adopt(by, spec.run, &packs, result, put.collect())
}

/// Where an output's manifest lies, to twist it.
pub(crate) fn manifest_of(item: &mut Item) -> &mut ManifestRef {
    let last = item.versions.last_mut().unwrap();
    let Content::Files { manifest, .. } = &mut last.content else {
        panic!("holds no files")
    };
    manifest
}

impl Log {
    pub(crate) fn authorise(&self, by: &'static Keys, node: &Keys, scope: NodeScope, until_ms: u64) -> Draft {
        let wrapped = self.encrypted() && scope == NodeScope::Project;
        let wrap = wrapped.then(|| wrap(by, node.hash(), self.space(), self.state.epoch(), &self.current()));
        let op = Op::AuthoriseNode {
            principal: node.principal(),
            bundle: node.hash(),
            fingerprint: node.bundle.fingerprint,
            scope,
            until_ms,
            wrap,
        };
        self.draft(by, op, None)
    }

    pub(crate) fn withdraw_node(&self, by: &'static Keys, principal: PrincipalId) -> Draft {
        let held = self.state.nodes().get(&principal).is_some_and(|node| node.holds_key());
        if !held || !self.encrypted() {
            return self.draft(by, Op::WithdrawNode { principal, epoch: None }, None);
        }
        self.opener_for(by, principal)
    }

    /// A withdrawal that opens an epoch, whether it should or not.
    pub(crate) fn opener_for(&self, by: &'static Keys, principal: PrincipalId) -> Draft {
        self.opener(by, Some(principal), |start| Op::WithdrawNode {
            principal,
            epoch: Some(start),
        })
    }

    pub(crate) fn order(&self, by: &'static Keys, node: &Keys, spec: &RunSpec, capsule: Option<&Capsule>) -> Draft {
        let op = Op::Run {
            run: spec.run,
            node: node.principal(),
            node_bundle: node.hash(),
            spec: spec.hash(),
            capsule: capsule.map(|capsule| Hash::of(&capsule.to_bytes())),
            until_ms: spec.until_ms,
            attempts: spec.attempts,
        };
        let mut draft = self.draft(by, op, None);
        draft.run = Some(RunPart::Order(RunBody::new(spec, run_key(spec.run))));
        draft
    }

    pub(crate) fn withdraw_run(&self, by: &'static Keys, run: RunId) -> Draft {
        self.draft(by, Op::WithdrawRun { run }, None)
    }

    pub(crate) fn adopt(
        &self,
        by: &'static Keys,
        run: RunId,
        added: &[PackSize],
        result: &SignedResult,
        put: Vec<Item>,
    ) -> Draft {
        let added = added.to_vec();
        let mut draft = self.draft(by, Op::Adopt { run, added }, None);
        let result = result.as_bytes().to_vec().into();
        draft.run = Some(RunPart::Adopt(AdoptBody { result, put }));
        draft
    }
}
