//! Why replay refuses an entry: one variant, one code and one test for each rule of `docs/spec/log.md`.

/// A rule that an entry broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Refusal {
    /// The entry names another space.
    #[error("the entry belongs to another space")]
    WrongSpace,
    /// Not the next number.
    #[error("the entry is not the next one of the log")]
    Sequence,
    /// Does not hang on the entry before it.
    #[error("the entry does not follow from the one before it")]
    Previous,
    /// Does not hang on the last authority entry.
    #[error("the entry does not follow from the last change of members or rights")]
    AuthorityChain,
    /// A genesis entry anywhere but at the start, or something else at the start.
    #[error("the log does not begin with exactly one genesis entry")]
    Genesis,
    /// The core does not hash to the space's name, or was not made by the author.
    #[error("the space's name does not fit its core")]
    GenesisCore,
    /// The author's bundle is not known or not valid.
    #[error("the author's keys are not known")]
    BundleUnknown,
    /// The author is not a member.
    #[error("the author is not a member")]
    AuthorUnknown,
    /// The author's entry is under another bundle than the one that counts.
    #[error("the entry is signed under keys that do not count for its author")]
    AuthorBundle,
    /// The signature does not verify.
    #[error("the entry's signature does not verify")]
    Signature,
    /// The head of the log of keys in the entry is not one of the log that it names.
    #[error("the head of the log of keys in the entry was not signed by that log")]
    Head,
    /// The author's role does not allow this.
    #[error("the author's role does not allow this")]
    RoleDenied,
    /// Not the current epoch (or, for an entry that opens one, not the next).
    #[error("the entry is not of the current epoch")]
    Epoch,
    /// An encrypted space without a new epoch's keys, or a standard one with them.
    #[error("the entry's key material does not fit the kind of space")]
    EpochMaterial,
    /// Not exactly one wrap for each person who is in afterwards, under the bundle that counts.
    #[error("the new key is not wrapped to exactly the people who remain")]
    Wraps,
    /// Adding somebody who is in.
    #[error("this person is already a member")]
    MemberExists,
    /// Changing or removing somebody who is not in.
    #[error("this person is not a member")]
    MemberUnknown,
    /// More members or nodes than a space may have.
    #[error("the space has as many members or nodes as it can")]
    TooManyMembers,
    /// The fingerprint in the entry is not that of the bundle in it.
    #[error("the fingerprint does not fit the keys in the entry")]
    Fingerprint,
    /// The last owner would go.
    #[error("the last owner can't leave, be removed or give up the role")]
    LastOwner,
    /// An owner who removes himself would know the new epoch's key: he leaves instead.
    #[error("nobody removes himself; leaving is another operation")]
    SelfRemoval,
    /// A node as a member: nodes get grants that end, never a membership.
    #[error("only people are members")]
    NotAPerson,
    /// A rewrap, or the return of a former member or a node, under a bundle that does not descend from the one that counts or
    /// counted.
    #[error("the new keys do not descend from the ones that count")]
    NotASuccessor,
    /// Anybody but the owner in a vault, or a change of members there.
    #[error("a vault belongs to one person")]
    VaultAlone,
    /// A pack that is or was already there, or twice in one entry.
    #[error("the pack was named before")]
    PackRepeated,
    /// Dropping a pack that is not there.
    #[error("the pack is not part of the space")]
    PackUnknown,
    /// A pack of a size that can't be.
    #[error("the pack's size is not possible")]
    PackSize,
    /// A body where none belongs, or none where one belongs.
    #[error("the entry's sealed part is missing or out of place")]
    BodyPresence,
    /// The body does not open or is not a body.
    #[error("the entry's sealed part can't be opened")]
    BodyOpen,
    /// A key that does not fit its commitment.
    #[error("the key does not fit the space's commitment")]
    Commitment,
    /// The entry that opens an epoch does not hold the previous key, or another entry holds one.
    #[error("the previous key is missing or out of place")]
    PreviousKey,
    /// A name that is empty, too long or has control characters.
    #[error("a name in the entry is not acceptable")]
    Name,
    /// Secrets in a space that the server can read.
    #[error("a project that is not encrypted holds no secrets")]
    SecretInStandard,
    /// A kind of item that does not belong in this kind of space, or content that does not fit its item.
    #[error("the item does not belong here")]
    ItemKind,
    /// Something that never changes did: kind, key of chunk ids, an existing version.
    #[error("the item changes what never changes")]
    ItemImmutable,
    /// A new version in somebody else's name.
    #[error("the version is in somebody else's name")]
    VersionAuthor,
    /// A version in packs that are not part of the space.
    #[error("the version points at packs that are not part of the space")]
    VersionPacks,
    /// Purging something unknown, or bringing back something purged.
    #[error("the item is gone for good or was never there")]
    ItemGone,
    /// Purging an item, or forgetting a version, by somebody who is not an owner.
    #[error("only an owner removes things for good")]
    PurgeDenied,
    /// Authorising somebody who is not a node.
    #[error("only nodes are authorised to run tasks")]
    NotANode,
    /// A node that is not authorised, or not with these keys.
    #[error("this node is not authorised here")]
    NodeUnknown,
    /// An end that has passed, or that is later than the node's.
    #[error("the end lies in the past, or after the end of what the node may do")]
    NodeUntil,
    /// A node with the whole project that would be given less without a new key.
    #[error("a node that has the whole project is withdrawn first")]
    NodeScope,
    /// A run's id for the second time.
    #[error("a run with this id was ordered before")]
    RunRepeated,
    /// A capsule for a node that has the key, or none for one that has not.
    #[error("the run's capsule is missing or out of place")]
    RunCapsule,
    /// No attempts, or too many.
    #[error("the run's number of attempts is not possible")]
    RunAttempts,
    /// A run that was not ordered.
    #[error("this run was never ordered")]
    RunUnknown,
    /// Withdrawing or taking over what was withdrawn or taken over before.
    #[error("the run is over")]
    RunOver,
    /// A spec that does not say what the run's entry says.
    #[error("the run's spec does not fit its entry")]
    RunSpec,
    /// A result that is not the node's about this run, or items that are not what it says was made.
    #[error("the run's result does not fit the run")]
    Result,
}

