//! What all commands share: the profile, who is unlocked, the server inside this program, the page that is open.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use holdfast_agent::{Owner, Shown};
use holdfast_commands::view::ErrorView;
use holdfast_commands::{App, Command, Outcome};
use holdfast_crypto::Phrase;
use holdfast_device::{AgentListener, HttpTransport, Profile, ProfileLock, SqliteStore, SystemClock, keep_in_memory};
use holdfast_engine::ports::{Silent, Transport};
use holdfast_engine::{Account, Error, Host, Result, fingerprint_text, quick_unlock};
use holdfast_protocol::id::Hash;
use holdfast_server::Running;
use tauri::AppHandle;
use tauri::ipc::Channel;
use tokio_util::sync::CancellationToken;

use crate::args::Args;
use crate::chores::Chores;
use crate::clip::Clip;
use crate::door::Door;
use crate::idle::Idle;
use crate::imports::Imports;
use crate::jobs::{self, Jobs};
use crate::picks::Picks;
use crate::settings::Settings;
use crate::types::{Event, Look, Phase, QuickLook, ServerLook};
use crate::{builtin, page, system};

/// How long a program that is on its way out is waited for, and how often it is looked for.
const LEAVING: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);
/// How long the server's events are not asked for again after they broke off.
const EVENTS_PAUSE: Duration = Duration::from_secs(5);

/// The code of what a page is told that comes after one which ended by itself.
const PAGE_ENDED: &str = "page-ended";

/// The one piece of state.
pub(crate) struct Desk {
    pub(crate) profile: Profile,
    pub(crate) door: Door,
    pub(crate) picks: Picks,
    pub(crate) imports: Imports,
    pub(crate) clip: Clip,
    pub(crate) jobs: Jobs,
    pub(crate) chores: Chores,
    pub(crate) idle: Idle,
    store: Arc<SqliteStore>,
    app: RwLock<Option<Arc<App>>>,
    server: tokio::sync::Mutex<Option<Running>>,
    settings: Mutex<Settings>,
    trouble: Mutex<Option<ErrorView>>,
    page: Mutex<Option<Channel<Event>>>,
    window: OnceLock<AppHandle>,
    /// Ends what goes on in the background of an unlocked session.
    unlocked: Mutex<CancellationToken>,
    /// Ends the commands that other programs run here.
    visitors: Mutex<CancellationToken>,
    /// How many they are.
    guests: Arc<AtomicUsize>,
    leaving: CancellationToken,
    lock: ProfileLock,
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a profile. The same one in a second window makes no sense: the first one comes to the front, and `None` is given. One that
/// is on its way out, perhaps with an upload to put aside, is waited for.
async fn take_or_show(profile: &Profile) -> Result<Option<ProfileLock>> {
    let until = Instant::now() + LEAVING;
    loop {
        if let Some(lock) = ProfileLock::acquire(profile)? {
            return Ok(Some(lock));
        }
        let holder = ProfileLock::holder(profile)?;
        let socket = holder.map_or_else(|| profile.socket().to_owned(), |holder| holder.socket);
        match holdfast_agent::show(&socket).await? {
            Shown::Window => return Ok(None),
            Shown::Nobody if Instant::now() < until => tokio::time::sleep(LOOK).await,
            Shown::Nobody | Shown::NoWindow => {
                return Err(Error::Conflict(
                    "This profile is in use by another program. Close the other window, or run `holdfast lock`.".into(),
                ));
            }
        }
    }
}

impl Desk {
    /// Takes the profile. `None` when another program has it.
    pub(crate) async fn open(args: &Args) -> Result<Option<Self>> {
        let profile = Profile::open(args.profile.as_deref())?;
        let Some(lock) = take_or_show(&profile).await? else {
            return Ok(None);
        };
        let settings = Settings::load(&profile);
        let store = Arc::new(SqliteStore::open(&profile.database()).await?);
        let account = Account::load(store.as_ref()).await?;
        let minutes = settings.auto_lock_minutes;
        let desk = Self {
            profile,
            door: Door::default(),
            picks: Picks::default(),
            imports: Imports::default(),
            clip: Clip::default(),
            jobs: Jobs::default(),
            chores: Chores::default(),
            idle: Idle::new(minutes),
            store,
            app: RwLock::new(None),
            server: tokio::sync::Mutex::new(None),
            settings: Mutex::new(settings),
            trouble: Mutex::new(None),
            page: Mutex::new(None),
            window: OnceLock::new(),
            unlocked: Mutex::new(CancellationToken::new()),
            visitors: Mutex::new(CancellationToken::new()),
            guests: Arc::default(),
            leaving: CancellationToken::new(),
            lock,
        };
        if desk.settings().here_port.is_some()
            && let Err(error) = desk.serve_here().await
        {
            *held(&desk.trouble) = Some(ErrorView::from(&error));
        }
        if let Some(account) = account {
            let host = desk.host(&account.server, account.server_key)?;
            desk.take(desk.account_at(host));
        }
        Ok(Some(desk))
    }

