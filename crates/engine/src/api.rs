//! The server's API, typed, over a [`Transport`]. Renews tokens by itself; never logs one.

mod nodes;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use holdfast_protocol::Refusal;
use holdfast_protocol::id::{DeviceId, InvitationId, PackId, PrincipalId, SpaceId};
use holdfast_protocol::limits;
use holdfast_protocol::wire::{
    Append, AskProof, BeginPack, ClaimInvitation, DeviceRow, DirectoryEntry, Entries, ErrorBody, InvitationRow,
    KeyChange, Leaves, Lookup, Me, MoveAccount, MoveEntries, Moving, NewInvitation, PackQuery, PackState, PackStates,
    Proof, Recover, Recovered, RecoveryBox, Refresh, ServerInfo, SignInChallenge, SignInProof, SignInStart, SignUp,
    SpaceEvent, SpaceHead, Tokens, Usage, code,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, mpsc};

use crate::error::{DirectoryFault, Error, Result};
use crate::ports::{Method, Request, Response, Transport};

/// Largest JSON answer: a page of entries in base64.
const JSON_LIMIT: usize = 64 << 20;

/// Most characters of a server's sentence that are kept.
const MESSAGE_CHARS: usize = 300;
/// Codes of a server's answers that are passed on as they are, beside those of the log's rules.
const SAYS: [&str; 9] = [
    code::SIGNED_OUT,
    code::SIGN_IN_REFUSED,
    code::TOO_LARGE,
    code::REFUSED,
    code::RATE_LIMITED,
    code::INTERNAL,
    "timed-out",
    "pack-missing",
    "capsule-missing",
];

/// Gets a new pair of tokens when there is none or the old one is over: by the refresh token, else by signing in.
#[async_trait]
pub trait Authenticate: Send + Sync {
    /// The tokens kept from earlier, if any.
    async fn stored(&self) -> Result<Option<Tokens>>;
    /// New tokens; keeps them.
    async fn renew(&self, api: &Api, old: Option<&Tokens>) -> Result<Tokens>;
}

/// The server's API.
pub struct Api {
    transport: Arc<dyn Transport>,
    authenticate: Option<Arc<dyn Authenticate>>,
    tokens: Mutex<Option<Tokens>>,
}

