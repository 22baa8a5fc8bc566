//! What crosses between the page and Rust besides the commands and views of `holdfast-commands`. TypeScript is generated from here.

use holdfast_commands::types::Step;
use holdfast_commands::view::{DoctorView, ErrorView};
use holdfast_commands::{Ending, ImportChoice, ImportSource, OnClash, Outcome};
use holdfast_engine::Error;
use holdfast_protocol::id::Hash;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use crate::settings::{Settings, Theme};

/// How far the program is, from the page's point of view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nobody has an account here.
    New,
    /// There is an account, and no key in memory.
    Locked,
    /// Keys are in memory.
    Unlocked,
}

/// Where an account lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct ServerLook {
    /// Its address.
    pub address: String,
    /// Whether it is the one inside this program.
    pub built_in: bool,
    /// The fingerprint of its certificate, where a person confirmed it or an invitation held it.
    pub fingerprint: Option<String>,
}

/// What went before the page that is open now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Entered {
    /// An account was made.
    SignedUp,
    /// An account that exists was opened on this computer.
    SignedIn,
    /// The same, and the page that took the Master Key has ended.
    Arrived,
    /// An account was opened with its Recovery Kit and has a new Master Key.
    Recovered,
    /// The account has a new Master Key.
    KeyChanged,
}

/// Whether this computer opens without the Master Key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum QuickLook {
    /// It does not.
    Off,
    /// It does.
    Ready,
    /// It does again after the Master Key was typed once.
    Due,
}

impl From<holdfast_engine::Quick> for QuickLook {
    fn from(quick: holdfast_engine::Quick) -> Self {
        match quick {
            holdfast_engine::Quick::Off => Self::Off,
            holdfast_engine::Quick::Ready => Self::Ready,
            holdfast_engine::Quick::Due => Self::Due,
        }
    }
}

/// What the page has to know before it shows anything.
#[derive(Clone, Serialize, TS)]
pub struct Look {
    /// How far the program is.
    pub phase: Phase,
    /// Who has the account.
    pub handle: Option<String>,
    /// Where it lives.
    pub server: Option<ServerLook>,
    /// A Recovery Kit was made just now and waits to be written.
    pub kit_waits: bool,
    /// The Recovery Kit is not kept yet.
    pub kit_due: bool,
    /// What went just before; absent in everyday life.
    pub entered: Option<Entered>,
    /// Where the Recovery Kit of the new keys was written, after a key change.
    pub new_kit: Option<String>,
    /// Whether it opens without the Master Key.
    pub quick: QuickLook,
    /// Whether this computer tells when it sleeps or its screen locks.
    pub locks_with_system: bool,
    /// What went wrong at the start.
    pub trouble: Option<ErrorView>,
    /// The program's version.
    pub version: String,
    /// What a person set for this computer.
    pub settings: Settings,
}

/// Where a new account is to live.
#[derive(Clone, Deserialize, TS)]
#[serde(tag = "where", rename_all = "kebab-case")]
pub enum Place {
    /// The server inside this program.
    Here,
    /// A server with this address.
    Server {
        /// Scheme, host and port.
        address: String,
        /// The fingerprint that the person confirmed, where the certificate is not one that this computer trusts by itself.
        fingerprint: Option<String>,
    },
}

/// What is at a server's address.
#[derive(Clone, Serialize, TS)]
pub struct ServerCheck {
    /// Scheme, host and port.
    pub address: String,
    /// Its version; absent where nothing was asked because its certificate is not trusted.
    pub version: Option<String>,
    /// The fingerprint of a certificate that a person has to confirm.
    pub to_confirm: Option<String>,
    /// Whether another one was confirmed before.
    pub changed: bool,
}

/// What was found where the data lies.
#[derive(Serialize, TS)]
pub struct Checkup {
    /// In this computer's profile, and on the way to the server.
    pub profile: DoctorView,
    /// In the data of the server inside this program, if the account lives there.
    pub server: Option<DoctorView>,
}

/// What an invitation says, before anything is sent.
#[derive(Clone, Serialize, TS)]
pub struct InvitationLook {
    /// The server it is for.
    pub server: String,
    /// The fingerprint of that server's certificate, where it is needed.
    pub fingerprint: Option<String>,
    /// Who invites: the six words.
    pub inviter_words: String,
}

/// How good a phrase of one's own is.
#[derive(Clone, Serialize, TS)]
pub struct Judgement {
    /// Bits of guessing it withstands.
    pub bits: u32,
    /// How many are needed.
    pub floor: u32,
    /// Whether it will be taken.
    pub enough: bool,
    /// Why it can't be used at all.
    pub refused: Option<String>,
    /// How long a skilled attacker with the server's data would take, in years (below one: a fraction).
    pub years: f64,
}

