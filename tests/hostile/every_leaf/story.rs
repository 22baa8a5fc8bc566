//! The story that is recorded, and what each device in it does.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use holdfast_crypto::{Key32, security_words};
use holdfast_device::{HttpTransport, SystemClock};
use holdfast_engine::ports::{Method, Progress, Request, Response, Silent, Transport, Unreachable};
use holdfast_engine::{Error, Host, NewNode, Session, UploadRequest};
use holdfast_protocol::cbor;
use holdfast_protocol::entry::{NodeScope, Role};
use holdfast_protocol::id::{Hash, SpaceId};
use holdfast_protocol::item::ItemKind;
use holdfast_protocol::run::Attempt;
use holdfast_testkit::phrase;
use holdfast_tests::layer::{Exchange, Layer, json};
use holdfast_tests::small_run;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::newcomer;
use crate::rows::Rows;
use crate::scene::{Desk, Scene, secret};

/// A server that stands still: what it said once it says again; what it was not asked before, the real one is asked.
pub(super) struct Still {
    server: HttpTransport,
    said: Mutex<BTreeMap<String, (Request, Response)>>,
    /// Held by who asks the real one: of two who ask for the same at once, the second is given what the first was. A token that is
    /// good once would be used twice.
    asking: tokio::sync::Mutex<()>,
}

impl Still {
    fn new(server: HttpTransport) -> Self {
        Self {
            server,
            said: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    fn said(&self, key: &str, request: &Request) -> Option<Response> {
        let said = self.said.lock().expect("what was said");
        let (asked, said) = said.get(key)?;
        proves_the_same(request, asked).then(|| said.clone())
    }
}

#[async_trait]
impl Transport for Still {
    fn origin(&self) -> &str {
        self.server.origin()
    }

    async fn send(&self, request: Request) -> Result<Response, Unreachable> {
        let key = key(&request);
        if let Some(said) = self.said(&key, &request) {
            return Ok(said);
        }
        let _one = self.asking.lock().await;
        if let Some(said) = self.said(&key, &request) {
            return Ok(said);
        }
        let response = self.server.send(request.clone()).await?;
        let mut said = self.said.lock().expect("what was said");
        said.entry(key).or_insert((request, response.clone()));
        Ok(response)
    }

    async fn listen(&self, path: &str, token: &str) -> Result<mpsc::Receiver<String>, Unreachable> {
        self.server.listen(path, token).await
    }
}

/// Whether who asks shows the token, or answers the challenge, that the server gave out: of any other it knows itself.
fn proves_the_same(request: &Request, asked: &Request) -> bool {
    let nonce = |request: &Request| {
        let body = request.body.as_ref().map(|(body, _)| json(body));
        body.map(|body| body["nonce"].clone())
    };
    request.token == asked.token && nonce(request) == nonce(asked)
}

/// What a request asks for. What a client says to prove who it is differs each time and asks for the same.
pub(super) fn key(request: &Request) -> String {
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
    };
    let asks = request.path == "/v1/directory" || request.path == "/v1/directory/proof";
    let body = request.body.as_ref().filter(|_| asks);
    let body = body.map_or_else(String::new, |(body, _)| String::from_utf8_lossy(body).into_owned());
    format!("{method} {} {:?} {body}", request.path, request.range)
}

/// What a device does.
pub(super) enum Does {
    /// Reads everything that there is.
    Reads,
    /// Takes a run.
    Works(Attempt),
    /// Takes over an account that it does not know.
    Comes(newcomer::By),
    /// Signs in again by the keys that it has.
    Returns,
}

/// A device as it stood at some time, and what it hears when it goes on from there.
pub(super) struct Subject {
    pub(super) name: String,
    rows: Rows,
    /// What opens it; nothing does where there is no account yet.
    quick: Option<Key32>,
    does: Does,
    pub(super) server: Arc<Still>,
    /// What it comes to with an honest server.
    pub(super) honest: Vec<String>,
    /// All answers on the way to that.
    pub(super) answers: BTreeMap<String, (Request, Response)>,
    /// Answers from before.
    pub(super) older: Vec<Exchange>,
}

/// A copy of a device, and whether it is open.
pub(super) struct Device {
    pub(super) host: Host,
    pub(super) rows: Arc<Rows>,
    pub(super) session: tokio::sync::OnceCell<Session>,
}

impl Subject {
    pub(super) async fn new(
        name: &str,
        scene: &Scene,
        rows: &Rows,
        quick: Option<Key32>,
        does: Does,
        older: Vec<Exchange>,
    ) -> Arc<Self> {
        let server = HttpTransport::new(&scene.stage.url()).expect("an address");
        let mut subject = Self {
            name: name.to_owned(),
            rows: rows.copy(),
            quick,
            does,
            server: Arc::new(Still::new(server)),
            honest: Vec::new(),
            answers: BTreeMap::new(),
            older,
        };
        let device = subject.device(subject.server.clone());
        let folder = scene.stage.folder().join(format!("{name}-honest"));
        subject.honest = subject.run(&device, &folder).await.expect("an honest server");
        subject.answers = subject.server.said.lock().expect("what was said").clone();
        if let Does::Comes(by) = &subject.does {
            subject.answers.retain(|_, (request, _)| by.hears(request));
        }
        // And a second time there is nothing else to hear.
        let again = subject
            .run(&device, &folder.join("again"))
            .await
            .expect("the same again");
        assert_eq!(again, subject.honest);
        Arc::new(subject)
    }

