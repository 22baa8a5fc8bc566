//! A real server, people whose way to it is in hostile hands, and what must hold after everything that was tried.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_crypto::rsa::{Bits, PrivateKey};
use holdfast_crypto::{KdfRecord, Key32, MIN_LOG2_N, Prk};
use holdfast_device::{HttpTransport, SystemClock};
use holdfast_engine::ports::{Progress, Request, Response, Silent, Store};
use holdfast_engine::{Error, Host, NewAccount, NewSecret, Session, UploadRequest, UploadedItem, find_item};
use holdfast_protocol::SecretText;
use holdfast_protocol::bundle::{Bundle, FORMAT, PrincipalKind};
use holdfast_protocol::entry::SignedEntry;
use holdfast_protocol::id::{Hash, PrincipalId, SpaceId};
use holdfast_protocol::item::{Audience, Content, Field, ItemKind, SecretType};
use holdfast_server::{Config, Running};
use holdfast_testkit::{Stage, account, phrase};
use holdfast_tests::Connection;
use holdfast_tests::eye::{Canaries, Class, Found, Material, Searcher};
use holdfast_tests::layer::{Exchange, Layer, Seen, answer, json, route};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// A server, and what was hidden from it.
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    canaries: Canaries,
}

/// Somebody at an unlocked device whose way to the server can be attacked.
pub(crate) struct Desk {
    pub(crate) session: Session,
    pub(crate) layer: Arc<Layer>,
    pub(crate) handle: String,
}

