//! Being a node: enrolling, the people whom it takes orders through, and what it noted of its runs.
//!
//! A node is a principal without a vault: everything it has to remember is on the computer it is.

use holdfast_crypto::rsa::Bits;
use holdfast_crypto::{KdfRecord, Key32, Phrase, parse_words, security_words};
use holdfast_protocol::bundle::{PrincipalKind, valid_handle};
use holdfast_protocol::id::{Hash, PrincipalId};
use holdfast_protocol::run::{Attempt, Card};
use holdfast_protocol::wire::EnrolNode;
use holdfast_protocol::{cbor, limits};
use minicbor::{Decode, Encode};

use crate::account::{self, Account, NO_VAULT};
use crate::api::Api;
use crate::error::{Error, Result};
use crate::identity::{Identity, Keyring, NewIdentity};
use crate::ports::Change;
use crate::rng;
use crate::session::{Host, Session, derive};
use crate::signup::refuse_taken;

const OPERATORS: &str = "operators";
const ATTEMPTS: &str = "attempts";

/// A row of a node's own.
#[derive(Clone, Copy)]
pub struct Note<'a> {
    /// Its table.
    pub table: &'static str,
    /// Its key.
    pub key: &'a [u8],
    /// What is in it; without, there is no such row any more.
    pub row: Option<&'a [u8]>,
}

/// What a new node is made from.
pub struct NewNode<'a> {
    /// Its name, by which it signs in: lowercase, without spaces.
    pub name: &'a str,
    /// The token that a person drew.
    pub token: &'a str,
    /// The node secret.
    pub secret: &'a Phrase,
    /// Modulus size.
    pub bits: Bits,
    /// Cost of a guess.
    pub log2_n: u8,
}

/// Somebody whose authorisations this node follows. Later keys of his must continue those whose words were typed: the chain
/// that is kept with them is never given up for another.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Operator {
    /// Who.
    #[n(1)]
    pub principal: PrincipalId,
    /// The handle.
    #[n(2)]
    pub handle: String,
    /// The fingerprint whose words were typed here.
    #[n(3)]
    pub fingerprint: Hash,
}

impl Session {
    /// Makes this profile a node: derives its pair, checks it, and registers it with the token.
    ///
    /// # Errors
    /// [`Error::ProfileTaken`], [`Error::AlreadyExists`] when the name is taken, [`Error::Unreachable`], and
    /// [`Error::Server`] `signed-out` when the token is used or over.
    pub async fn enrol(host: Host, new: NewNode<'_>) -> Result<Self> {
        refuse_taken(&host).await?;
        if !valid_handle(new.name) {
            return Err(Error::Invalid(
                "a node's name is lowercase printable text without spaces, for example gpu-box".into(),
            ));
        }
        let api = Api::anonymous(host.transport.clone());
        api.info().await?;
        let kdf = KdfRecord::make(new.log2_n, &mut rng()).map_err(|error| Error::Invalid(error.to_string()))?;
        let prk = derive(new.secret, &kdf).await?;
        let principal = PrincipalId::random(&mut rng());
        let (handle, bits, created_ms) = (new.name.to_owned(), new.bits, host.clock.now_ms());
        let (identity, signed) = tokio::task::spawn_blocking(move || {
            let new = NewIdentity {
                kind: PrincipalKind::Node,
                principal,
                handle: &handle,
                bits,
                created_ms,
            };
            Identity::create(prk, &kdf, &new, None)
        })
        .await
        .map_err(|error| Error::Internal(error.to_string()))??;
        let message = EnrolNode {
            token: new.token.to_owned(),
            bundle: signed.to_bytes().into(),
        };
        let account = Account {
            format: account::format(host.transport.pin()),
            server: host.transport.origin().to_owned(),
            server_key: host.transport.pin(),
            handle: new.name.to_owned(),
            principal,
            vault: NO_VAULT,
            chain: vec![message.bundle.clone()],
            links: Vec::new(),
        };
        let device_key = Key32::random(&mut rng());
        let rows = account.rows(identity.prk(), &device_key)?;
        api.enrol(&message).await.map_err(|error| match error {
            Error::Server { code, .. } if code == holdfast_protocol::wire::code::SIGNED_OUT => {
                Error::NotAllowed("this token is over or was used before".into())
                    .advise("Ask for another one: `holdfast node invite`.")
            }
            other => other,
        })?;
        host.store.write(rows).await?;
        let chain = account.bundles()?;
        let keyring = Keyring::open(identity, &chain, &account.links)?;
        Ok(Self::assemble(host, account, keyring, device_key, chain))
    }