    /// A copy of the device, with a way to the server.
    pub(super) fn device(&self, way: Arc<dyn Transport>) -> Device {
        let rows = Arc::new(self.rows.copy());
        Device {
            host: Host {
                transport: way,
                store: rows.clone(),
                clock: Arc::new(SystemClock),
            },
            rows,
            session: tokio::sync::OnceCell::new(),
        }
    }

    /// Does it, and says what it comes to.
    pub(super) async fn run(&self, device: &Device, folder: &Path) -> Result<Vec<String>, Error> {
        if let Does::Comes(by) = &self.does {
            return newcomer::comes(by, device, folder).await;
        }
        let quick = self.quick.as_ref().expect("it has an account");
        let opened = device
            .session
            .get_or_try_init(|| Session::unlock_quickly(device.host.clone(), quick));
        let session = Box::pin(opened).await?;
        match self.does {
            Does::Works(of) => works(session, of).await,
            Does::Returns => {
                let me = session.check_account().await?;
                Ok(vec![me.vault.to_string()])
            }
            Does::Reads | Does::Comes(_) => reads(session, folder).await,
        }
    }
}

fn line(view: &holdfast_engine::View) -> String {
    let authority = view.space.authority();
    format!(
        "{} {} {} {} {} {}",
        authority.space(),
        authority.seq(),
        authority.head(),
        authority.epoch(),
        authority.members().len(),
        view.space.contents().name()
    )
}

/// Looks at everything that a person can look at.
pub(super) async fn reads(session: &Session, folder: &Path) -> Result<Vec<String>, Error> {
    let mut said = Vec::new();
    session.check_account().await?;
    let all = session.all_projects().await?;
    if let Some(trouble) = all.trouble.into_iter().next() {
        return Err(trouble.error);
    }
    let vault = session.vault().await?;
    for view in all.views.iter().chain([&vault]) {
        said.push(format!("{} {}", line(view), view.fresh));
        let space = view.space.authority().space();
        for item in view.space.contents().items().values() {
            said.push(format!("{} {}", item.name, Hash::of(&cbor::encode(item))));
            let version = item.versions.last().expect("a version");
            if item.kind == ItemKind::Dataset {
                let to = folder.join(item.id.to_string());
                let progress: Arc<dyn Progress> = Arc::new(Silent);
                let got = session
                    .download(space, item, version, &to, &progress, &CancellationToken::new())
                    .await;
                match got {
                    Ok(_) => {
                        let content = std::fs::read(to.join("data.bin")).expect("the file");
                        said.push(Hash::of(&content).to_string());
                        std::fs::remove_dir_all(&to).expect("the copy");
                    }
                    Err(error) => {
                        assert!(!to.join("data.bin").exists(), "something was written");
                        return Err(error);
                    }
                }
            }
        }
        // The server's own words about its queue: they are asked for and not compared.
        session.runs(&view.space).await?;
        said.push(format!("{:?}", session.waiting_invitations(space).await?.len()));
    }
    session.nodes().await?;
    let answered = session.answered_invitations().await?;
    if let Some(error) = answered.failed.into_iter().next() {
        return Err(error);
    }
    said.push(format!("{:?}", answered.came));
    for handle in ["ana@example.org", "ben@example.org"] {
        if handle != session.account().handle {
            let person = session.person(handle).await?;
            said.push(format!("{handle} {} {:?}", person.words().join(" "), person.state));
        }
    }
    Ok(said)
}

/// Takes a run as a node does, up to where it would begin.
async fn works(session: &Session, of: Attempt) -> Result<Vec<String>, Error> {
    match session.accept_run(of).await? {
        Ok(accepted) => Ok(vec![accepted.hash.to_string(), accepted.spec.entry.clone()]),
        Err(refused) => Err(Error::Server {
            code: refused.code,
            message: refused.sentence,
        }),
    }
}

pub(super) struct Story {
    scene: Scene,
    pub(super) subjects: Vec<Arc<Subject>>,
}

impl Story {
    pub(super) fn folder(&self) -> &Path {
        self.scene.stage.folder()
    }

