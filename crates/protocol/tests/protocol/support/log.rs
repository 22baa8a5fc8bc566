//! A log and the honest next entry for every op. A test takes a [`Draft`], twists one thing and asks for the verdict.

use holdfast_protocol::entry::{
    Body, Core, Entry, EpochStart, FORMAT, Op, PackSize, Role, SignedEntry, SpaceKind, Wrap, epoch_commitment,
    seal_body,
};
use holdfast_protocol::id::{Hash, PackId, PrincipalId, SpaceId};
use holdfast_protocol::replay::{Authority, Space};
use holdfast_protocol::run::{AdoptBody, RunBody};
use holdfast_protocol::{KeyField, Refusal, context};

use super::people::{Keys, Person, directory, keys_of};
use super::rng::TestRng;
use super::things::rename;
use super::verdicts;

/// The sealed part that runs have instead of a [`Body`].
#[derive(Clone)]
pub(crate) enum RunPart {
    Order(RunBody),
    Adopt(AdoptBody),
}

/// An entry that is not sealed and signed yet.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) entry: Entry,
    pub(crate) body: Option<Body>,
    /// The sealed part of orders and adoptions.
    pub(crate) run: Option<RunPart>,
    /// What the body is sealed under; the new key when the entry opens an epoch.
    pub(crate) key: KeyField,
    /// Whose Ed25519 key signs.
    pub(crate) signer: &'static Keys,
}

impl Draft {
    /// Seals and signs. The same draft always gives the same bytes.
    pub(crate) fn finish(&self) -> SignedEntry {
        let mut entry = self.entry.clone();
        let mut rng = TestRng::new(0xB0D1 ^ entry.seq);
        entry.body = self.body.as_ref().map(|body| {
            body.seal(
                self.key.key(),
                entry.space,
                entry.epoch,
                entry.seq,
                entry.prev,
                &mut rng,
            )
        });
        if let Some(part) = &self.run {
            let place = context::entry_body(entry.space, entry.epoch, entry.seq, entry.prev);
            entry.body = Some(match part {
                RunPart::Order(body) => seal_body(body, self.key.key(), &place, &mut rng),
                RunPart::Adopt(body) => seal_body(body, self.key.key(), &place, &mut rng),
            });
        }
        entry.sign(&self.signer.sign).unwrap()
    }

    pub(crate) fn start(&mut self) -> &mut EpochStart {
        match &mut self.entry.op {
            Op::Genesis { epoch: Some(start), .. }
            | Op::Remove { epoch: Some(start), .. }
            | Op::WithdrawNode { epoch: Some(start), .. }
            | Op::Rotate { epoch: start } => start,
            _ => panic!("opens no epoch"),
        }
    }

    pub(crate) fn body(&mut self) -> &mut Body {
        self.body.as_mut().expect("has a body")
    }

    pub(crate) fn adopt(&mut self) -> &mut AdoptBody {
        let Some(RunPart::Adopt(body)) = &mut self.run else {
            panic!("adopts nothing")
        };
        body
    }

    pub(crate) fn core(&mut self) -> &mut Core {
        let Op::Genesis { core, .. } = &mut self.entry.op else {
            panic!("not a genesis entry")
        };
        core
    }

    /// After a change of the core: the space's new name everywhere it is used.
    pub(crate) fn rename_space(&mut self) {
        let space = self.core().space_id();
        self.entry.space = space;
        if let Op::Genesis { epoch: Some(start), .. } = &mut self.entry.op {
            *start = epoch_start(self.signer, space, 0, &self.key, &[self.signer.hash()]);
        }
    }
}

/// A wrap as an honest author makes it.
pub(crate) fn wrap(author: &Keys, recipient: Hash, space: SpaceId, epoch: u32, key: &KeyField) -> Wrap {
    let to = keys_of(recipient);
    let context = context::epoch_wrap(space, epoch, recipient, author.hash());
    let mut rng = TestRng::new(u64::from(to.root) << 32 | u64::from(epoch));
    let ciphertext = to.rsa.public().wrap_key(&context, key.key(), &mut rng).unwrap();
    Wrap {
        recipient: to.principal(),
        bundle: recipient,
        ciphertext,
    }
}

