//! What people and programs are shown. These shapes are the `--json` output; they change only with a major version.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use holdfast_engine::ports::Step;
use holdfast_protocol::entry::Role;
use holdfast_protocol::item::{ItemKind, PinState};

use crate::types;

macro_rules! views {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }
    )*};
}

mod ops;

pub use ops::*;

views! {
    /// How this profile is.
    StatusView {
        /// Whether keys are in memory.
        unlocked: bool,
        /// Who it belongs to.
        handle: Option<String>,
        /// The server's address.
        server: Option<String>,
        /// Whether the server answers.
        online: bool,
        /// Whether the keys in memory are kept out of the swap file; absent while there are none.
        keys_held: Option<bool>,
        /// What must be looked at, since the profile was unlocked: all else can be used.
        alarms: Vec<ErrorView>,
        /// Who answered an invitation and came in, since the profile was unlocked.
        news: Vec<CameView>,
    }
    /// Somebody who answered an invitation.
    CameView {
        /// Who.
        handle: String,
        /// The project's id.
        project: String,
        /// The project's name.
        project_name: String,
        /// As what.
        #[ts(as = "types::Role")]
        role: Role,
    }
    /// Who is signed in.
    WhoamiView {
        /// What he signs in with.
        handle: String,
        /// The name people know him by.
        name: Option<String>,
        /// Id of the principal.
        id: String,
        /// The server's address.
        server: String,
        /// Modulus size of the key pair.
        bits: u32,
        /// His six words.
        words: String,
        /// Key changes so far.
        key_changes: u32,
        /// When the newest change was made that this computer has seen, by its author's clock, milliseconds since 1970-01-01 UTC.
        newest_ms: u64,
        /// Whether a second secret opens the account beside the Master Key.
        second_secret: bool,
    }
    /// Somebody's six words.
    WordsView {
        /// Whose.
        handle: String,
        /// Six words.
        words: String,
        /// How sure this user is of them.
        checked: CheckedView,
        /// Whether another account is known under this handle: nothing is shared with this one before its words are compared.
        another: bool,
    }
    /// What the server's log of keys has in the user's name.
    MonitorView {
        /// How many bundles are in the log, of everybody.
        size: u64,
        /// Those in the user's name, in the order in which they were published.
        published: Vec<PublishedView>,
        /// The log's key, as its witnesses are told it.
        log: String,
        /// What the witnesses say that this device relies on; null where it relies on none.
        witnessing: Option<WitnessingView>,
    }
    /// What witnesses say about the server's log of keys.
    WitnessingView {
        /// How many of them have to have co-signed.
        needed: usize,
        /// How many bundles are in the part of the log that so many have co-signed.
        size: u64,
        /// As of when, milliseconds since 1970-01-01 UTC.
        as_of_ms: u64,
        /// All of them.
        witnesses: Vec<WitnessView>,
    }
    /// One witness.
    WitnessView {
        /// Its name.
        name: String,
        /// Its key, as it is told.
        key: String,
        /// How many bundles are in what it co-signed last, in the last 24 hours; null if there is nothing.
        size: Option<u64>,
        /// When it did, milliseconds since 1970-01-01 UTC.
        signed_ms: Option<u64>,
    }
    /// A bundle that was published in the user's name.
    PublishedView {
        /// Its number in the log.
        number: u64,
        /// Id of the principal; another one than the user's where somebody has the user's handle.
        id: String,
        /// Key changes before it.
        counter: u32,
        /// SHA-256 of the signed bundle.
        bundle: String,
        /// When it says that it was made, milliseconds since 1970-01-01 UTC; null where the server does not show it.
        created_ms: Option<u64>,
        /// Its six words; null where the server does not show it.
        words: Option<String>,
        /// Whether it is one of the account's as this device knows them.
        known: bool,
    }
    /// How sure this user is of somebody's keys.
    CheckedView {
        /// Not checked, checked, or changed since.
        #[ts(as = "types::PinState")]
        state: PinState,
        /// Since when, milliseconds since 1970-01-01 UTC.
        since_ms: u64,
    }
    /// A project in short.
    ProjectView {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// Whether the server can read it (false) or not (true).
        encrypted: bool,
        /// What the user may do.
        #[ts(as = "Option<types::Role>")]
        role: Option<Role>,
        /// How many people are in.
        members: usize,
        /// Bytes on the server, padding included.
        bytes: u64,
        /// Last change, milliseconds since 1970-01-01 UTC, by its author's clock.
        changed_ms: u64,
        /// Whether it is in the trash.
        trashed: bool,
        /// Whether the server was asked just now.
        fresh: bool,
        /// Why it can't be used. What stands beside it is what this device saw last, or nothing.
        trouble: Option<ErrorView>,
    }
    /// A project in full.
    ProjectDetail {
        /// In short.
        project: ProjectView,
        /// How many items of each kind.
        items: Vec<KindCount>,
        /// Who is in.
        people: Vec<MemberView>,
        /// The epoch of its key: how often the key was renewed.
        key_epoch: u32,
    }
    /// How many items of a kind.
    KindCount {
        /// The kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// How many, without those in the trash.
        count: usize,
    }
    /// Somebody who is in a project.
    MemberView {
        /// Who.
        handle: String,
        /// The id of that account, which never changes.
        id: String,
        /// What he may do.
        #[ts(as = "types::Role")]
        role: Role,
        /// `user` or `node`.
        kind: String,
        /// How sure this user is of his keys.
        #[ts(as = "types::PinState")]
        checked: PinState,
        /// Since when that is so, milliseconds since 1970-01-01 UTC.
        checked_ms: u64,
        /// When he came in.
        since_ms: u64,
        /// His six words.
        words: String,
        /// Whether it is the user himself.
        me: bool,
        /// Whether it is the account from before this person started over: the words of a later one were compared.
        replaced: bool,
    }
    /// How sharing ended.
    ShareView {
        /// With whom.
        handle: String,
        /// The id of that account.
        id: String,
        /// As what.
        #[ts(as = "types::Role")]
        role: Role,
        /// How sure this user is of her keys.
        #[ts(as = "types::PinState")]
        checked: PinState,
        /// Since when that is so, milliseconds since 1970-01-01 UTC.
        since_ms: u64,
        /// Her six words.
        words: String,
    }
    /// An invitation to hand over.
    InvitationView {
        /// To be told to the newcomer, not by way of the server.
        invitation: String,
        /// The handle he is expected to take.
        handle: String,
        /// When it ends, milliseconds since 1970-01-01 UTC.
        expires_ms: u64,
        /// Whether this device knows an account with this handle already: the project can be shared with it at once.
        has_account: bool,
    }
    /// Somebody this device knows.
    PersonView {
        /// Who.
        handle: String,
        /// The id of that account.
        id: String,
        /// How sure this user is of the keys.
        #[ts(as = "types::PinState")]
        checked: PinState,
        /// Since when that is so, milliseconds since 1970-01-01 UTC.
        since_ms: u64,
        /// The six words.
        words: String,
        /// Names of the projects that both are in.
        projects: Vec<String>,
        /// Whether it is the account from before this person started over: the words of a later one were compared.
        replaced: bool,
    }
    /// Who is waited for.
    WaitingView {
        /// The invitation's id.
        id: String,
        /// The handle.
        handle: String,
        /// As what.
        #[ts(as = "types::Role")]
        role: Role,
        /// When the invitation ends.
        expires_ms: u64,
    }
    /// How a removal ended.
    RemovedView {
        /// Who is out.
        handle: String,
        /// What he could open.
        could_open: Vec<ItemName>,
        /// Secrets to change where they come from.
        change_secrets: Vec<String>,
        /// Whether new keys protect everything from now on.
        new_key: bool,
    }
    /// An item's kind and name.
    ItemName {
        /// The kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// The name.
        name: String,
        /// Whether it is in the trash, where it can be opened as well.
        trashed: bool,
    }
    /// Something that happened.
    ActivityView {
        /// Number of the log entry.
        seq: u64,
        /// Milliseconds since 1970-01-01 UTC, by the author's clock.
        time_ms: u64,
        /// Who.
        who: String,
        /// What, as a stable word.
        what: String,
        /// What, as a sentence.
        text: String,
    }
    /// How an upload ended.
    UploadView {
        /// The item.
        id: String,
        /// Number of the new version.
        version: usize,
        /// Nothing has changed since that version: no new one was made.
        unchanged: bool,
        /// Files in it.
        files: u64,
        /// Their bytes.
        bytes: u64,
        /// Bytes that were sent.
        bytes_sent: u64,
        /// Pieces that the server had before.
        chunks_reused: u64,
        /// Bytes of the files that the server had before.
        bytes_reused: u64,
        /// What was left out.
        skipped: Vec<SkippedView>,
    }
    /// Something that was left out.
    SkippedView {
        /// Its path.
        path: String,
        /// Why.
        reason: String,
    }
    /// How a download ended.
    DownloadView {
        /// Files written.
        files: u64,
        /// Their bytes.
        bytes: u64,
        /// What was left out.
        skipped: Vec<SkippedView>,
    }
    /// An item in short.
    ItemView {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// Its kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// How many versions it has.
        versions: usize,
        /// Files in the newest.
        files: u64,
        /// Their bytes.
        bytes: u64,
        /// Last change, milliseconds since 1970-01-01 UTC.
        changed_ms: u64,
        /// Who changed it.
        changed_by: String,
        /// Whether it is in the trash.
        trashed: bool,
    }
    /// A version.
    VersionView {
        /// 1 is the oldest.
        version: usize,
        /// Its id.
        id: String,
        /// Who made it.
        author: String,
        /// When, milliseconds since 1970-01-01 UTC.
        created_ms: u64,
        /// What he said about it.
        note: String,
        /// Files in it.
        files: u64,
        /// Their bytes.
        bytes: u64,
    }
    /// A folder of a version, or all files below it.
    FilesView {
        /// Number of the version.
        version: usize,
        /// Files in the whole version.
        files: u64,
        /// Their bytes.
        bytes: u64,
        /// The folder; empty for the top one.
        under: String,
        /// Files in and below it.
        folder_files: u64,
        /// Their bytes.
        folder_bytes: u64,
        /// What stands in it, folders first: one page.
        entries: Vec<FileView>,
        /// How many entries there are in all.
        total: u64,
        /// Where the next page begins.
        next: Option<u64>,
    }
    /// A file, a folder or a link of a version.
    FileView {
        /// The last part of its path; the whole path in a flat list.
        name: String,
        /// Its path.
        path: String,
        /// `file`, `folder` or `link`.
        r#type: String,
        /// Its bytes; of a folder, those of all files below.
        bytes: u64,
        /// Of a folder: files below, however deep.
        files: u64,
        /// Last change, milliseconds since 1970-01-01 UTC.
        modified_ms: Option<i64>,
        /// Permission bits, as a number (0o644 is 420).
        mode: Option<u32>,
        /// Where a link points.
        target: Option<String>,
    }
    /// What changed between two versions.
    ChangesView {
        /// Number of the earlier version.
        from: usize,
        /// Number of the later one.
        to: usize,
        /// Paths that are new.
        added: u64,
        /// Paths that are gone.
        removed: u64,
        /// Files with other content (or other permissions: see the entries).
        changed: u64,
        /// Files under another path.
        renamed: u64,
        /// Files that are as they were.
        unchanged: u64,
        /// Bytes of the earlier version.
        bytes_before: u64,
        /// Bytes of the later one.
        bytes: u64,
        /// What changed, by path: one page.
        entries: Vec<ChangeView>,
        /// How many entries there are in all.
        total: u64,
        /// Where the next page begins.
        next: Option<u64>,
    }
    /// Something that changed.
    ChangeView {
        /// `added`, `removed`, `content`, `permissions` or `renamed`.
        change: String,
        /// Its path; of what was removed, the earlier one.
        path: String,
        /// The earlier path of what was renamed.
        was: Option<String>,
        /// `file`, `folder` (only empty ones count) or `link`.
        r#type: String,
        /// Its bytes before.
        bytes_before: Option<u64>,
        /// Its bytes now.
        bytes: Option<u64>,
    }
    /// The beginning of a file.
    PreviewView {
        /// Its path.
        file: String,
        /// Number of the version.
        version: usize,
        /// What is shown.
        #[serde(flatten)]
        #[ts(flatten)]
        view: holdfast_preview::View,
    }
    /// What an upload would take along.
    PlanView {
        /// Files.
        files: u64,
        /// Folders.
        folders: u64,
        /// Links, which stay links.
        links: u64,
        /// Bytes of the files.
        bytes: u64,
        /// The largest file.
        largest: Option<SizedView>,
        /// What would be left out, by path: the first 1,000.
        skipped: Vec<SkippedView>,
        /// How much would be left out in all.
        skipped_total: u64,
        /// Files that a `.gitignore` names and that are taken along all the same: the first 1,000.
        ignored: Vec<String>,
        /// How many these are in all.
        ignored_total: u64,
        /// Their bytes.
        ignored_bytes: u64,
    }
    /// A path and its size.
    SizedView {
        /// The path.
        path: String,
        /// Bytes.
        bytes: u64,
    }
    /// An upload that was begun and is not finished.
    PendingView {
        /// Its id: the version it would make.
        version: String,
        /// The project's id.
        project: String,
        /// The project's name, where it is known.
        project_name: Option<String>,
        /// The id of the item that it makes or adds to.
        item: String,
        /// What kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// The item's name.
        name: String,
        /// What is to be said about the version.
        note: String,
        /// Files and folders, as they were named; give the same to go on.
        paths: Vec<String>,
        /// Whether hidden files are taken along; give the same to go on.
        include_hidden: bool,
        /// When it was begun, milliseconds since 1970-01-01 UTC.
        begun_ms: Option<u64>,
        /// Files that were read to their end.
        files: u64,
        /// Their bytes.
        bytes: u64,
        /// Bytes that the server has, padding included.
        bytes_sent: u64,
    }
    /// A secret in short.
    SecretView {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// Its type; `project-key` for the key of a project.
        r#type: String,
        /// The same as `changed_ms`, under its first name.
        changed: u64,
        /// Last change, milliseconds since 1970-01-01 UTC.
        changed_ms: u64,
        /// When it stops working.
        expires_ms: Option<u64>,
        /// When it was put into the trash, if it is there.
        #[serde(default)]
        trashed_ms: Option<u64>,
    }
    /// A version of a secret.
    SecretVersionView {
        /// 1 is the oldest that is kept.
        version: usize,
        /// Its id.
        id: String,
        /// Who made it.
        author: String,
        /// When, milliseconds since 1970-01-01 UTC.
        created_ms: u64,
        /// Where it came from, if it was not typed in.
        note: String,
    }
    /// A secret.
    SecretDetail {
        /// In short.
        secret: SecretView,
        /// About it.
        note: String,
        /// Its fields; hidden values only when they were asked for.
        fields: Vec<FieldView>,
        /// The id of the version that is shown; the newest one's is what an edit names as seen.
        version: String,
        /// Its number; 1 is the oldest that is kept.
        number: usize,
        /// How many versions are kept.
        versions: usize,
        /// Where it may be handed over; empty is anywhere.
        host: String,
        /// The account there.
        account: String,
        /// What for.
        purpose: String,
    }
    /// A field of a secret.
    FieldView {
        /// Its name.
        name: String,
        /// Whether its value is shown only when asked for.
        hidden: bool,
        /// Its value, if it is not hidden or was asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        value: Option<String>,
    }
    /// How an edit ended.
    EditView {
        /// The secret.
        id: String,
        /// Somebody else changed it at the same time; both versions are kept.
        conflict: bool,
    }
    /// A secret that was moved.
    MovedView {
        /// Its id at the new place.
        id: String,
        /// Its name.
        name: String,
        /// The project it came from, in whose trash the old copy lies; absent for one's own secrets.
        from: Option<String>,
        /// Who else can still read it there, until the trash is emptied, and may have kept it.
        readable_by: Vec<String>,
        /// What to change where it comes from, because others could read it.
        change_secrets: Vec<String>,
    }
    /// Something that has an id now.
    IdView {
        /// The id.
        id: String,
        /// The name.
        name: String,
    }
    /// What was removed for good.
    PurgedView {
        /// Names.
        items: Vec<String>,
        /// Bytes given back.
        bytes: u64,
        /// Whether the project itself is gone, and not only what was in its trash.
        project: bool,
    }
    /// What was sealed anew, or is to be.
    RelockView {
        /// Items.
        items: u64,
        /// Their versions.
        versions: u64,
        /// Bytes of files in these.
        bytes: u64,
        /// Bytes of packs that are no longer needed; the server keeps those for thirty days.
        dropped_bytes: u64,
        /// What was left as it is.
        left: Vec<LeftView>,
    }
    /// Something that was left as it is.
    LeftView {
        /// Its name.
        name: String,
        /// Why.
        error: ErrorView,
    }
    /// A signed-in device.
    DeviceView {
        /// Its id.
        id: String,
        /// First sign-in, milliseconds since 1970-01-01 UTC.
        created_ms: u64,
        /// Last seen, milliseconds since 1970-01-01 UTC.
        seen_ms: u64,
        /// Whether it is this one.
        current: bool,
    }
    /// How a key change ended.
    KeyChangeView {
        /// Modulus size now.
        bits: u32,
        /// Spaces that know the new keys already.
        spaces: usize,
        /// The new words.
        words: String,
        /// Where the new Recovery Kit is.
        kit: Option<String>,
        /// The second secret, if there is a new one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        second_secret: Option<String>,
        /// What could not be done after the keys were changed.
        skipped: Vec<SkippedView>,
    }
    /// What stands beside the Master Key.
    SecondSecretView {
        /// As it is typed.
        second_secret: String,
    }
    /// A Recovery Kit that was written.
    KitView {
        /// Where.
        path: String,
    }
    /// Nothing to say but that it is done.
    DoneView {
        /// Always true.
        done: bool,
    }
    /// What went wrong.
    ErrorView {
        /// Stable code.
        code: String,
        /// A sentence.
        message: String,
        /// What to do next.
        next: String,
    }
}