impl Refusal {
    /// Every refusal; the tests go through this list.
    pub const ALL: &'static [Self] = &[
        Self::WrongSpace,
        Self::Sequence,
        Self::Previous,
        Self::AuthorityChain,
        Self::Genesis,
        Self::GenesisCore,
        Self::BundleUnknown,
        Self::AuthorUnknown,
        Self::AuthorBundle,
        Self::Signature,
        Self::Head,
        Self::RoleDenied,
        Self::Epoch,
        Self::EpochMaterial,
        Self::Wraps,
        Self::MemberExists,
        Self::MemberUnknown,
        Self::TooManyMembers,
        Self::Fingerprint,
        Self::LastOwner,
        Self::SelfRemoval,
        Self::NotAPerson,
        Self::NotASuccessor,
        Self::VaultAlone,
        Self::PackRepeated,
        Self::PackUnknown,
        Self::PackSize,
        Self::BodyPresence,
        Self::BodyOpen,
        Self::Commitment,
        Self::PreviousKey,
        Self::Name,
        Self::SecretInStandard,
        Self::ItemKind,
        Self::ItemImmutable,
        Self::VersionAuthor,
        Self::VersionPacks,
        Self::ItemGone,
        Self::PurgeDenied,
        Self::NotANode,
        Self::NodeUnknown,
        Self::NodeUntil,
        Self::NodeScope,
        Self::RunRepeated,
        Self::RunCapsule,
        Self::RunAttempts,
        Self::RunUnknown,
        Self::RunOver,
        Self::RunSpec,
        Self::Result,
    ];

    /// The stable code, as in `docs/errors.md`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::WrongSpace => "log-wrong-space",
            Self::Sequence => "log-sequence",
            Self::Previous => "log-previous",
            Self::AuthorityChain => "log-authority-chain",
            Self::Genesis => "log-genesis",
            Self::GenesisCore => "log-genesis-core",
            Self::BundleUnknown => "log-bundle-unknown",
            Self::AuthorUnknown => "log-author-unknown",
            Self::AuthorBundle => "log-author-bundle",
            Self::Signature => "log-signature",
            Self::Head => "log-head",
            Self::RoleDenied => "log-role-denied",
            Self::Epoch => "log-epoch",
            Self::EpochMaterial => "log-epoch-material",
            Self::Wraps => "log-wraps",
            Self::MemberExists => "log-member-exists",
            Self::MemberUnknown => "log-member-unknown",
            Self::TooManyMembers => "log-too-many-members",
            Self::Fingerprint => "log-fingerprint",
            Self::LastOwner => "log-last-owner",
            Self::SelfRemoval => "log-self-removal",
            Self::NotAPerson => "log-not-a-person",
            Self::NotASuccessor => "log-not-a-successor",
            Self::VaultAlone => "log-vault-alone",
            Self::PackRepeated => "log-pack-repeated",
            Self::PackUnknown => "log-pack-unknown",
            Self::PackSize => "log-pack-size",
            Self::BodyPresence => "log-body-presence",
            Self::BodyOpen => "log-body-open",
            Self::Commitment => "log-commitment",
            Self::PreviousKey => "log-previous-key",
            Self::Name => "log-name",
            Self::SecretInStandard => "log-secret-in-standard",
            Self::ItemKind => "log-item-kind",
            Self::ItemImmutable => "log-item-immutable",
            Self::VersionAuthor => "log-version-author",
            Self::VersionPacks => "log-version-packs",
            Self::ItemGone => "log-item-gone",
            Self::PurgeDenied => "log-purge-denied",
            Self::NotANode => "log-not-a-node",
            Self::NodeUnknown => "log-node-unknown",
            Self::NodeUntil => "log-node-until",
            Self::NodeScope => "log-node-scope",
            Self::RunRepeated => "log-run-repeated",
            Self::RunCapsule => "log-run-capsule",
            Self::RunAttempts => "log-run-attempts",
            Self::RunUnknown => "log-run-unknown",
            Self::RunOver => "log-run-over",
            Self::RunSpec => "log-run-spec",
            Self::Result => "log-result",
        }
    }
}