fn epoch_start(author: &Keys, space: SpaceId, epoch: u32, key: &KeyField, members: &[Hash]) -> EpochStart {
    EpochStart {
        commitment: epoch_commitment(key.key(), space, epoch),
        wraps: members
            .iter()
            .map(|&member| wrap(author, member, space, epoch, key))
            .collect(),
    }
}

/// Entry 0 as an honest creator makes it.
pub(crate) fn genesis(kind: SpaceKind, encrypted: bool, by: &'static Keys) -> Draft {
    let mut rng = TestRng::new(u64::from(by.root));
    let key = rng.key();
    let core = Core {
        format: FORMAT,
        kind,
        encrypted,
        creator: by.principal(),
        creator_fingerprint: by.bundle.fingerprint,
        random: Hash(*rng.key().key().expose()),
        created_ms: 1_700_000_000_000,
        open_key: (!encrypted).then(|| key.clone()),
    };
    let space = core.space_id();
    let epoch = encrypted.then(|| epoch_start(by, space, 0, &key, &[by.hash()]));
    let entry = Entry {
        format: FORMAT,
        space,
        seq: 0,
        prev: Hash::ZERO,
        auth: Hash::ZERO,
        epoch: 0,
        author: by.principal(),
        author_bundle: by.hash(),
        time_ms: 1_700_000_000_000,
        op: Op::Genesis { core, epoch },
        body: None,
        head: None,
    };
    Draft {
        entry,
        body: Some(rename("Scans of the year")),
        run: None,
        key,
        signer: by,
    }
}

/// An honest log, its state and all its epoch keys.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) state: Authority,
    pub(crate) entries: Vec<SignedEntry>,
    pub(crate) keys: Vec<KeyField>,
}

impl Log {
    pub(crate) fn begin(draft: &Draft) -> Self {
        let first = draft.finish();
        let state = Authority::genesis(first.entry.space, &first, directory()).unwrap();
        Self {
            state,
            entries: vec![first],
            keys: vec![draft.key.clone()],
        }
    }

    pub(crate) fn project(by: &'static Keys) -> Self {
        Self::begin(&genesis(SpaceKind::Project, true, by))
    }

    pub(crate) fn standard(by: &'static Keys) -> Self {
        Self::begin(&genesis(SpaceKind::Project, false, by))
    }

    pub(crate) fn vault(by: &'static Keys) -> Self {
        Self::begin(&genesis(SpaceKind::Vault, true, by))
    }

    pub(crate) fn space(&self) -> SpaceId {
        self.state.space()
    }

    /// Adds an entry that must be accepted.
    pub(crate) fn push(&mut self, draft: &Draft) -> &mut Self {
        let signed = draft.finish();
        self.state.apply(&signed, directory()).unwrap();
        if self.keys.len() <= usize::try_from(self.state.epoch()).unwrap() {
            self.keys.push(draft.key.clone());
        }
        self.entries.push(signed);
        self
    }

    pub(crate) fn read_as(&self, reader: &Person) -> Result<Space, Refusal> {
        Space::replay(self.space(), reader.principal(), &self.entries, directory(), reader)
    }

    /// What a client says to this log with one more entry.
    pub(crate) fn verdict(&self, next: &SignedEntry, reader: &Person) -> Result<Space, Refusal> {
        let mut entries = self.entries.clone();
        entries.push(next.clone());
        let verdict = Space::replay(self.space(), reader.principal(), &entries, directory(), reader);
        let refusal = verdict.as_ref().err().copied();
        verdicts::note(self.space(), reader.principal(), &entries, refusal);
        verdict
    }

