//! A space as a client keeps it: just enough to write real entries.

use holdfast_crypto::Key32;
use holdfast_protocol::entry::{
    Body, Core, Entry, EpochStart, FORMAT, Op, PackSize, Role, SignedEntry, SpaceKind, Wrap, epoch_commitment,
};
use holdfast_protocol::id::{Hash, PackId, SpaceId};
use holdfast_protocol::wire::{Append, B64, SignUp};
use holdfast_protocol::{KeyField, context};
use reqwest::StatusCode;

use crate::people::{Person, rng};
use crate::server::{Body as Answer, Client};

#[derive(Clone)]
pub struct Space {
    pub id: SpaceId,
    pub genesis: SignedEntry,
    pub seq: u64,
    pub head: Hash,
    pub auth: Hash,
    epoch: u32,
    key: KeyField,
    encrypted: bool,
}

impl Space {
    pub fn vault(owner: &Person) -> Self {
        Self::begin(owner, SpaceKind::Vault, true, Body::default())
    }

    pub fn project(owner: &Person) -> Self {
        Self::begin(owner, SpaceKind::Project, true, named("A project"))
    }

    pub fn begin(owner: &Person, kind: SpaceKind, encrypted: bool, body: Body) -> Self {
        let key = KeyField::new(Key32::random(&mut rng()));
        let core = Core {
            format: FORMAT,
            kind,
            encrypted,
            creator: owner.principal,
            creator_fingerprint: owner.bundle.fingerprint,
            random: Hash(*Key32::random(&mut rng()).expose()),
            created_ms: 1,
            open_key: (!encrypted).then(|| key.clone()),
        };
        let id = core.space_id();
        let epoch = encrypted.then(|| start(id, 0, &key, owner, &[owner]));
        let body = body.seal(key.key(), id, 0, 0, Hash::ZERO, &mut rng());
        let entry = Entry {
            format: FORMAT,
            space: id,
            seq: 0,
            prev: Hash::ZERO,
            auth: Hash::ZERO,
            epoch: 0,
            author: owner.principal,
            author_bundle: owner.bundle_hash(),
            time_ms: 1,
            op: Op::Genesis { core, epoch },
            body: Some(body),
            head: None,
        };
        let genesis = entry.sign(owner.sign_key()).unwrap();
        Self {
            id,
            seq: 0,
            head: genesis.hash,
            auth: genesis.hash,
            epoch: 0,
            key,
            encrypted,
            genesis,
        }
    }

    pub fn sign_up(&self, person: &Person) -> SignUp {
        SignUp {
            bundle: B64(person.signed.clone()),
            vault: B64(self.genesis.as_bytes().to_vec()),
            recovery: None,
        }
    }

    /// Sends the genesis entry of a project.
    pub async fn create(&self, client: &Client) -> (StatusCode, Answer) {
        client.post("/v1/spaces", &append(&self.genesis)).await
    }

    /// The next entry, unsigned. `body` is sealed for its place.
    pub fn next(&self, author: &Person, op: Op, body: Option<Body>) -> Entry {
        let opens = matches!(op, Op::Rotate { .. } | Op::Remove { epoch: Some(_), .. });
        let epoch = self.epoch + u32::from(opens);
        let seq = self.seq + 1;
        Entry {
            format: FORMAT,
            space: self.id,
            seq,
            prev: self.head,
            auth: self.auth,
            epoch,
            author: author.principal,
            author_bundle: author.bundle_hash(),
            time_ms: 1,
            op,
            body: body.map(|body| body.seal(self.key.key(), self.id, epoch, seq, self.head, &mut rng())),
            head: None,
        }
    }

    pub fn commit(&self, author: &Person) -> Entry {
        self.next(
            author,
            Op::Commit {
                added: vec![],
                dropped: vec![],
            },
            Some(Body::default()),
        )
    }

    pub fn commit_packs(&self, author: &Person, added: &[(PackId, u64)], dropped: &[PackId]) -> Entry {
        let added = added.iter().map(|&(id, bytes)| PackSize { id, bytes }).collect();
        self.next(
            author,
            Op::Commit {
                added,
                dropped: dropped.to_vec(),
            },
            Some(Body::default()),
        )
    }