mod runs;
mod secrets;
mod tasks;

pub use runs::*;
pub use secrets::*;
pub use tasks::*;

impl DoneView {
    /// It is done.
    pub const YES: Self = Self { done: true };
}

impl From<&holdfast_engine::Error> for ErrorView {
    fn from(error: &holdfast_engine::Error) -> Self {
        Self {
            code: error.code().to_owned(),
            message: error.to_string(),
            next: error.next().to_owned(),
        }
    }
}

/// How a command ended when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// All of it is done.
    Done,
    /// Part of it; what was left out is listed.
    Partial,
    /// Done, beside somebody else's change.
    Conflict,
    /// Done, and it found what must be looked at.
    Alarm,
}

/// What a command returns. May hold revealed secrets: it has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// The view, as it is shown with `--json`.
    pub value: serde_json::Value,
    /// As of when it is, milliseconds since 1970-01-01 UTC, where the server did not answer and it comes from this device.
    #[serde(default)]
    pub as_of_ms: Option<u64>,
    /// What people should hear beside it; one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What the owner's process sends back while and after it runs a command.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "kebab-case")]
pub enum Frame {
    /// How far it is.
    Progress(Step),
    /// It ended.
    Ended(Outcome),
    /// It failed.
    Failed(ErrorView),
}

impl MonitorView {
    /// Whether a bundle was published by another account of the user's name before the user's own first one was: that of somebody
    /// who started over, or one that was made to pass for him.
    #[must_use]
    pub fn is_before(&self, found: &PublishedView) -> bool {
        let own = self.published.iter().find(|other| other.known);
        own.is_some_and(|own| !found.known && found.id != own.id && found.number < own.number)
    }
}
