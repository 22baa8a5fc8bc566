//! Invitations for people who have no account yet: a code, told outside the server, proves both sides' keys.
//!
//! The text an inviter hands over holds the server, the invitation, 128 random bits and the inviter's fingerprint. The
//! newcomer answers with an HMAC under the code over his bundle, so the inviter knows the keys are his without comparing
//! words, and the fingerprint tells the newcomer the same of the inviter. The server sees neither.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_crypto::{Key32, labelled};
use holdfast_protocol::bundle::valid_handle;
use holdfast_protocol::cbor;
use holdfast_protocol::entry::{Body, Role};
use holdfast_protocol::id::{Hash, InvitationId, PrincipalId, SpaceId};
use holdfast_protocol::item::{Content, ItemKind, PinState};
use holdfast_protocol::transparency::Head;
use holdfast_protocol::wire::{ClaimInvitation, NewInvitation};
use holdfast_protocol::{KeyField, SecretText};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::directory::INVITATION;
use crate::error::{Error, Result};
use crate::rng;
use crate::session::Session;
use crate::spaces::Draft;
use crate::vault::kept_in;

/// How long an invitation is good for.
pub const GOOD_FOR_MS: u64 = 7 * 24 * 60 * 60 * 1000;
const PREFIX: &str = "holdfast-invitation:";

/// What the inviter hands over outside the server.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub struct Invitation {
    /// The server's address.
    #[n(1)]
    pub server: String,
    /// The invitation.
    #[n(2)]
    pub id: InvitationId,
    /// The code.
    #[n(3)]
    code: KeyField,
    /// Who invites.
    #[n(4)]
    pub inviter: PrincipalId,
    /// The inviter's fingerprint.
    #[n(5)]
    pub inviter_fingerprint: Hash,
    /// The fingerprint of the server's key, where the inviter has it pinned.
    #[n(6)]
    pub server_key: Option<Hash>,
    /// The log of keys as the inviter's device saw it last.
    #[n(7)]
    pub directory: Option<Head>,
}

impl Invitation {
    /// Reads an invitation's text, tolerant of white space around it.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || Error::Invalid("that is not a Holdfast invitation".into());
        let encoded = text.trim().strip_prefix(PREFIX).ok_or_else(bad)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).map_err(|_| bad())?);
        cbor::decode(&bytes, 1024).map_err(|_| bad())
    }

    /// The text to hand over.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new(cbor::encode(self));
        Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes.as_slice())))
    }

    /// The proof that whoever has these keys was told the code.
    fn proof(&self, bundle: Hash) -> [u8; 32] {
        proof(self.code.key(), self.id, bundle)
    }
}

/// The server does not say which of these it is.
fn ended(error: Error) -> Error {
    match error {
        Error::NotFound { .. } => {
            Error::Missing("This invitation has ended: it was used, taken back, or is older than 7 days.".into())
                .advise("Ask whoever invited you for a new one, or to share the project with you.")
        }
        other => other,
    }
}

/// `HKDF-Expand(code, label "invitation" || invitation || bundle hash)`, which is an HMAC under the code.
fn proof(code: &Key32, id: InvitationId, bundle: Hash) -> [u8; 32] {
    *holdfast_crypto::hkdf_expand(code, &labelled("invitation", &[id.as_bytes(), bundle.as_bytes()])).expose()
}

/// An invitation that waits.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The invitation.
    pub id: InvitationId,
    /// The handle the newcomer is expected to take.
    pub handle: String,
    /// As what.
    pub role: Role,
    /// When it ends, milliseconds since 1970-01-01 UTC.
    pub expires_ms: u64,
}

/// Somebody who answered an invitation and was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    /// Who.
    pub handle: String,
    /// Where.
    pub project: SpaceId,
    /// As what.
    pub role: Role,
}

/// What became of the answers to invitations.
#[derive(Debug, Default)]
pub struct Answered {
    /// Who came in.
    pub came: Vec<Came>,
    /// What was wrong with answers that let nobody in.
    pub failed: Vec<Error>,
}