/// A new account.
#[derive(Deserialize, TS)]
pub struct NewAccountForm {
    /// Where it is to live.
    pub place: Place,
    /// What the person signs in with.
    pub handle: String,
    /// The name people know the person by.
    pub name: String,
    /// The own phrase; the generated one if absent.
    #[ts(type = "string | null")]
    pub phrase: Option<holdfast_commands::Hidden>,
    /// Size of the key pair.
    pub bits: u32,
    /// Whether a second secret is to count beside the Master Key.
    pub second: bool,
    /// An invitation to answer.
    #[ts(type = "string | null")]
    pub invitation: Option<holdfast_commands::Hidden>,
}

/// An account that exists, on a device that doesn't know it.
#[derive(Deserialize, TS)]
pub struct SignInForm {
    /// The server's address.
    pub address: String,
    /// The fingerprint that the person confirmed; what this computer knows already if absent.
    pub fingerprint: Option<String>,
    /// What the person signs in with.
    pub handle: String,
    /// The Master Key.
    #[ts(type = "string")]
    pub phrase: holdfast_commands::Hidden,
    /// The second secret; the one that this computer has for the account if absent.
    #[ts(type = "string | null")]
    pub second: Option<holdfast_commands::Hidden>,
    /// The second secret that this computer has was turned off on another one.
    pub without_second: bool,
}

/// A new Master Key for the account that is open.
#[derive(Deserialize, TS)]
pub struct KeyChangeForm {
    /// A number that no other form has: a page that ends before it was answered may ask twice.
    pub turn: u32,
    /// The own phrase; the generated one if absent.
    #[ts(type = "string | null")]
    pub phrase: Option<holdfast_commands::Hidden>,
    /// Size of the key pair; as before if absent.
    pub bits: Option<u32>,
    /// Somebody may have the old one.
    pub leaked: bool,
    /// What becomes of the second secret; it stays if absent.
    pub second: Option<holdfast_commands::SecondChange>,
    /// Whether to make a new Recovery Kit. Without one the old kit ends and none takes its place.
    pub kit: bool,
}

/// An account whose Master Key is lost, and its Recovery Kit.
#[derive(Deserialize, TS)]
pub struct RecoverForm {
    /// The server's address.
    pub address: String,
    /// The fingerprint that the person confirmed; what this computer knows already if absent.
    pub fingerprint: Option<String>,
    /// The kit's 24 words.
    #[ts(type = "string")]
    pub code: holdfast_commands::Hidden,
    /// The new Master Key; the generated one if absent.
    #[ts(type = "string | null")]
    pub phrase: Option<holdfast_commands::Hidden>,
    /// Whether a new second secret is to count beside it.
    pub second: bool,
}

/// What the page asks for when it wants files; the person chooses them in the system's own dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Pick {
    /// Files to read.
    Files,
    /// A folder to read.
    Folder,
    /// A folder to write into.
    Target,
}

/// Files that a person chose. The page knows them by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct Picked {
    /// The number.
    pub pick: u32,
    /// What they are called, without their folders.
    pub names: Vec<String>,
    /// Whether it is one folder, which can give its name to what is made of it.
    pub folder: bool,
}

/// What is to be imported.
#[derive(Deserialize, TS)]
pub struct ImportForm {
    /// The number of the file.
    pub pick: u32,
    /// Which program wrote it.
    #[ts(as = "holdfast_commands::types::ImportSource")]
    pub source: ImportSource,
    /// Into which project; one's own secrets if absent.
    pub project: Option<String>,
    /// What happens to a secret whose name is taken.
    #[ts(as = "holdfast_commands::types::OnClash")]
    pub on_clash: OnClash,
    /// Where that differs for one entry.
    pub choices: Vec<ImportChoice>,
}

/// What is to be exported, and how it is protected.
#[derive(Deserialize, TS)]
pub struct ExportForm {
    /// Of which project; one's own secrets if absent.
    pub project: Option<String>,
    /// What is to open the file.
    #[ts(type = "string | null")]
    pub passphrase: Option<holdfast_commands::Hidden>,
    /// The person has said, by typing it, that anybody may read the file.
    pub plain: bool,
}