    pub fn add(&self, author: &Person, whom: &Person, role: Role) -> Entry {
        let wrap = self
            .encrypted
            .then(|| wrap(self.id, self.epoch, &self.key, author, whom));
        let op = Op::Add {
            principal: whom.principal,
            bundle: whom.bundle_hash(),
            fingerprint: whom.bundle.fingerprint,
            role,
            wrap,
        };
        self.next(author, op, None)
    }

    /// This epoch's key.
    pub fn key(&self) -> &KeyField {
        &self.key
    }

    /// This epoch's key for somebody.
    pub fn wrap_for(&self, author: &Person, whom: &Person) -> Wrap {
        wrap(self.id, self.epoch, &self.key, author, whom)
    }

    pub fn rewrap(&self, author: &Person) -> Entry {
        let wrap = self
            .encrypted
            .then(|| wrap(self.id, self.epoch, &self.key, author, author));
        self.next(author, Op::Rewrap { wrap }, None)
    }

    /// Puts somebody out; `left` are those who stay. The new epoch's key takes effect with [`Space::follow`].
    pub fn remove(&mut self, author: &Person, whom: &Person, left: &[&Person]) -> Entry {
        let previous = std::mem::replace(&mut self.key, KeyField::new(Key32::random(&mut rng())));
        let epoch = start(self.id, self.epoch + 1, &self.key, author, left);
        let body = Body {
            previous_key: Some(previous),
            ..Body::default()
        };
        self.next(
            author,
            Op::Remove {
                principal: whom.principal,
                epoch: Some(epoch),
            },
            Some(body),
        )
    }

    /// Goes on after an entry that was accepted.
    pub fn follow(&mut self, signed: &SignedEntry) {
        self.seq = signed.entry.seq;
        self.head = signed.hash;
        self.epoch = signed.entry.epoch;
        if signed.entry.op.is_authority() {
            self.auth = signed.hash;
        }
    }

    /// Signs, sends and, if accepted, follows.
    pub async fn send(&mut self, client: &Client, author: &Person, entry: Entry) -> (StatusCode, Answer) {
        let signed = entry.sign(author.sign_key()).unwrap();
        let answer = self.send_signed(client, &signed).await;
        if answer.0 == StatusCode::CREATED {
            self.follow(&signed);
        }
        answer
    }

    /// Sends an entry as it is.
    pub async fn send_signed(&self, client: &Client, signed: &SignedEntry) -> (StatusCode, Answer) {
        client.post(&self.path("entries"), &append(signed)).await
    }

    /// Signs and sends what must be accepted.
    pub async fn must(&mut self, client: &Client, author: &Person, entry: Entry) {
        let (status, answer) = self.send(client, author, entry).await;
        assert_eq!(status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&answer.0));
    }

    pub fn path(&self, rest: &str) -> String {
        format!("/v1/spaces/{}/{rest}", self.id)
    }
}

pub fn append(signed: &SignedEntry) -> Append {
    Append {
        entry: B64(signed.as_bytes().to_vec()),
    }
}

pub fn named(name: &str) -> Body {
    Body {
        name: Some(name.into()),
        ..Body::default()
    }
}

fn wrap(space: SpaceId, epoch: u32, key: &KeyField, author: &Person, whom: &Person) -> Wrap {
    let context = context::epoch_wrap(space, epoch, whom.bundle_hash(), author.bundle_hash());
    Wrap {
        recipient: whom.principal,
        bundle: whom.bundle_hash(),
        ciphertext: whom.wrap(&context, key.key()),
    }
}

fn start(space: SpaceId, epoch: u32, key: &KeyField, author: &Person, to: &[&Person]) -> EpochStart {
    EpochStart {
        commitment: epoch_commitment(key.key(), space, epoch),
        wraps: to.iter().map(|whom| wrap(space, epoch, key, author, whom)).collect(),
    }
}