impl Api {
    /// The part of the API that needs no sign-in.
    #[must_use]
    pub fn anonymous(transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            authenticate: None,
            tokens: Mutex::new(None),
        }
    }

    /// The whole API with tokens that were just handed out; they are not renewed.
    #[must_use]
    pub fn with_tokens(transport: Arc<dyn Transport>, tokens: Tokens) -> Self {
        Self {
            transport,
            authenticate: None,
            tokens: Mutex::new(Some(tokens)),
        }
    }

    /// The whole API.
    #[must_use]
    pub fn signed_in(transport: Arc<dyn Transport>, authenticate: Arc<dyn Authenticate>) -> Self {
        Self {
            transport,
            authenticate: Some(authenticate),
            tokens: Mutex::new(None),
        }
    }

    /// The way to the server.
    #[must_use]
    pub fn transport(&self) -> &Arc<dyn Transport> {
        &self.transport
    }

    /// Whether the server answers.
    ///
    /// # Errors
    /// [`Error::Unreachable`], or an answer that is not that of a Holdfast server.
    pub async fn info(&self) -> Result<ServerInfo> {
        self.open(Method::Get, "/v1/server", None::<&()>).await
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when the handle is taken.
    pub async fn sign_up(&self, message: &SignUp) -> Result<()> {
        let made = self.open_empty(Method::Post, "/v1/accounts", Some(message)).await;
        made.map_err(not_open)
    }

    /// Asks for what is needed before signing in.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn sign_in_start(&self, handle: &str) -> Result<SignInChallenge> {
        self.open(
            Method::Post,
            "/v1/signin/start",
            Some(&SignInStart {
                handle: handle.to_owned(),
            }),
        )
        .await
    }

    /// Signs in.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn sign_in(&self, proof: &SignInProof) -> Result<Tokens> {
        self.open(Method::Post, "/v1/signin", Some(proof)).await
    }

    /// Trades a refresh token for the next pair.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn refresh(&self, refresh: &str) -> Result<Tokens> {
        self.open(
            Method::Post,
            "/v1/token",
            Some(&Refresh {
                refresh: refresh.to_owned(),
            }),
        )
        .await
    }

    /// Fetches a recovery box.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recover(&self, message: &Recover) -> Result<Recovered> {
        self.open(Method::Post, "/v1/recovery", Some(message)).await
    }

    /// Ends this device's tokens.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn sign_out(&self) -> Result<()> {
        self.call_empty(Method::Delete, "/v1/token", None::<&()>).await
    }

    /// The account as the server has it. Nothing in it is trusted yet.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn me(&self) -> Result<Me> {
        self.call(Method::Get, "/v1/me", None::<&()>).await
    }

    /// Changes the account's keys.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another device was quicker.
    pub async fn change_keys(&self, message: &KeyChange) -> Result<()> {
        self.call_empty(Method::Put, "/v1/me/bundle", Some(message)).await
    }

    /// Puts a recovery box in the place of the one that is kept.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn put_recovery(&self, message: &RecoveryBox) -> Result<()> {
        self.call_empty(Method::Put, "/v1/me/recovery", Some(message)).await
    }

    /// The account's own recovery box, to take it to another server; `None` where none is kept.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn own_recovery(&self) -> Result<Option<RecoveryBox>> {
        match self.call(Method::Get, "/v1/me/recovery", None::<&()>).await {
            Err(Error::NotFound { .. }) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Brings an account that another server has.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when the handle is taken.
    pub async fn move_account(&self, message: &MoveAccount) -> Result<Tokens> {
        let moved = self.open(Method::Post, "/v1/accounts/move", Some(message)).await;
        moved.map_err(not_open)
    }

    /// Puts entries of a log aside that another server has, from number `from` on; says which one is wanted next. Without
    /// entries it only says.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn move_entries(&self, space: SpaceId, from: u64, entries: &[Vec<u8>]) -> Result<u64> {
        let message = MoveEntries {
            from,
            entries: entries.iter().map(|entry| entry.clone().into()).collect(),
        };
        let moving: Moving = self
            .call(Method::Post, &format!("/v1/spaces/{space}/move"), Some(&message))
            .await?;
        Ok(moving.next)
    }

    /// Makes the entries that were put aside count, up to this head.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn finish_move(&self, head: &SpaceHead) -> Result<SpaceHead> {
        self.call(
            Method::Post,
            &format!("/v1/spaces/{}/move/finish", head.space),
            Some(head),
        )
        .await
    }

    /// The account's devices.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn devices(&self) -> Result<Vec<DeviceRow>> {
        self.call(Method::Get, "/v1/devices", None::<&()>).await
    }

    /// Signs a device out.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remove_device(&self, id: DeviceId) -> Result<()> {
        self.call_empty(Method::Delete, &format!("/v1/devices/{id}"), None::<&()>)
            .await
    }

    /// Somebody's keys by handle. To be verified and compared with the pin.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn lookup(&self, handle: &str) -> Result<DirectoryEntry> {
        self.call(
            Method::Post,
            "/v1/directory",
            Some(&Lookup {
                handle: handle.to_owned(),
            }),
        )
        .await
    }

    /// Somebody's keys by id. To be verified and compared with the pin.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn directory(&self, principal: PrincipalId) -> Result<DirectoryEntry> {
        self.call(Method::Get, &format!("/v1/directory/{principal}"), None::<&()>)
            .await
    }

    /// Proofs about the log of keys, to be verified.
    ///
    /// # Errors
    /// [`Error::Directory`] where the server keeps no such log.
    pub async fn prove(&self, message: &AskProof) -> Result<Proof> {
        match self.call(Method::Post, "/v1/directory/proof", Some(message)).await {
            Err(Error::NotFound { .. }) => Err(Error::Directory {
                fault: DirectoryFault::Unlogged,
                sentence: "The server keeps no log of the keys that it gives out.".into(),
            }),
            answer => answer,
        }
    }

    /// Leaves of the log of keys from a number on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn leaves(&self, from: u64) -> Result<Leaves> {
        self.call(Method::Get, &format!("/v1/directory/leaves?from={from}"), None::<&()>)
            .await
    }

    /// Where my spaces stand, according to the server.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn spaces(&self) -> Result<Vec<SpaceHead>> {
        self.call(Method::Get, "/v1/spaces", None::<&()>).await
    }

    /// Makes a space from its genesis entry.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_space(&self, entry: &[u8]) -> Result<SpaceHead> {
        self.call(
            Method::Post,
            "/v1/spaces",
            Some(&Append {
                entry: entry.to_vec().into(),
            }),
        )
        .await
    }

    /// A page of a space's log.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn entries(&self, space: SpaceId, from: u64) -> Result<Entries> {
        self.call(
            Method::Get,
            &format!("/v1/spaces/{space}/entries?from={from}"),
            None::<&()>,
        )
        .await
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the log moved on.
    pub async fn append(&self, space: SpaceId, entry: &[u8]) -> Result<SpaceHead> {
        let message = Append {
            entry: entry.to_vec().into(),
        };
        self.call(Method::Post, &format!("/v1/spaces/{space}/entries"), Some(&message))
            .await
    }

    /// Bytes used and allowed.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn usage(&self, space: SpaceId) -> Result<Usage> {
        self.call(Method::Get, &format!("/v1/spaces/{space}/usage"), None::<&()>)
            .await
    }

    /// Announces a pack; the same announcement twice is one.
    ///
    /// # Errors
    /// [`Error::Full`] when the quota is used up.
    pub async fn begin_pack(&self, space: SpaceId, id: PackId, bytes: u64) -> Result<PackState> {
        self.call(
            Method::Post,
            &format!("/v1/spaces/{space}/packs"),
            Some(&BeginPack { id, bytes }),
        )
        .await
    }

    /// Sends part `number` (0, 1, 2 …) of a pack: [`limits::PART`] bytes, the last one less. Then asks how far the pack is:
    /// the answer to a part is empty.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn put_part(&self, space: SpaceId, pack: PackId, number: u32, bytes: Bytes) -> Result<()> {
        let path = format!("/v1/spaces/{space}/packs/{pack}/parts/{number}");
        self.authorised(Method::Put, &path, Some((bytes, false)), None, JSON_LIMIT)
            .await
            .map(|_| ())
    }

    /// How far packs are, at most 1,000 at a time; unknown ones are left out.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn query_packs(&self, space: SpaceId, ids: &[PackId]) -> Result<Vec<PackState>> {
        let path = format!("/v1/spaces/{space}/packs/query");
        let states: PackStates = self
            .call(Method::Post, &path, Some(&PackQuery { ids: ids.to_vec() }))
            .await?;
        Ok(states.packs)
    }

    /// Reads bytes `first..=last` of a pack.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn read_pack(&self, space: SpaceId, pack: PackId, first: u64, last: u64) -> Result<Bytes> {
        let path = format!("/v1/spaces/{space}/packs/{pack}/bytes");
        let limit = usize::try_from(limits::PACK).unwrap_or(usize::MAX);
        let response = self
            .authorised(Method::Get, &path, None, Some((first, last)), limit)
            .await?;
        if response.body.len() as u64 != last - first + 1 {
            return Err(Error::damaged("a pack on the server"));
        }
        Ok(response.body)
    }

    /// Gives up a pack that no entry names.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn abort_pack(&self, space: SpaceId, pack: PackId) -> Result<()> {
        self.call_empty(Method::Delete, &format!("/v1/spaces/{space}/packs/{pack}"), None::<&()>)
            .await
    }

    /// Announces an invitation.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn new_invitation(&self, message: &NewInvitation) -> Result<()> {
        self.call_empty(Method::Post, "/v1/invitations", Some(message)).await
    }

    /// My invitations and who claimed them.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn invitations(&self) -> Result<Vec<InvitationRow>> {
        self.call(Method::Get, "/v1/invitations", None::<&()>).await
    }

    /// Withdraws an invitation.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn withdraw_invitation(&self, id: InvitationId) -> Result<()> {
        self.call_empty(Method::Delete, &format!("/v1/invitations/{id}"), None::<&()>)
            .await
    }

    /// Answers an invitation.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn claim_invitation(&self, id: InvitationId, message: &ClaimInvitation) -> Result<()> {
        self.call_empty(Method::Post, &format!("/v1/invitations/{id}/claim"), Some(message))
            .await
    }

    /// Listens for hints that something is new. Loss is harmless.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn events(&self) -> Result<mpsc::Receiver<SpaceEvent>> {
        let token = self.token(None).await?;
        let mut raw = self.transport.listen("/v1/events", &token).await?;
        let (send, receive) = mpsc::channel(64);
        tokio::spawn(async move {
            while let Some(line) = raw.recv().await {
                let Ok(event) = serde_json::from_str(&line) else {
                    continue;
                };
                if send.send(event).await.is_err() {
                    return;
                }
            }
        });
        Ok(receive)
    }

    async fn open<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<&impl Serialize>) -> Result<T> {
        parse(&self.anonymously(method, path, body).await?)
    }

    async fn open_empty(&self, method: Method, path: &str, body: Option<&impl Serialize>) -> Result<()> {
        self.anonymously(method, path, body).await.map(|_| ())
    }

    async fn anonymously(&self, method: Method, path: &str, body: Option<&impl Serialize>) -> Result<Response> {
        let request = Request {
            method,
            path: path.into(),
            token: None,
            body: json(body)?,
            range: None,
            limit: JSON_LIMIT,
        };
        check(self.transport.send(request).await?)
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<&impl Serialize>) -> Result<T> {
        parse(&self.authorised(method, path, json(body)?, None, JSON_LIMIT).await?)
    }

    async fn call_empty(&self, method: Method, path: &str, body: Option<&impl Serialize>) -> Result<()> {
        self.authorised(method, path, json(body)?, None, JSON_LIMIT)
            .await
            .map(|_| ())
    }

    /// Sends with a token; when it is over, gets another one and sends once more.
    async fn authorised(
        &self,
        method: Method,
        path: &str,
        body: Option<(Bytes, bool)>,
        range: Option<(u64, u64)>,
        limit: usize,
    ) -> Result<Response> {
        let token = self.token(None).await?;
        let mut request = Request {
            method,
            path: path.into(),
            token: Some(token.clone()),
            body,
            range,
            limit,
        };
        match check(self.transport.send(request.clone()).await?) {
            Err(Error::Server { code, .. }) if code == code::SIGNED_OUT => {
                request.token = Some(self.token(Some(&token)).await?);
                check(self.transport.send(request).await?)
            }
            answer => answer,
        }
    }

    /// The current token; another one if it is the one that just failed.
    async fn token(&self, failed: Option<&str>) -> Result<String> {
        let mut tokens = self.tokens.lock().await;
        if tokens.is_none()
            && let Some(authenticate) = &self.authenticate
        {
            *tokens = authenticate.stored().await?;
        }
        if let Some(current) = tokens.as_ref()
            && failed != Some(current.access.as_str())
        {
            return Ok(current.access.clone());
        }
        let authenticate = self.authenticate.as_ref().ok_or(Error::Locked)?;
        let renewed = authenticate.renew(self, tokens.as_ref()).await?;
        let access = renewed.access.clone();
        *tokens = Some(renewed);
        Ok(access)
    }
}