/// A second server that goes on from a copy of the first one's data.
pub(crate) struct Fork {
    _server: Running,
    url: String,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self {
            stage: Stage::new().await,
            canaries: Canaries::new(),
        }
    }

    /// Text that must never leave a device in any form.
    pub(crate) fn canary(&self, label: &str) -> String {
        self.canaries.make(Class::Sealed, label)
    }

    /// A way to the server.
    pub(crate) fn way(&self) -> Arc<Layer> {
        Layer::new(Arc::new(HttpTransport::new(&self.stage.url()).expect("an address")))
    }

    /// The way of a new device, and the device.
    pub(crate) async fn device(&self, name: &str) -> (Arc<Layer>, Host) {
        let layer = self.way();
        let host = self.stage.device_over(name, layer.clone()).await;
        (layer, host)
    }

    /// Somebody with a new account.
    pub(crate) async fn desk(&self, handle: &str) -> Desk {
        let (layer, host) = self.device(handle).await;
        self.sign_up(handle, layer, host).await
    }

    /// The same, on a device whose rows are at hand.
    pub(crate) async fn desk_on(&self, handle: &str, store: Arc<dyn Store>) -> Desk {
        let layer = self.way();
        let host = Host {
            transport: layer.clone(),
            store,
            clock: Arc::new(SystemClock),
        };
        self.sign_up(handle, layer, host).await
    }

    async fn sign_up(&self, handle: &str, layer: Arc<Layer>, host: Host) -> Desk {
        let phrase = phrase(handle);
        let account = NewAccount {
            display_name: &self.canary(&format!("name of {handle}")),
            ..account(handle, &phrase)
        };
        let (session, _) = Session::sign_up(host, account).await.expect("signing up");
        Desk {
            session,
            layer,
            handle: handle.to_owned(),
        }
    }

    /// Somebody new under a handle that was freed, on a device of his own.
    pub(crate) async fn desk_anew(&self, handle: &str) -> Desk {
        let data = self.stage.folder().join("server");
        holdfast_server::ops::reset_account(&data, handle)
            .await
            .expect("the handle is freed");
        let (layer, host) = self.device(&format!("{handle}-anew")).await;
        self.sign_up(handle, layer, host).await
    }

    /// Another device of somebody, signed in.
    pub(crate) async fn second(&self, desk: &Desk) -> Desk {
        let (layer, host) = self.device(&format!("{}-second", desk.handle)).await;
        let session = Session::sign_in(host, &desk.handle, &phrase(&desk.handle))
            .await
            .expect("signing in");
        Desk {
            session,
            layer,
            handle: desk.handle.clone(),
        }
    }

    /// From here on there are two servers that had the same past.
    pub(crate) async fn fork(&self, name: &str) -> Fork {
        let (from, backup) = (self.stage.folder().join("server"), self.stage.folder().join(name));
        let data = self.stage.folder().join(format!("{name}-server"));
        let stop = CancellationToken::new();
        holdfast_server::ops::backup(&from, &backup, &|_| (), &stop)
            .await
            .expect("a copy");
        holdfast_server::ops::restore(&backup, &data, &|_| (), &stop)
            .await
            .expect("a second server's data");
        let config = Config {
            data,
            listen: ([127, 0, 0, 1], 0).into(),
            quota_bytes: 1 << 40,
            // It passes for the first one.
            origin: Some(self.stage.url()),
            open_signup: true,
            metrics: None,
            tls: None,
            witnesses: Vec::new(),
        };
        let server = holdfast_server::start(config).await.expect("a second server");
        let url = format!("http://{}", server.local_addr());
        Fork { _server: server, url }
    }

    /// A project of somebody's, with a secret in it.
    pub(crate) async fn project(&self, desk: &Desk) -> SpaceId {
        let name = self.canary(&format!("project of {}", desk.handle));
        let made = desk.session.create_project(&name, true).await.expect("a project");
        let space = made.authority().space();
        let secret = secret("kept", &self.canary(&format!("secret of {}", desk.handle)));
        desk.session.add_secret(space, secret).await.expect("a secret");
        space
    }

    /// Uploads one file as a dataset.
    pub(crate) async fn upload(&self, desk: &Desk, space: SpaceId, name: &str, content: &[u8]) -> UploadedItem {
        let uploaded = self.try_upload(desk, space, name, content).await;
        uploaded.expect("an upload")
    }

    pub(crate) async fn try_upload(
        &self,
        desk: &Desk,
        space: SpaceId,
        name: &str,
        content: &[u8],
    ) -> Result<UploadedItem, Error> {
        let folder = self.stage.folder().join(format!("{}-{name}", desk.handle));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("data.bin");
        std::fs::write(&file, content).expect("a file");
        let request = UploadRequest {
            kind: ItemKind::Dataset,
            name: name.to_owned(),
            note: String::new(),
            sources: vec![file],
            spool: self.stage.spool(&format!("{}-data", desk.handle)),
            include_hidden: false,
        };
        let progress: Arc<dyn Progress> = Arc::new(Silent);
        desk.session
            .upload(space, request, &progress, &CancellationToken::new())
            .await
    }

    /// What must hold after every attack: with an honest server everybody sees all projects and goes on from where he was,
    /// nothing that was hidden was sent in any form, and no key was wrapped to anybody but these people.
    pub(crate) async fn all_is_well(&self, people: &[&Desk]) {
        for desk in people {
            desk.layer.honest();
            let before = heads(desk).await;
            let seen = desk.session.all_projects().await.expect("an honest server is heard");
            if let Some(trouble) = seen.trouble.first() {
                panic!("{}: {} after the attack", desk.handle, trouble.error);
            }
            for (space, seq) in before {
                let now = desk
                    .session
                    .view(space)
                    .await
                    .expect("a project")
                    .space
                    .authority()
                    .seq();
                assert!(now >= seq, "{} went back from {seq} to {now}", desk.handle);
            }
        }
        self.nothing_was_told(people);
    }

    /// The part of it that needs no server.
    pub(crate) fn nothing_was_told(&self, people: &[&Desk]) {
        let mut known: BTreeSet<Hash> = BTreeSet::new();
        for desk in people {
            let chain = desk.session.account().bundles().expect("the own keys");
            known.extend(chain.iter().map(|bundle| bundle.hash));
        }
        let said: Vec<_> = people.iter().flat_map(|desk| desk.layer.record()).collect();
        self.nothing_is_in(&said, &known);
    }

    /// The same of these exchanges alone. `known` are all keys of the people in the test.
    pub(crate) fn nothing_is_in(&self, said: &[Exchange], known: &BTreeSet<Hash>) {
        let mut material = Material::default();
        for exchange in said {
            for wrapped_to in wrapped_to(&exchange.request) {
                assert!(
                    known.contains(&wrapped_to),
                    "a key was wrapped to somebody else in {}",
                    exchange.request.path
                );
            }
            let body = exchange.request.body.as_ref();
            let body = body.map_or_else(Vec::new, |(body, _)| body.to_vec());
            let head = format!(
                "POST {} HTTP/1.1\r\ncontent-length: {}\r\n\r\n",
                exchange.request.path,
                body.len()
            );
            material.add_wire(&[Connection {
                sent: [head.into_bytes(), body].concat(),
                received: Vec::new(),
            }]);
        }
        let all = self.canaries.all();
        let found: Found = material.search(&Searcher::new(&all));
        let labels: Vec<_> = found.keys().map(|&at| all[at].label.as_str()).collect();
        assert!(labels.is_empty(), "the server was told {labels:?}");
    }

    /// Every file that the devices and the server keep.
    pub(crate) fn kept_files(&self) -> Vec<PathBuf> {
        let files = walkdir::WalkDir::new(self.stage.folder()).into_iter();
        files
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_file())
            .map(walkdir::DirEntry::into_path)
            .collect()
    }

    /// Which canaries are in some bytes.
    pub(crate) fn canaries_in(&self, bytes: &[u8]) -> Vec<String> {
        let all = self.canaries.all();
        let mut found = Found::new();
        Searcher::new(&all).search(bytes, &mut found);
        found.keys().map(|&at| all[at].label.clone()).collect()
    }
}

impl Fork {
    pub(crate) fn way(&self) -> Arc<HttpTransport> {
        Arc::new(HttpTransport::new(&self.url).expect("an address"))
    }
}

impl Desk {
    pub(crate) fn principal(&self) -> PrincipalId {
        self.session.principal()
    }

    /// How many people are in a project, as this device knows it with an honest server.
    pub(crate) async fn members(&self, space: SpaceId) -> usize {
        self.layer.honest();
        let view = self.session.view(space).await.expect("the project");
        view.space.authority().members().len()
    }

