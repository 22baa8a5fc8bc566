//! The messages of the server's HTTP API: JSON around bytes that are signed or sealed elsewhere. `docs/spec/wire.md`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::id::{DeviceId, Hash, InvitationId, Locator, PackId, PrincipalId, SpaceId};

/// Bytes as unpadded base64url text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct B64(pub Vec<u8>);

impl TryFrom<String> for B64 {
    type Error = base64::DecodeError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        URL_SAFE_NO_PAD.decode(text).map(Self)
    }
}

impl From<B64> for String {
    fn from(bytes: B64) -> Self {
        URL_SAFE_NO_PAD.encode(bytes.0)
    }
}

impl AsRef<[u8]> for B64 {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

macro_rules! messages {
    ($($(#[$doc:meta])* struct $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }
    )*};
}

mod nodes;

pub use nodes::{
    AskLease, Boxes, EnrolNode, Heard, Heartbeat, Lease, Leased, NodeCard, NodeRow, NodeToken, RUN_STATES, RefuseRun,
    RunAttempt, RunEvent, RunResult, RunRow, RunState,
};

messages! {
    /// `GET /v1/server`
    struct ServerInfo {
        /// Version of the API, for example 1.
        api: u32,
        /// Version of the program.
        version: String,
        /// The server's clock, milliseconds since 1970-01-01 UTC. Sign-in needs the two clocks to be within ten minutes.
        time_ms: u64,
    }
    /// A sealed recovery box and where to keep it.
    struct RecoveryBox {
        /// Derived from the recovery key; says nothing about the account.
        locator: Locator,
        /// The box.
        sealed: B64,
    }
    /// `POST /v1/accounts`
    struct SignUp {
        /// The first signed bundle.
        bundle: B64,
        /// Genesis entry of the vault.
        vault: B64,
        /// The recovery box, if a Recovery Kit was made.
        recovery: Option<RecoveryBox>,
    }
    /// `POST /v1/signin/start`
    struct SignInStart {
        /// Who wants to sign in.
        handle: String,
    }
    /// What is needed before signing in. Unknown handles get an answer that looks the same.
    struct SignInChallenge {
        /// The key-derivation record.
        kdf: B64,
        /// 32 bytes, good once, for two minutes.
        nonce: B64,
    }
    /// `POST /v1/signin`
    struct SignInProof {
        /// The handle.
        handle: String,
        /// The server's address as the client was given it.
        origin: String,
        /// The nonce that was handed out.
        nonce: B64,
        /// Client's clock, milliseconds since 1970-01-01 UTC.
        time_ms: u64,
        /// Ed25519 signature over the sign-in statement.
        signature: B64,
    }
    /// Tokens of one device.
    struct Tokens {
        /// Bearer token.
        access: String,
        /// When it ends, milliseconds since 1970-01-01 UTC.
        access_expires_ms: u64,
        /// Good once, for the next pair of tokens.
        refresh: String,
        /// When it ends, milliseconds since 1970-01-01 UTC.
        refresh_expires_ms: u64,
        /// Who is signed in.
        principal: PrincipalId,
        /// This device.
        device: DeviceId,
    }
    /// `POST /v1/token`
    struct Refresh {
        /// The refresh token.
        refresh: String,
    }
    /// The key material of an older bundle under the key of a newer one.
    struct LinkBox {
        /// Hash of the older signed bundle.
        old: Hash,
        /// Hash of the newer signed bundle.
        new: Hash,
        /// The box.
        sealed: B64,
    }
    /// `GET /v1/me`
    struct Me {
        /// All signed bundles, oldest first.
        chain: Vec<B64>,
        /// A link box for each key change.
        links: Vec<LinkBox>,
        /// The vault.
        vault: SpaceId,
        /// Whether a recovery box is kept.
        recovery: bool,
    }
    /// `PUT /v1/me/bundle`: all of a key change in one request.
    struct KeyChange {
        /// The next signed bundle.
        bundle: B64,
        /// The link box.
        link: LinkBox,
        /// The recovery box of the new key; absent removes the old one.
        recovery: Option<RecoveryBox>,
    }
    /// `POST /v1/recovery`
    struct Recover {
        /// From the recovery key.
        locator: Locator,
    }
    /// What the recovery key opens.
    struct Recovered {
        /// The box.
        sealed: B64,
    }
    /// A signed-in device.
    struct DeviceRow {
        /// The device.
        id: DeviceId,
        /// First sign-in, milliseconds since 1970-01-01 UTC.
        created_ms: u64,
        /// Last renewal of its tokens.
        seen_ms: u64,
        /// Whether it is the one that asks.
        current: bool,
    }
    /// `POST /v1/accounts/move`: an account that another server has, with all of its keys.
    struct MoveAccount {
        /// All signed bundles, oldest first.
        chain: Vec<B64>,
        /// A link box for each key change, oldest first.
        links: Vec<LinkBox>,
        /// Genesis entry of the vault.
        vault: B64,
        /// The recovery box, if there is one.
        recovery: Option<RecoveryBox>,
        /// A sign-in to this server by the newest keys.
        proof: SignInProof,
    }
    /// `POST /v1/spaces/{space}/move`: entries of a log that another server has. They count when all of them are there.
    struct MoveEntries {
        /// Number of the first entry; those that were sent from here on before are replaced.
        from: u64,
        /// Signed entries in order; none asks how far it is.
        entries: Vec<B64>,
    }
    /// How far a log on its way is.
    struct Moving {
        /// Number of the entry that is wanted next.
        next: u64,
    }
    /// `POST /v1/directory`
    struct Lookup {
        /// Whose keys.
        handle: String,
    }
    /// Somebody's keys.
    struct DirectoryEntry {
        /// Who.
        principal: PrincipalId,
        /// All signed bundles, oldest first.
        chain: Vec<B64>,
    }
    /// `POST /v1/directory/proof`: what is to be proven against the newest head of the log of keys.
    struct AskProof {
        /// Hashes of leaves, at most 256.
        leaves: Vec<Hash>,
        /// Numbers of leaves that earlier heads had, at most 256.
        sizes: Vec<u64>,
    }
    /// That a leaf is in the log.
    struct Inclusion {
        /// Its number.
        number: u64,
        /// The proof of RFC 6962.
        path: Vec<Hash>,
    }
    /// The newest head of the log of keys, and proofs against it.
    struct Proof {
        /// The log's Ed25519 key.
        key: Hash,
        /// C2SP checkpoint.
        checkpoint: String,
        /// In the order asked; null for a leaf that is not in the log.
        inclusion: Vec<Option<Inclusion>>,
        /// In the order asked: proofs of RFC 6962; null for a size that the log does not have.
        consistency: Vec<Option<Vec<Hash>>>,
        /// The newest head of each witness, newest first; absent where the server has none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        cosigned: Vec<CosignedHead>,
    }
    /// A head that witnesses have co-signed.
    struct CosignedHead {
        /// C2SP checkpoint with their lines.
        checkpoint: String,
        /// The proof of RFC 6962 that the newest head goes on from it.
        path: Vec<Hash>,
    }
    /// `GET /v1/directory/leaves`
    struct Leaves {
        /// At most 1,000; none when there are no more.
        leaves: Vec<B64>,
    }
    /// Where a space stands.
    struct SpaceHead {
        /// The space.
        space: SpaceId,
        /// Number of its last entry.
        seq: u64,
        /// Hash of its last entry.
        hash: Hash,
    }
    /// `POST /v1/spaces` and `POST /v1/spaces/{space}/entries`
    struct Append {
        /// The signed entry.
        entry: B64,
    }
    /// `GET /v1/spaces/{space}/entries`
    struct Entries {
        /// Signed entries in order.
        entries: Vec<B64>,
        /// Where the space stands.
        head: SpaceHead,
    }
    /// `GET /v1/spaces/{space}/usage`
    struct Usage {
        /// Bytes of packs that the log names.
        live_bytes: u64,
        /// Bytes of packs on their way.
        pending_bytes: u64,
        /// What the space may hold.
        quota_bytes: u64,
    }
    /// `POST /v1/spaces/{space}/packs`
    struct BeginPack {
        /// Drawn at random by the client.
        id: PackId,
        /// Whole size in bytes, padding included.
        bytes: u64,
    }
    /// How far a pack is.
    struct PackState {
        /// The pack.
        id: PackId,
        /// Whole size in bytes.
        bytes: u64,
        /// Parts that are safely stored, by number.
        parts: Vec<u32>,
        /// Whether all of it is stored.
        complete: bool,
    }
    /// `POST /v1/spaces/{space}/packs/query`
    struct PackQuery {
        /// At most 1,000.
        ids: Vec<PackId>,
    }
    /// Answer to [`PackQuery`]: packs the server doesn't know are left out.
    struct PackStates {
        /// In the order asked.
        packs: Vec<PackState>,
    }
    /// `POST /v1/invitations`
    struct NewInvitation {
        /// Drawn at random by the inviter.
        id: InvitationId,
        /// When it ends, milliseconds since 1970-01-01 UTC.
        expires_ms: u64,
    }
    /// `POST /v1/invitations/{id}/claim`
    struct ClaimInvitation {
        /// HMAC under the code: proves that whoever has these keys was told the code.
        proof: B64,
    }
    /// An invitation as its inviter sees it.
    struct InvitationRow {
        /// The invitation.
        id: InvitationId,
        /// When it ends.
        expires_ms: u64,
        /// Who claimed it.
        claimed_by: Option<PrincipalId>,
        /// The newcomer's proof.
        proof: Option<B64>,
    }
    /// One line of `GET /v1/events`: something is new in a space.
    struct SpaceEvent {
        /// The space.
        space: SpaceId,
        /// Number of its last entry.
        seq: u64,
    }
    /// Every answer that is not a success.
    struct ErrorBody {
        /// Stable code, see `docs/errors.md`.
        code: String,
        /// A sentence.
        message: String,
        /// What to do next.
        next: String,
    }
}

/// Codes of [`ErrorBody`] that clients act upon.
pub mod code {
    /// No or no longer valid token (401).
    pub const SIGNED_OUT: &str = "signed-out";
    /// Sign-in refused (401).
    pub const SIGN_IN_REFUSED: &str = "sign-in-refused";
    /// Not allowed (403).
    pub const NOT_ALLOWED: &str = "not-allowed";
    /// Not there, or not for this account (404).
    pub const NOT_FOUND: &str = "not-found";
    /// The handle or id is taken (409).
    pub const ALREADY_EXISTS: &str = "already-exists";
    /// The log moved on (409).
    pub const CONFLICT: &str = "conflict";
    /// More than a limit (413).
    pub const TOO_LARGE: &str = "too-large";
    /// The message is malformed or breaks a rule (422); the code may also be that of a refusal.
    pub const REFUSED: &str = "refused";
    /// Too many tries (429).
    pub const RATE_LIMITED: &str = "rate-limited";
    /// The space's quota is used up (507).
    pub const QUOTA: &str = "quota";
    /// The server's disk is full (507).
    pub const DISK_FULL: &str = "disk-full";
    /// The entry of a run names a capsule that is not here (422).
    pub const CAPSULE_MISSING: &str = "capsule-missing";
    /// A fault of the server (500).
    pub const INTERNAL: &str = "internal";
}

impl From<Vec<u8>> for B64 {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}