fn json(body: Option<&impl Serialize>) -> Result<Option<(Bytes, bool)>> {
    body.map(|body| serde_json::to_vec(body).map(|bytes| (bytes.into(), true)))
        .transpose()
        .map_err(|error| Error::Internal(error.to_string()))
}

fn parse<T: DeserializeOwned>(response: &Response) -> Result<T> {
    serde_json::from_slice(&response.body).map_err(|_| Error::Server {
        code: "not-understood".into(),
        message: "its answer makes no sense".into(),
    })
}

/// Nobody but whoever runs the server decides who gets an account there.
fn not_open(error: Error) -> Error {
    match error {
        Error::NotAllowed(_) => error.advise("Ask whoever runs the server."),
        other => other,
    }
}

/// Turns the server's refusals into the engine's errors.
fn check(response: Response) -> Result<Response> {
    if (200..300).contains(&response.status) {
        return Ok(response);
    }
    let ErrorBody { code, message, .. } = serde_json::from_slice(&response.body).unwrap_or_else(|_| ErrorBody {
        code: String::new(),
        message: "it gave no reason".into(),
        next: String::new(),
    });
    // It goes into logs and onto screens.
    let message: String = message
        .chars()
        .filter(|character| !character.is_control())
        .take(MESSAGE_CHARS)
        .collect();
    Err(match code.as_str() {
        code::NOT_ALLOWED => Error::NotAllowed(message),
        // Its sentence says no more than that, and would stand where a name does.
        code::NOT_FOUND => Error::NotFound {
            what: "such thing on the server, or not for this account",
            name: String::new(),
        },
        code::ALREADY_EXISTS => Error::AlreadyExists(message),
        code::CONFLICT => Error::Conflict(message),
        code::QUOTA | code::DISK_FULL => Error::Full(message),
        known if SAYS.contains(&known) || Refusal::ALL.iter().any(|refusal| refusal.code() == known) => {
            Error::Server { code, message }
        }
        // Any other word could be one of this program's own, such as that the Master Key is wrong.
        _ => Error::Server {
            code: format!("http-{}", response.status),
            message,
        },
    })
}