    /// The window is there: from now on it can be told things.
    pub(crate) fn start(self: &Arc<Self>, window: AppHandle) {
        let _ = self.window.set(window);
        let desk = Arc::clone(self);
        tauri::async_runtime::spawn(async move { crate::idle::watch(desk).await });
        let desk = Arc::clone(self);
        tauri::async_runtime::spawn(async move {
            match AgentListener::bind(&desk.profile, &desk.lock).await {
                Ok(listener) => tokio::select! {
                    () = holdfast_agent::serve(Arc::clone(&desk), listener) => {}
                    () = desk.leaving.cancelled() => {}
                },
                Err(error) => tracing::warn!(%error, "the command line can't use this window's session"),
            }
        });
    }

    /// The window was closed: whoever wants to see it from now on has to open another.
    pub(crate) fn leave(&self) {
        self.leaving.cancel();
    }

    /// Before the program ends: nothing secret stays in the clipboard, the server finishes what it is doing.
    pub(crate) async fn close(&self) {
        self.jobs.pause_all();
        self.chores.stop();
        self.clip.clear(None);
        // What they have built and not finished is removed by themselves.
        self.jobs.stopped().await;
        if let Some(app) = self.app() {
            app.lock();
        }
        if let Some(server) = self.server.lock().await.take() {
            server.stop().await;
        }
    }

    /// Makes sure that the server inside this program runs; gives its address.
    pub(crate) async fn serve_here(&self) -> Result<String> {
        let mut running = self.server.lock().await;
        let port = match running.as_ref() {
            Some(running) => running.local_addr().port(),
            None => {
                let started = builtin::start(&self.profile, self.settings().here_port).await?;
                let port = started.local_addr().port();
                *running = Some(started);
                port
            }
        };
        if self.settings().here_port != Some(port) {
            self.change_settings(|settings| settings.here_port = Some(port))?;
        }
        Ok(builtin::address(port))
    }

    /// The machine, on the way to a server, which may show that key only if there is one.
    pub(crate) fn host(&self, server: &str, pin: Option<Hash>) -> Result<Host> {
        Ok(Host {
            transport: Arc::new(HttpTransport::pinned(server, pin)?),
            store: Arc::clone(&self.store) as Arc<_>,
            clock: Arc::new(SystemClock),
        })
    }

    /// The account of this profile, locked or not.
    pub(crate) fn app(&self) -> Option<Arc<App>> {
        self.app.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The locked account of this profile, on its way to a server; it can move to another one.
    pub(crate) fn account_at(&self, host: Host) -> App {
        let connect = |address: &str, pin: Option<Hash>| -> Result<Arc<dyn Transport>> {
            Ok(Arc::new(HttpTransport::pinned(address, pin)?))
        };
        App::new(host, self.profile.spool())
            .connecting_with(Arc::new(connect))
            .guarded_by(keep_in_memory)
    }

    /// From now on the profile has this account.
    pub(crate) fn take(&self, app: App) -> Arc<App> {
        let app = Arc::new(app);
        *self.app.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&app));
        app
    }

    /// The settings as they are.
    pub(crate) fn settings(&self) -> Settings {
        held(&self.settings).clone()
    }

    /// Changes settings, on disk first.
    pub(crate) fn change_settings(&self, change: impl FnOnce(&mut Settings)) -> Result<Settings> {
        let mut settings = held(&self.settings);
        let mut changed = settings.clone();
        change(&mut changed);
        let changed = changed.sane();
        changed.save(&self.profile)?;
        *settings = changed.clone();
        drop(settings);
        self.idle.set_minutes(changed.auto_lock_minutes);
        Ok(changed)
    }