impl Session {
    /// Makes an invitation to a project.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for anybody but an owner, [`Error::Invalid`] for a handle that nobody can have,
    /// [`Error::AlreadyExists`] for that of a member.
    pub async fn invite(&self, space: SpaceId, handle: &str, role: Role) -> Result<Invitation> {
        let view = self.view(space).await?;
        if view.space.authority().role(self.principal()) != Some(Role::Owner) {
            return Err(Error::NotAllowed("only an owner invites people".into()));
        }
        if !valid_handle(handle) {
            return Err(Error::Invalid(
                "nobody can have this handle: it is lowercase printable text without spaces, for example ana@example.org"
                    .into(),
            ));
        }
        if let Some(principal) = self.account_of(handle).await?
            && view.space.authority().role(principal).is_some()
        {
            return Err(Error::AlreadyExists(format!("{handle} is in this project already."))
                .advise("Change the role with `holdfast project role`, if that is what you want."));
        }
        let me = self.keyring().current().bundle().clone();
        let invitation = Invitation {
            server: self.host.transport.origin().to_owned(),
            id: InvitationId::random(&mut rng()),
            code: KeyField::new(Key32::random(&mut rng())),
            inviter: me.bundle.principal,
            inviter_fingerprint: me.fingerprint,
            server_key: self.host.transport.pin(),
            directory: self.seen_directory().await?.map(|seen| seen.head),
        };
        let expires_ms = self.now_ms() + GOOD_FOR_MS;
        let code = Zeroizing::new(hex::encode(invitation.code.key().expose()));
        let content = Content::Invitation {
            id: invitation.id,
            code: SecretText::new(code),
            space,
            role,
            handle: handle.to_owned(),
            expires_ms,
        };
        self.keep_in_vault(ItemKind::Invitation, handle, |_| Ok(None), &content)
            .await?;
        self.api
            .new_invitation(&NewInvitation {
                id: invitation.id,
                expires_ms,
            })
            .await?;
        Ok(invitation)
    }