    /// The newest value of a secret as this device sees it now.
    pub(crate) async fn value(&self, space: SpaceId, name: &str) -> Result<String, Error> {
        let view = self.session.view(space).await?;
        let item = find_item(&view.space, &[ItemKind::Secret], name, false)?;
        match item.versions.last().map(|version| &version.content) {
            Some(Content::Fields { fields, .. }) => Ok(fields[0].value.expose().to_owned()),
            _ => Err(Error::Internal("a secret without a value".into())),
        }
    }

    /// Downloads a dataset into a new folder and gives what is in it.
    pub(crate) async fn download(&self, space: SpaceId, name: &str, to: PathBuf) -> Result<Vec<u8>, Error> {
        let view = self.session.view(space).await?;
        let item = find_item(&view.space, &[ItemKind::Dataset], name, false)?.clone();
        let version = item.versions.last().expect("a version").clone();
        let progress: Arc<dyn Progress> = Arc::new(Silent);
        let got = self
            .session
            .download(space, &item, &version, &to, &progress, &CancellationToken::new())
            .await;
        if got.is_err() {
            assert!(!to.join("data.bin").exists(), "something was written");
        }
        got?;
        Ok(std::fs::read(to.join("data.bin")).expect("the file"))
    }
}

async fn heads(desk: &Desk) -> Vec<(SpaceId, u64)> {
    let mut heads = Vec::new();
    for space in desk.session.known_spaces().await.expect("the own store") {
        if let Ok(view) = desk.session.view(space).await {
            heads.push((space, view.space.authority().seq()));
        }
    }
    heads
}

/// The bundles to which a request carries wrapped keys.
pub(crate) fn wrapped_to(request: &Request) -> Vec<Hash> {
    let body = request.body.as_ref().map_or(Value::Null, |(body, _)| json(body));
    let entry = body["entry"].as_str().or(body["vault"].as_str());
    let bytes = entry.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let entry = bytes.and_then(|bytes| SignedEntry::from_bytes(&bytes).ok());
    entry.map_or_else(Vec::new, |entry| {
        entry.entry.op.wraps().iter().map(|wrap| wrap.bundle).collect()
    })
}

pub(crate) fn secret(name: &str, value: &str) -> NewSecret {
    NewSecret {
        secret_type: SecretType::Git,
        name: name.to_owned(),
        description: String::new(),
        tags: Vec::new(),
        fields: vec![Field {
            name: "token".into(),
            value: SecretText::new(Zeroizing::new(value.to_owned())),
        }],
        audience: Audience::default(),
        expires_ms: None,
    }
}

/// How something ended: the error's code, or `ok`.
pub(crate) fn code<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => "ok".into(),
        Err(error) => error.code().to_owned(),
    }
}

/// An answer to requests of one kind, made from the honest one.
pub(crate) fn on(
    kind: &'static str,
    change: impl Fn(&Request, Value) -> Value + Send + Sync + 'static,
) -> impl Fn(Seen<'_>) -> Response {
    move |seen: Seen<'_>| {
        if route(seen.request) != kind {
            return seen.honest;
        }
        answer(&change(seen.request, json(&seen.honest.body)))
    }
}

/// The newest answer to a request of one kind.
pub(crate) fn heard(record: &[Exchange], kind: &str) -> Value {
    let last = record.iter().rev().find(|exchange| route(&exchange.request) == kind);
    last.map_or(Value::Null, |exchange| json(&exchange.answer.body))
}

pub(crate) fn b64(bytes: &[u8]) -> Value {
    Value::String(URL_SAFE_NO_PAD.encode(bytes))
}

pub(crate) fn from_b64(value: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(value.as_str().expect("text")).expect("base64")
}

/// Keys that the server made itself, in a bundle that says whatever it wants: all signatures in it are good.
pub(crate) fn forge(kind: PrincipalKind, principal: PrincipalId, handle: &str, after: Option<(Hash, u32)>) -> Vec<u8> {
    let seed = u8::try_from(handle.len() % 200).expect("below 200") + 7 * u8::from(after.is_some());
    let prk = Prk::from_key(Key32::fill_with(|key| key.fill(seed)));
    let rsa = PrivateKey::derive(&prk.rsa_seed(Bits::B2048), Bits::B2048).expect("a pair");
    let sign = prk.sign_key();
    let bundle = Bundle {
        format: FORMAT,
        kind,
        principal,
        handle: handle.to_owned(),
        kdf: KdfRecord::new(MIN_LOG2_N, [9; 32]).expect("a record").encode(),
        bits: 2048,
        counter: after.map_or(0, |(_, counter)| counter + 1),
        rsa_spki: rsa.public().to_spki_der().to_vec(),
        ed25519: sign.public().as_bytes().to_vec(),
        created_ms: 1,
        previous: after.map(|(hash, _)| hash),
    };
    // Without the old key nobody can sign the succession: with his own is the best the server can do.
    let signed = bundle
        .sign(&rsa, after.map(|(hash, _)| (&rsa, hash)))
        .expect("a signature");
    signed.to_bytes()
}