    /// A person said which server it is: that it showed another certificate is no trouble any more.
    pub(crate) fn server_is_known(&self) {
        held(&self.trouble).take_if(|trouble| trouble.code == "server-certificate-changed");
    }

    /// What the page has to know before it shows anything.
    pub(crate) async fn look(&self) -> Result<Look> {
        let app = self.app();
        let account = Account::load(self.store.as_ref()).await?;
        let settings = self.settings();
        let trouble = {
            let mut trouble = held(&self.trouble);
            let once = trouble.take_if(|trouble| trouble.code == PAGE_ENDED);
            once.or_else(|| trouble.clone())
        };
        let phase = match &app {
            None => Phase::New,
            Some(app) if app.is_unlocked() => Phase::Unlocked,
            Some(_) => Phase::Locked,
        };
        Ok(Look {
            phase,
            handle: account.as_ref().map(|account| account.handle.clone()),
            server: account.map(|account| ServerLook {
                built_in: settings
                    .here_port
                    .is_some_and(|port| account.server == builtin::address(port)),
                fingerprint: account.server_key.map(fingerprint_text),
                address: account.server,
            }),
            kit_waits: self.door.kit_waits(),
            kit_due: !settings.kit_kept,
            entered: self.door.entered(),
            new_kit: self.door.new_kit(),
            quick: match &app {
                Some(app) => quick_unlock(&app.host()).await?.into(),
                None => QuickLook::Off,
            },
            locks_with_system: system::TELLS,
            trouble,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            settings,
        })
    }

    /// Opens the profile with its Master Key, and the page anew in a process that never saw it.
    pub(crate) async fn unlock(self: &Arc<Self>, phrase: &Phrase) -> Result<()> {
        let app = self.app().ok_or(Error::NoAccount)?;
        // A page that ends while it waits for an answer may ask once more with its last breath (Tauri's way when an answer
        // breaks off). It must not end the page that came after it.
        if !app.is_unlocked() {
            app.unlock(phrase).await?;
            if self.has_quick_unlock().await
                && let Err(error) = self.allow_quick_unlock().await
            {
                // The way in that was used works; the other one is off then.
                tracing::warn!(code = error.code(), "quick unlock was not renewed");
            }
            self.enter(&app);
        }
        Ok(())
    }

    /// The keys are there: the page opens anew, and what was due is caught up with in the background.
    pub(crate) fn enter(self: &Arc<Self>, app: &Arc<App>) {
        *held(&self.trouble) = None;
        self.idle.used();
        self.follow(app);
        self.renew_page();
    }

    /// Catches up and listens in the background, with the server that the account is at now.
    pub(crate) fn follow(self: &Arc<Self>, app: &Arc<App>) {
        let background = CancellationToken::new();
        std::mem::replace(&mut *held(&self.unlocked), background.clone()).cancel();
        let (desk, app) = (Arc::clone(self), Arc::clone(app));
        tauri::async_runtime::spawn(async move {
            tokio::select! {
                () = background.cancelled() => {}
                () = desk.keep_up(&app) => {}
            }
        });
    }

    /// This device was signed out while it was open.
    async fn signed_out(&self, error: &Error) -> bool {
        let out = matches!(error, Error::Locked) && self.app().is_some_and(|app| app.is_unlocked());
        if out {
            tracing::info!("locked: this device was signed out");
            self.forget_in_keychain().await;
            self.lock();
        }
        out
    }

    /// Catches up once, then listens for what is new until the session ends.
    async fn keep_up(&self, app: &App) {
        if let Err(error) = jobs::find_left_over(self, app).await {
            tracing::warn!(code = error.code(), "uploads that wait can't be listed now");
        }
        let trouble = match app.catch_up().await {
            Ok(alarms) => alarms.into_iter().next(),
            Err(Error::Unreachable(_)) => None,
            Err(error) => {
                if self.signed_out(&error).await {
                    return;
                }
                tracing::warn!(code = error.code(), "what was due is left for later");
                matches!(error, Error::KeysChanged(_) | Error::History(_) | Error::Refused(_))
                    .then(|| ErrorView::from(&error))
            }
        };
        if let Some(trouble) = trouble {
            *held(&self.trouble) = Some(trouble);
            self.tell(Event::Changed { space: String::new() });
        }
        loop {
            if let Ok(session) = app.session().await {
                match session.api().events().await {
                    Ok(mut events) => {
                        while let Some(event) = events.recv().await {
                            self.tell(Event::Changed {
                                space: event.space.to_string(),
                            });
                        }
                    }
                    Err(error) => {
                        if self.signed_out(&error).await {
                            return;
                        }
                    }
                }
            }
            tokio::time::sleep(EVENTS_PAUSE).await;
        }
    }