    /// Two people, a third who comes and goes, an encrypted project with a dataset and a secret, an invitation that waits,
    /// a node with a run.
    pub(super) async fn tell() -> Self {
        let scene = Scene::new().await;
        let (ana, ana_rows) = begin(&scene, "ana@example.org").await;
        let (ben, ben_rows) = begin(&scene, "ben@example.org").await;
        let (carl, _) = begin(&scene, "carl@example.org").await;
        let newcomers = newcomer::Newcomers::begin(&scene, &carl).await;
        let ana_quick = ana.session.allow_quick_unlock().await.expect("a key");
        let ana_then = ana_rows.copy();
        let ben_quick = ben.session.allow_quick_unlock().await.expect("a key");
        let ben_then = ben_rows.copy();

        let space = scene.project(&ana).await;
        ana.session
            .share(space, &ben.handle, Role::Contributor)
            .await
            .expect("sharing");
        ana.session
            .share(space, &carl.handle, Role::Reader)
            .await
            .expect("sharing");
        scene.upload(&ana, space, "data", b"what is in the data").await;
        ben.session
            .add_secret(space, secret("of ben", "text"))
            .await
            .expect("a secret");
        ana.session.view(space).await.expect("the project");
        ana.session
            .remove_member(space, carl.principal())
            .await
            .expect("removing");
        ana.session
            .invite(space, "dora@example.org", Role::Reader)
            .await
            .expect("an invitation");
        // As after each unlock: from here on a device of his that has never seen the project knows that there is one.
        ben.session.upkeep_all().await.expect("nothing is due");
        let (node, node_rows, run) = node(&scene, &ana, space).await;
        let node_quick = node.session.allow_quick_unlock().await.expect("a key");

        let of = Attempt { space, run, attempt: 1 };
        let mut subjects = vec![
            Subject::new(
                "node",
                &scene,
                &node_rows,
                Some(node_quick),
                Does::Works(of),
                node.layer.record(),
            )
            .await,
            Subject::new(
                "owner",
                &scene,
                &ana_then,
                Some(ana_quick),
                Does::Reads,
                ana.layer.record(),
            )
            .await,
            Subject::new(
                "member",
                &scene,
                &ben_then,
                Some(ben_quick),
                Does::Reads,
                ben.layer.record(),
            )
            .await,
        ];
        subjects.extend(newcomers.subjects(&scene).await);
        Self { scene, subjects }
    }
}

pub(super) async fn begin(scene: &Scene, handle: &str) -> (Desk, Arc<Rows>) {
    let rows = Arc::new(Rows::default());
    let desk = scene.desk_on(handle, rows.clone()).await;
    (desk, rows)
}

async fn node(scene: &Scene, ana: &Desk, space: SpaceId) -> (Desk, Arc<Rows>, holdfast_protocol::id::RunId) {
    let rows = Arc::new(Rows::default());
    let layer = Layer::new(Arc::new(HttpTransport::new(&scene.stage.url()).expect("an address")));
    let host = Host {
        transport: layer.clone(),
        store: rows.clone(),
        clock: Arc::new(SystemClock),
    };
    let token = ana.session.invite_node().await.expect("a token");
    let phrase = phrase("gpu-box");
    let new = NewNode {
        name: "gpu-box",
        token: &token.token,
        secret: &phrase,
        bits: holdfast_crypto::rsa::Bits::B2048,
        log2_n: holdfast_crypto::MIN_LOG2_N,
    };
    let session = Session::enrol(host, new).await.expect("a node");
    let words = |session: &Session| security_words(&session.keyring().current().bundle().fingerprint.0).join(" ");
    session
        .take_operator(&ana.handle, &words(&ana.session))
        .await
        .expect("the words");
    ana.session
        .verify_node("gpu-box", &words(&session))
        .await
        .expect("the words");
    let until_ms = ana.session.now_ms() + 3_600_000;
    ana.session
        .authorise_node(space, "gpu-box", NodeScope::Runs, until_ms)
        .await
        .expect("authorised");
    let task = task(scene, ana, space).await;
    let run = small_run(session.principal(), task, until_ms - 1);
    let run = ana.session.start_run(space, &run).await.expect("a run");
    let lease = session.api().lease(0).await.expect("a lease").expect("the run");
    assert_eq!(lease.run, run);
    let desk = Desk {
        session,
        layer,
        handle: "gpu-box".into(),
    };
    (desk, rows, run)
}

async fn task(
    scene: &Scene,
    ana: &Desk,
    space: SpaceId,
) -> (holdfast_protocol::id::ItemId, holdfast_protocol::id::VersionId) {
    let folder = scene.stage.folder().join("task");
    std::fs::create_dir_all(&folder).expect("a folder");
    let manifest = "format = 1\nname = \"Idle\"\nruntime = \"shell\"\nentry = \"main.sh\"\n";
    std::fs::write(folder.join("holdfast-task.toml"), manifest).expect("a manifest");
    std::fs::write(folder.join("main.sh"), "exit 0\n").expect("a script");
    let request = UploadRequest {
        kind: ItemKind::Task,
        name: "idle".into(),
        note: String::new(),
        sources: vec![folder.join("holdfast-task.toml"), folder.join("main.sh")],
        spool: scene.stage.spool("task"),
        include_hidden: false,
    };
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    let uploaded = ana
        .session
        .upload(space, request, &progress, &CancellationToken::new())
        .await
        .expect("a task");
    let view = ana.session.view(space).await.expect("the project");
    (
        uploaded.item,
        view.space.contents().items()[&uploaded.item].versions[0].id,
    )
}