    /// The account that has a handle, as far as this device knows. The server is not asked: whom somebody invites is none of
    /// its business.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn account_of(&self, handle: &str) -> Result<Option<PrincipalId>> {
        if handle == self.account().handle {
            return Ok(Some(self.principal()));
        }
        let (people, _) = self.known_people().await?;
        let known = people
            .into_iter()
            .find(|person| person.bundle.bundle.handle == handle && !person.replaced);
        Ok(known.map(|person| person.bundle.bundle.principal))
    }

    /// Answers an invitation as the newcomer, and pins the inviter as checked.
    ///
    /// # Errors
    /// [`Error::KeysChanged`] when the server shows other keys for the inviter than the invitation names.
    pub async fn accept_invitation(&self, invitation: &Invitation) -> Result<String> {
        if invitation.server != self.host.transport.origin() {
            return Err(Error::Invalid(format!(
                "this invitation is for the server {}",
                invitation.server
            )));
        }
        let answer = self.api.directory(invitation.inviter).await.map_err(ended)?;
        let chain = holdfast_protocol::bundle::verify_chain(&answer.chain)?;
        if !chain
            .iter()
            .any(|bundle| bundle.fingerprint == invitation.inviter_fingerprint)
        {
            return Err(Error::KeysChanged(
                "The server shows other keys for the inviter than the invitation names.".into(),
            ));
        }
        // This very chain is pinned. Asked again, by handle, the server could show somebody else's.
        let inviter = self.person_of(invitation.inviter, &answer.chain, None).await?.bundle;
        if let Some(head) = invitation.directory.clone().filter(Head::verifies) {
            self.write(vec![self.told_beside(invitation.inviter, head)]).await?;
            self.compare_told(INVITATION).await?;
        }
        self.pin_person(&inviter, PinState::Checked).await?;
        let proof = invitation.proof(self.keyring().current().bundle().hash).to_vec();
        self.api
            .claim_invitation(invitation.id, &ClaimInvitation { proof: proof.into() })
            .await
            .map_err(ended)?;
        Ok(inviter.bundle.handle)
    }

    /// Invitations to a project that wait for their newcomer, the oldest first: a new one moves none of those that are shown.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn waiting_invitations(&self, project: SpaceId) -> Result<Vec<Waiting>> {
        let vault = self.vault().await?;
        let mut waiting: Vec<Waiting> = kept_in(&vault.space)
            .filter_map(|kept| match kept {
                Content::Invitation {
                    id,
                    space,
                    role,
                    handle,
                    expires_ms,
                    ..
                } if *space == project => Some(Waiting {
                    id: *id,
                    handle: handle.clone(),
                    role: *role,
                    expires_ms: *expires_ms,
                }),
                _ => None,
            })
            .collect();
        waiting.sort_by_key(|waiting| (waiting.expires_ms, waiting.id));
        Ok(waiting)
    }

    /// Takes an invitation back: nobody can answer it any more, and whoever has answered is not let in.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn withdraw_invitation(&self, id: InvitationId) -> Result<()> {
        // First where it is answered. The other way round, one that was cut off could still be answered, and never withdrawn.
        match self.api.withdraw_invitation(id).await {
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(other) => return Err(other),
        }
        self.append(self.account().vault, |vault| {
            let mut items = vault.contents().items().values();
            let item = items.find(|item| {
                let newest = item.versions.last().map(|version| &version.content);
                matches!(newest, Some(Content::Invitation { id: of, .. }) if *of == id)
            });
            let item = item.ok_or_else(|| Error::NotFound {
                what: "invitation",
                name: id.to_string(),
            })?;
            Ok(Draft::commit(
                Body {
                    purged: vec![item.id],
                    ..Body::default()
                },
                Vec::new(),
                Vec::new(),
            ))
        })
        .await
        .map(|_| ())
    }

    /// Lets in those who answered with the right proof: their keys are checked by it. Says who came in.
    ///
    /// # Errors
    /// See [`Error`]; a wrong answer is said when all others are in.
    pub async fn complete_invitations(&self) -> Result<Vec<String>> {
        let Answered { came, failed } = self.answered_invitations().await?;
        match failed.into_iter().next_back() {
            Some(error) => Err(error),
            None => Ok(came.into_iter().map(|came| came.handle).collect()),
        }
    }

    /// As [`Session::complete_invitations`], with the answers that were wrong beside those who came in.
    ///
    /// # Errors
    /// What concerns the vault, or the way to the server.
    pub async fn answered_invitations(&self) -> Result<Answered> {
        let vault = self.vault().await?;
        let mine: Vec<_> = vault
            .space
            .contents()
            .items()
            .values()
            .filter_map(|item| item.versions.last().map(|version| (item.id, version.content.clone())))
            .filter(|(_, content)| matches!(content, Content::Invitation { .. }))
            .collect();
        if mine.is_empty() {
            return Ok(Answered::default());
        }
        let rows = self.api.invitations().await?;
        let (mut came, mut failed) = (Vec::new(), Vec::new());
        for (item, content) in mine {
            let Content::Invitation {
                id,
                code,
                space,
                role,
                handle,
                expires_ms,
            } = content
            else {
                continue;
            };
            let row = rows.iter().find(|row| row.id == id);
            let claim = row.and_then(|row| Some((row.claimed_by?, row.proof.as_ref()?.0.clone())));
            let over = self.now_ms() > expires_ms;
            match claim {
                Some((principal, given)) if !over => {
                    match self
                        .let_in(principal, &given, id, (&code, &handle), (space, role))
                        .await
                    {
                        Ok(handle) => came.push(Came {
                            handle,
                            project: space,
                            role,
                        }),
                        // It can't be honoured any more: said once.
                        Err(error @ (Error::NotAllowed(_) | Error::NotFound { .. })) => failed.push(error),
                        // One answer that is wrong keeps nobody else out.
                        Err(error) if is_wrong(&error) => {
                            failed.push(error);
                            continue;
                        }
                        Err(other) => return Err(other),
                    }
                }
                _ if over => {}
                _ => continue,
            }
            self.append(self.account().vault, |_| {
                Ok(Draft::commit(
                    Body {
                        purged: vec![item],
                        ..Body::default()
                    },
                    Vec::new(),
                    Vec::new(),
                ))
            })
            .await?;
            match self.api.withdraw_invitation(id).await {
                Ok(()) | Err(Error::NotFound { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        if !failed.is_empty() {
            // Whoever comes in is pinned in the vault: if that is what is wrong, nothing is right.
            self.vault().await?;
        }
        Ok(Answered { came, failed })
    }

    /// Lets in whoever answered, if the proof is right and it is who was invited: an invitation that was passed on, or read by
    /// somebody else, lets nobody in under another name. Says who it is.
    async fn let_in(
        &self,
        principal: PrincipalId,
        given: &[u8],
        id: InvitationId,
        (code, expected): (&SecretText, &str),
        (space, role): (SpaceId, Role),
    ) -> Result<String> {
        let answer = self.api.directory(principal).await?;
        let chain = holdfast_protocol::bundle::verify_chain(&answer.chain)?;
        let code = hex::decode(code.expose()).ok().map(Zeroizing::new);
        let code = code
            .and_then(|bytes| Key32::from_slice(&bytes))
            .ok_or_else(|| Error::damaged("an invitation in your vault"))?;
        let given = Key32::from_slice(given);
        // Any bundle of the chain will do: who changed his keys after he answered signed the newer ones with these.
        let proven = chain
            .iter()
            .any(|bundle| given == Some(Key32::fill_with(|own| *own = proof(&code, id, bundle.hash))));
        if !proven {
            return Err(Error::KeysChanged(
                "Somebody answered an invitation without knowing its code. He was not let in.".into(),
            ));
        }
        let newest = self.person_of(principal, &answer.chain, None).await?.bundle;
        let came = &newest.bundle.handle;
        if came != expected {
            return Err(Error::KeysChanged(format!(
                "The invitation for {expected} was answered by {came}, who was not let in. If that is right, share the project \
                 with {came} and take the invitation back."
            )));
        }
        // Before the key is wrapped: stopped in between, nothing would hold the next answer against these keys.
        self.pin_person(&newest, PinState::Checked).await?;
        match self.share_with(space, &newest, role).await {
            Ok(()) | Err(Error::AlreadyExists(_)) => Ok(newest.bundle.handle),
            Err(other) => Err(other),
        }
    }
}

/// Whether an answer to an invitation is not what it has to be.
fn is_wrong(error: &Error) -> bool {
    matches!(
        error.bare(),
        Error::KeysChanged(_) | Error::History(_) | Error::Directory { .. } | Error::Refused(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was handed out before servers' keys were in it, with one, and with a head of the log of keys. Pinned: all must be
    /// readable for ever.
    #[test]
    fn invitations_of_all_forms_are_read() {
        let seed = holdfast_crypto::Secret::fill_with(|seed| seed.fill(7));
        let root = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328";
        let head = Head::sign(8, root.parse().unwrap(), &holdfast_crypto::SignKey::from_seed(seed));
        let fixed = |server_key, directory| Invitation {
            server: "https://files.example.org".into(),
            id: InvitationId([1; 16]),
            code: KeyField::new(Key32::fill_with(|bytes| bytes.fill(2))),
            inviter: PrincipalId([3; 16]),
            inviter_fingerprint: Hash([4; 32]),
            server_key,
            directory,
        };
        for (text, server_key, directory) in [
            (PLAIN, None, None),
            (WITH_KEY, Some(Hash([5; 32])), None),
            (WITH_HEAD, None, Some(head)),
        ] {
            assert_eq!(fixed(server_key, directory.clone()).text().as_str(), text);
            let read = Invitation::parse(&format!(" {text}\n")).unwrap();
            assert_eq!((read.server_key, &read.directory), (server_key, &directory));
            assert_eq!(read.text().as_str(), text);
        }
    }

    const PLAIN: &str = "holdfast-invitation:pQF4GWh0dHBzOi8vZmlsZXMuZXhhbXBsZS5vcmcCUAEBAQEBAQEBAQEBAQEBAQEDWCACAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgRQAwMDAwMDAwMDAwMDAwMDAwVYIAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
    const WITH_KEY: &str = "holdfast-invitation:pgF4GWh0dHBzOi8vZmlsZXMuZXhhbXBsZS5vcmcCUAEBAQEBAQEBAQEBAQEBAQEDWCACAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgRQAwMDAwMDAwMDAwMDAwMDAwVYIAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBlggBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU";
    const WITH_HEAD: &str = "holdfast-invitation:pgF4GWh0dHBzOi8vZmlsZXMuZXhhbXBsZS5vcmcCUAEBAQEBAQEBAQEBAQEBAQEDWCACAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgRQAwMDAwMDAwMDAwMDAwMDAwVYIAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB6QBCAJYIF3J2nmnBlmprVWctwHe2aKrnYI6rS9JYM_jcO_0YEMoA1gg6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iwEWEDaMF2gGQrpc49ZleBBSbwBxobnfogqMDGzL-gz1tpaco04l0bq1Q2443lI41JO-Hu38KN-NxWOgCWS0x1QZZYK";
}