    /// Whether something is at work that locking would stop.
    pub(crate) fn is_busy(&self) -> bool {
        self.jobs.any_running() || self.guests.load(Ordering::SeqCst) > 0
    }

    /// Forgets the keys, and everything that was shown with them.
    pub(crate) fn lock(&self) {
        held(&self.unlocked).cancel();
        std::mem::take(&mut *held(&self.visitors)).cancel();
        self.jobs.pause_all();
        self.chores.stop();
        let open = self.app().filter(|app| app.is_unlocked());
        if let Some(app) = &open {
            app.lock();
        }
        self.door.forget();
        self.picks.clear();
        self.imports.clear();
        self.clip.clear(None);
        // Asked twice (see `unlock`), it locks once.
        if open.is_some() {
            self.renew_page();
        }
    }

    /// The computer sleeps or its screen locks.
    pub(crate) fn locked_by_system(&self, why: &'static str) {
        if self.settings().lock_with_system && self.app().is_some_and(|app| app.is_unlocked()) {
            tracing::info!(why, "locked with the computer");
            self.lock();
        }
    }

    /// The page ended without having been told to: the next one says so, once.
    pub(crate) fn page_is_gone(&self) {
        *held(&self.page) = None;
        held(&self.trouble).get_or_insert_with(|| ErrorView {
            code: PAGE_ENDED.into(),
            message: "The page in this window ended by itself and was opened anew.".into(),
            next:
                "What was done is done; what was being typed is lost. If it comes back, report it with the code below."
                    .into(),
        });
    }

    fn renew_page(&self) {
        *held(&self.page) = None;
        if let Some(window) = self.window.get() {
            page::renew(window);
        }
    }

    /// Brings the window to the front.
    pub(crate) fn show(&self) {
        if let Some(window) = self.window.get() {
            page::show(window);
        }
    }

    /// The page that is open now listens here.
    pub(crate) fn listen(&self, page: Channel<Event>) {
        *held(&self.page) = Some(page);
    }

    /// Tells the page, if one listens.
    pub(crate) fn tell(&self, event: Event) {
        if let Some(page) = held(&self.page).as_ref() {
            let _ = page.send(event);
        }
    }

    /// Files hang over the window, or no longer.
    pub(crate) fn hover(&self, over: bool) {
        self.tell(Event::Hover { over });
    }

    /// Files were dropped on the window.
    pub(crate) fn dropped(&self, paths: Vec<PathBuf>) {
        self.tell(Event::Hover { over: false });
        let files = self.picks.add(paths);
        self.tell(Event::Dropped { files });
    }

    /// Runs a command of the page's.
    pub(crate) async fn run(&self, command: Command) -> Result<Outcome> {
        let app = self.app().ok_or(Error::NoAccount)?;
        app.run(command, Arc::new(Silent), CancellationToken::new()).await
    }
}

/// The command line's commands run here while the window has the profile.
#[async_trait]
impl Owner for Desk {
    fn app(&self) -> Result<Arc<App>> {
        Self::app(self).ok_or(Error::NoAccount)
    }

    fn begin(&self, command: &Command) -> Result<Box<dyn Send>> {
        // Looking at the state, which a prompt may do all day, keeps nothing unlocked.
        if !matches!(command, Command::Status) {
            self.idle.used();
        }
        self.guests.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Guest(Arc::clone(&self.guests))))
    }

    fn cancel(&self) -> CancellationToken {
        held(&self.visitors).clone()
    }

    async fn lock(&self) {
        Self::lock(self);
    }

    fn locked(&self) -> bool {
        false
    }

    fn show(&self) -> Result<()> {
        Self::show(self);
        Ok(())
    }
}

/// Counts a command of another program's while it runs.
struct Guest(Arc<AtomicUsize>);

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