    /// Whether this is a node.
    #[must_use]
    pub fn is_node(&self) -> bool {
        self.keyring().current().bundle().bundle.kind == PrincipalKind::Node
    }

    /// Takes somebody as an operator whose six words were typed at this computer.
    ///
    /// # Errors
    /// [`Error::Invalid`] when they are not six words, [`Error::KeysChanged`] when they are other words.
    pub async fn take_operator(&self, handle: &str, words: &str) -> Result<Operator> {
        let told = parse_words(words)
            .ok_or_else(|| Error::Invalid("security words are six words of the list; check the spelling".into()))?;
        let shown = self.to_compare(PrincipalKind::User, handle).await?;
        let bundle = &shown.person.bundle;
        if security_words(&bundle.fingerprint.0) != told {
            self.forget_unused(handle).await?;
            return Err(Error::KeysChanged(format!(
                "Those are not the words of the keys that the server shows for {handle}. Somebody may be pretending to be {handle}."
            )));
        }
        let operator = Operator {
            principal: bundle.bundle.principal,
            handle: bundle.bundle.handle.clone(),
            fingerprint: bundle.fingerprint,
        };
        let row = cbor::encode(&operator);
        let row = self.rows.put(OPERATORS, operator.principal.as_bytes(), &row);
        self.keep_with(vec![row], shown.found).await?;
        Ok(operator)
    }

    /// Signs what this node says about its computer.
    #[must_use]
    pub fn sign_card(&self, card: &Card) -> Vec<u8> {
        card.sign(self.keyring().current().sign_key())
    }

    /// The people whose authorisations this node follows.
    ///
    /// # Errors
    /// The store's.
    pub async fn operators(&self) -> Result<Vec<Operator>> {
        let rows = self.rows.list(OPERATORS, &[]).await?;
        rows.values()
            .map(|row| cbor::decode(row, limits::ENTRY).map_err(|_| Error::damaged("this node's own data")))
            .collect()
    }

    /// Notes, durably, that an attempt of a run begins now, and a row beside it: both or neither.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when this one or a later one was begun here before.
    pub async fn begin_attempt(&self, of: Attempt, beside: Note<'_>) -> Result<()> {
        // A server may lease one attempt twice at the same time: the second one finds what the first one wrote.
        let turn = self.turn(of.space);
        let _turn = turn.lock().await;
        let key = [of.space.as_bytes(), of.run.as_bytes()].concat();
        let before = self.rows.get(ATTEMPTS, &key).await?;
        let before = before
            .and_then(|row| row.as_slice().try_into().ok())
            .map_or(0, u32::from_be_bytes);
        if before >= of.attempt {
            return Err(Error::AlreadyExists(
                "this attempt of the run was begun here before".into(),
            ));
        }
        let row = self.rows.put(ATTEMPTS, &key, &of.attempt.to_be_bytes());
        self.write(vec![row, self.noted(beside)]).await
    }

    /// Writes rows of the node's own, boxed like everything a device keeps: all or none.
    ///
    /// # Errors
    /// The store's.
    pub async fn note(&self, notes: &[Note<'_>]) -> Result<()> {
        self.write(notes.iter().map(|note| self.noted(*note)).collect()).await
    }

    fn noted(&self, Note { table, key, row }: Note<'_>) -> Change {
        match row {
            Some(row) => self.rows.put(table, key, row),
            None => Change::Delete(table, key.to_vec()),
        }
    }

    /// What was noted, by key.
    ///
    /// # Errors
    /// The store's; [`Error::Damaged`] for rows that do not open.
    pub async fn notes(
        &self,
        table: &'static str,
    ) -> Result<std::collections::BTreeMap<Vec<u8>, zeroize::Zeroizing<Vec<u8>>>> {
        self.rows.list(table, &[]).await
    }
}