    /// The next entry of `by` with this op and body, in the current epoch.
    pub(crate) fn draft(&self, by: &'static Keys, op: Op, body: Option<Body>) -> Draft {
        let seq = self.state.seq() + 1;
        let entry = Entry {
            format: FORMAT,
            space: self.space(),
            seq,
            prev: self.state.head(),
            auth: self.state.auth_head(),
            epoch: self.state.epoch(),
            author: by.principal(),
            author_bundle: by.hash(),
            time_ms: 1_700_000_000_000 + seq,
            op,
            body: None,
            head: None,
        };
        Draft {
            entry,
            body,
            run: None,
            key: self.current(),
            signer: by,
        }
    }

    pub(crate) fn current(&self) -> KeyField {
        self.keys.last().unwrap().clone()
    }

    pub(crate) fn encrypted(&self) -> bool {
        self.state.core().encrypted
    }

    pub(crate) fn add(&self, by: &'static Keys, who: &Keys, role: Role) -> Draft {
        let wrap = self
            .encrypted()
            .then(|| wrap(by, who.hash(), self.space(), self.state.epoch(), &self.current()));
        let (principal, bundle, fingerprint) = (who.principal(), who.hash(), who.bundle.fingerprint);
        self.draft(
            by,
            Op::Add {
                principal,
                bundle,
                fingerprint,
                role,
                wrap,
            },
            None,
        )
    }

    pub(super) fn opener(
        &self,
        by: &'static Keys,
        without: Option<PrincipalId>,
        op: impl Fn(EpochStart) -> Op,
    ) -> Draft {
        let epoch = self.state.epoch() + 1;
        let key = TestRng::new(0xE90C + u64::from(epoch)).key();
        let members: Vec<Hash> = self
            .state
            .recipients(1_700_000_000_001 + self.state.seq())
            .into_iter()
            .filter(|(principal, _)| Some(*principal) != without)
            .map(|(_, bundle)| bundle)
            .collect();
        let start = epoch_start(by, self.space(), epoch, &key, &members);
        let body = Body {
            previous_key: Some(self.current()),
            ..Body::default()
        };
        let mut draft = self.draft(by, op(start), Some(body));
        draft.entry.epoch = epoch;
        draft.key = key;
        draft
    }

    pub(crate) fn remove(&self, by: &'static Keys, who: PrincipalId) -> Draft {
        if !self.encrypted() {
            return self.draft(
                by,
                Op::Remove {
                    principal: who,
                    epoch: None,
                },
                None,
            );
        }
        self.opener(by, Some(who), |start| Op::Remove {
            principal: who,
            epoch: Some(start),
        })
    }

    pub(crate) fn rotate(&self, by: &'static Keys) -> Draft {
        self.opener(by, None, |epoch| Op::Rotate { epoch })
    }

    pub(crate) fn leave(&self, by: &'static Keys) -> Draft {
        self.draft(by, Op::Leave {}, None)
    }

    pub(crate) fn set_role(&self, by: &'static Keys, principal: PrincipalId, role: Role) -> Draft {
        self.draft(by, Op::SetRole { principal, role }, None)
    }

    /// `by` is the newer bundle.
    pub(crate) fn rewrap(&self, by: &'static Keys) -> Draft {
        let wrap = self
            .encrypted()
            .then(|| wrap(by, by.hash(), self.space(), self.state.epoch(), &self.current()));
        self.draft(by, Op::Rewrap { wrap }, None)
    }

    pub(crate) fn commit(&self, by: &'static Keys, body: Body) -> Draft {
        self.packs(by, &[], &[], body)
    }

    pub(crate) fn packs(&self, by: &'static Keys, added: &[PackSize], dropped: &[PackId], body: Body) -> Draft {
        self.draft(
            by,
            Op::Commit {
                added: added.to_vec(),
                dropped: dropped.to_vec(),
            },
            Some(body),
        )
    }
}