/// Work that takes its time.
#[derive(Clone, Deserialize, TS)]
#[serde(tag = "job", rename_all = "kebab-case")]
pub enum JobRequest {
    /// Files become a new item or a new version of one.
    Upload {
        /// The project's id.
        project: String,
        /// Dataset, model, task or artifact.
        #[ts(as = "holdfast_commands::types::ItemKind")]
        kind: holdfast_protocol::item::ItemKind,
        /// The item's name.
        name: String,
        /// What to say about this version.
        note: String,
        /// Files that were picked or dropped.
        pick: u32,
        /// Whether names that begin with a dot are taken along.
        include_hidden: bool,
    },
    /// A version's files are written into a folder.
    Download {
        /// The project's id.
        project: String,
        /// Dataset, model, task or artifact.
        #[ts(as = "holdfast_commands::types::ItemKind")]
        kind: holdfast_protocol::item::ItemKind,
        /// The item's id.
        item: String,
        /// What to call it on the screen.
        name: String,
        /// The version's id; the newest if absent.
        version: Option<String>,
        /// The folder that was picked.
        pick: u32,
    },
    /// What a run made is written into a folder, each output into one of its own.
    Artifacts {
        /// The project's id.
        project: String,
        /// The run's id.
        run: String,
        /// What to call it on the screen.
        name: String,
        /// The folder that was picked.
        pick: u32,
    },
}

/// How a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// At work.
    Running,
    /// Stopped by a person, or by locking; it goes on where it was.
    Paused,
    /// All of it is done, or all that could be.
    Done,
    /// It failed; trying again goes on where it was.
    Failed,
    /// Given up by a person, and listed until it is put away.
    Cancelled,
}

/// What a verb answered.
#[derive(Clone, Serialize, TS)]
pub struct Answered {
    /// How it ended.
    pub ending: Ending,
    /// The view that belongs to the verb; null where the page has it.
    #[ts(type = "unknown")]
    pub value: serde_json::Value,
    /// As of when it is, where the server did not answer.
    pub as_of_ms: Option<u64>,
    /// What the view is called, for a page that keeps it: another one has another name.
    pub name: Option<String>,
}

impl Answered {
    /// Named, and without its view where the page has just that one.
    pub(crate) fn unless(mut self, known: &str) -> Result<Self, Error> {
        let view = serde_json::to_vec(&self.value).map_err(|error| Error::Internal(error.to_string()))?;
        let name = Hash::of(&view).to_string();
        if name == known {
            self.value = serde_json::Value::Null;
        }
        self.name = Some(name);
        Ok(self)
    }
}

impl From<Outcome> for Answered {
    fn from(outcome: Outcome) -> Self {
        Self {
            ending: outcome.ending,
            value: outcome.value,
            as_of_ms: outcome.as_of_ms,
            name: None,
        }
    }
}

/// An upload from before the program was started.
#[derive(Clone, Serialize, TS)]
pub struct LeftOver {
    /// The project's name, where it is known.
    pub project_name: Option<String>,
    /// When it was begun, milliseconds since 1970-01-01 UTC.
    pub begun_ms: Option<u64>,
    /// Files that were read to their end.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A job, as the dock shows it.
#[derive(Clone, Serialize, TS)]
pub struct JobView {
    /// Its number.
    pub id: u32,
    /// Whether files come (a download) or go (an upload).
    pub download: bool,
    /// The project's id.
    pub project: String,
    /// Dataset, model, task or artifact.
    #[ts(as = "holdfast_commands::types::ItemKind")]
    pub kind: holdfast_protocol::item::ItemKind,
    /// What is moved.
    pub name: String,
    /// The folder that a download writes into.
    pub to: Option<String>,
    /// What is known of an upload that an earlier run of the program began and nobody went on with yet.
    pub left_over: Option<LeftOver>,
    /// How it is.
    pub state: JobState,
    /// How far it is.
    pub step: Option<Step>,
    /// Bytes a second over the last ten seconds; absent until it can be told.
    pub rate: Option<u64>,
    /// Seconds left; absent until it can be told.
    pub left: Option<u64>,
    /// How it ended.
    pub outcome: Option<Answered>,
    /// Why it failed.
    pub error: Option<ErrorView>,
}

/// What Rust tells the page by itself.
#[derive(Clone, Serialize, TS)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A job moved.
    Job {
        /// How it is now.
        job: Box<JobView>,
    },
    /// Something is new in a project: look again.
    Changed {
        /// Its id.
        space: String,
    },
    /// A key change moved.
    Keys {
        /// How far it is.
        step: Step,
    },
    /// A move to another server, a backup or a check moved.
    Chore {
        /// How far it is.
        step: Step,
    },
    /// Files hang over the window, or no longer.
    Hover {
        /// Whether they do.
        over: bool,
    },
    /// Files were dropped on the window.
    Dropped {
        /// They.
        files: Picked,
    },
    /// The clipboard was cleared.
    ClipboardCleared,
    /// Locking comes in that many seconds unless somebody moves.
    LockingSoon {
        /// Seconds.
        seconds: u32,
    },
}
