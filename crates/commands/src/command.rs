//! Every verb that an unlocked profile understands, as data: what a shell builds, a socket carries and [`App`](crate::App) runs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use holdfast_engine::OnClash;
use holdfast_protocol::entry::Role;
use holdfast_protocol::item::{ItemKind, SecretType};

use crate::generate::Recipe;
use crate::types;

mod parts;

pub use parts::{
    Expiry, ExportProtection, FieldInput, Hidden, ImportChoice, ImportFile, RunInput, RunOrder, SecondChange,
};

/// A verb with its arguments. Paths are absolute: the process that runs it may be another one.
#[derive(Clone, Serialize, Deserialize, TS)]
#[serde(tag = "verb", rename_all = "kebab-case")]
pub enum Command {
    /// Who this profile belongs to and how it is.
    Status,
    /// Who is signed in.
    Whoami,
    /// One's own six words, or those of somebody this device knows.
    Words {
        /// Whose; one's own if absent.
        handle: Option<String>,
    },
    /// Compares the six words somebody told.
    Verify {
        /// Whose.
        handle: String,
        /// What was told.
        words: String,
    },
    /// Finds every bundle that was published in the user's name.
    Monitor {
        /// Go on with the log of keys that the server shows now, whatever was seen of it before.
        accept: bool,
        /// Keys of the witnesses to rely on from now on, on this device; nobody if empty, as before if absent.
        witnesses: Option<Vec<String>>,
        /// How many of them have to have co-signed; more than half if absent.
        witnesses_needed: Option<u32>,
    },
    /// Lists everybody this device knows.
    PeopleList,
    /// Gives the account a new Master Key, size or both.
    KeyChange {
        /// The new Master Key.
        #[ts(type = "string")]
        phrase: Hidden,
        /// Modulus size; as before if absent.
        bits: Option<u32>,
        /// Cost of a guess.
        log2_n: u8,
        /// Somebody may have the old one.
        leaked: bool,
        /// Where to write a new Recovery Kit.
        kit: Option<PathBuf>,
        /// What becomes of the second secret.
        #[serde(default)]
        #[ts(optional)]
        second: Option<SecondChange>,
    },
    /// Shows the second secret again.
    SecondSecret {
        /// The Master Key, typed anew.
        #[ts(type = "string")]
        phrase: Hidden,
    },
    /// Makes a new Recovery Kit.
    KitNew {
        /// The PDF to write.
        out: PathBuf,
    },
    /// Tries a kit's code.
    KitTest {
        /// The 24 words.
        #[ts(type = "string")]
        code: Hidden,
    },
    /// Lists what would move to another server, and what would not.
    RelocationPlan,
    /// Moves to another server.
    Relocate {
        /// Its address.
        to: String,
        /// Leave projects where they are that can't come along.
        leave_behind: bool,
        /// The fingerprint of its certificate's key, where it is to be pinned.
        fingerprint: Option<String>,
    },
    /// Lists signed-in devices.
    DeviceList,
    /// Signs a device out.
    DeviceRemove {
        /// Its id, or the beginning of it.
        device: String,
    },
    /// Makes a project.
    ProjectCreate {
        /// Its name.
        name: String,
        /// Not encrypted.
        standard: bool,
    },
    /// Lists projects.
    ProjectList,
    /// Shows a project.
    ProjectShow {
        /// Name or id.
        project: String,
    },
    /// Renames a project.
    ProjectRename {
        /// Name or id.
        project: String,
        /// The new name.
        name: String,
    },
    /// Puts a project into the trash.
    ProjectDelete {
        /// Name or id.
        project: String,
    },
    /// Takes a project out of the trash.
    ProjectRestore {
        /// Name or id.
        project: String,
    },
    /// Removes for good what is in the trash.
    ProjectPurge {
        /// Name or id.
        project: String,
    },
    /// Seals anew what is sealed under keys that somebody had who is out now. Stopped, the same again goes on.
    ProjectRelock {
        /// Name or id.
        project: String,
        /// Only says what there is to do.
        #[serde(default)]
        #[ts(optional, as = "Option<bool>")]
        dry_run: bool,
    },
    /// Lets somebody in.
    ProjectShare {
        /// Name or id.
        project: String,
        /// Who.
        handle: String,
        /// As what.
        #[ts(as = "types::Role")]
        role: Role,
    },
    /// Invites somebody who has no account yet.
    ProjectInvite {
        /// Name or id.
        project: String,
        /// The handle he is expected to take.
        address: String,
        /// As what.
        #[ts(as = "types::Role")]
        role: Role,
    },
    /// Changes what somebody may do.
    ProjectRole {
        /// Name or id.
        project: String,
        /// Who.
        handle: String,
        /// As what from now on.
        #[ts(as = "types::Role")]
        role: Role,
    },
    /// Lists who was invited and is not in yet.
    InvitationList {
        /// Name or id.
        project: String,
    },
    /// Takes an invitation back.
    InvitationWithdraw {
        /// Name or id.
        project: String,
        /// Its id, or the handle that was invited.
        invitation: String,
    },
    /// Answers an invitation.
    InvitationAccept {
        /// Its text.
        #[ts(type = "string")]
        text: Hidden,
    },
    /// Lists who is in.
    ProjectMembers {
        /// Name or id.
        project: String,
    },
    /// Puts somebody out.
    ProjectRemove {
        /// Name or id.
        project: String,
        /// Who.
        handle: String,
    },
    /// Leaves.
    ProjectLeave {
        /// Name or id.
        project: String,
    },
    /// What happened.
    ProjectActivity {
        /// Name or id.
        project: String,
    },
    /// Uploads files as a new item or a new version.
    Upload {
        /// Dataset, model, task or artifact.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// The item's name.
        name: String,
        /// What to say about this version.
        note: String,
        /// Files and folders.
        paths: Vec<PathBuf>,
        /// Whether names that begin with a dot are taken along.
        #[serde(default = "yes")]
        #[ts(optional, as = "Option<bool>")]
        include_hidden: bool,
    },
    /// Says what an upload would take along, without reading any content but what a task says of itself. Needs no server.
    UploadPlan {
        /// What they are to become, where that is known: a task must say what it is.
        #[serde(default)]
        #[ts(optional, as = "Option<types::ItemKind>")]
        kind: Option<ItemKind>,
        /// Files and folders.
        paths: Vec<PathBuf>,
        /// Whether names that begin with a dot are taken along.
        #[serde(default = "yes")]
        #[ts(optional, as = "Option<bool>")]
        include_hidden: bool,
    },
    /// Lists uploads that were begun on this device and are not finished. Uploading the same again goes on with one.
    UploadsPending,
    /// Gives an unfinished upload up.
    UploadAbandon {
        /// The version it would make, by id.
        version: String,
    },
    /// Lists items.
    ItemList {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// What is in the trash, instead of what is not.
        #[ts(optional)]
        trashed: Option<bool>,
    },
    /// Shows an item.
    ItemShow {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// Name or id.
        item: String,
    },
    /// Lists an item's versions.
    ItemVersions {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// Name or id.
        item: String,
    },
    /// Forgets a version for good.
    ItemForget {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// Name or id.
        item: String,
        /// Number or id.
        version: String,
    },
    /// Lists the files of a version, a folder at a time. Content is not fetched.
    ItemFiles {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// Name or id.
        item: String,
        /// Number or id; the newest if absent.
        version: Option<String>,
        /// The folder; the top one if absent.
        #[serde(default)]
        #[ts(optional)]
        under: Option<String>,
        /// All files below it in one list, instead of what stands in it.
        #[serde(default)]
        #[ts(optional, as = "Option<bool>")]
        recursive: bool,
        /// Entries to pass over: `next` of the page before.
        #[serde(default)]
        #[ts(optional, as = "Option<u64>")]
        offset: u64,
        /// Entries to show; 1,000 if absent, at most 10,000.
        #[serde(default)]
        #[ts(optional)]
        limit: Option<u64>,
    },
    /// Says what changed between two versions. Content is not fetched.
    ItemChanges {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// Name or id.
        item: String,
        /// The earlier version, by number or id.
        from: String,
        /// The later one, by number or id; the newest if absent.
        #[serde(default)]
        #[ts(optional)]
        to: Option<String>,
        /// Entries to pass over: `next` of the page before.
        #[serde(default)]
        #[ts(optional, as = "Option<u64>")]
        offset: u64,
        /// Entries to show; 1,000 if absent, at most 10,000.
        #[serde(default)]
        #[ts(optional)]
        limit: Option<u64>,
    },
    /// Shows the beginning of a file. Only the pieces that are needed are fetched.
    Preview {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// Name or id.
        item: String,
        /// Number or id; the newest if absent.
        version: Option<String>,
        /// The file's path in the version, as `ItemFiles` shows it.
        file: String,
        /// Rows or lines; 200 if absent, at most 1,000.
        #[serde(default)]
        #[ts(optional)]
        rows: Option<u32>,
        /// Where to go on: `next_offset` of the page before.
        #[serde(default)]
        #[ts(optional)]
        offset: Option<u64>,
    },
    /// Downloads a version.
    Download {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// Name or id.
        item: String,
        /// Number or id; the newest if absent.
        version: Option<String>,
        /// The folder to write.
        to: PathBuf,
    },
    /// Renames an item.
    ItemRename {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// Name or id.
        item: String,
        /// The new name.
        name: String,
    },
    /// Puts an item into the trash.
    ItemDelete {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// Name or id.
        item: String,
    },
    /// Takes an item out of the trash.
    ItemRestore {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// Name or id.
        item: String,
    },
    /// Keeps a secret.
    SecretAdd {
        /// The project; one's own secrets if absent.
        project: Option<String>,
        /// Its type.
        #[ts(as = "types::SecretType")]
        secret_type: SecretType,
        /// Its name.
        name: String,
        /// About it.
        note: String,
        /// Names and values.
        fields: Vec<FieldInput>,
        /// Milliseconds since 1970-01-01 UTC.
        expires_ms: Option<u64>,
    },
    /// Removes for good a secret that is in the trash, or all that are.
    SecretPurge {
        /// The project; one's own secrets if absent.
        project: Option<String>,
        /// Name or id; all of them if absent.
        name: Option<String>,
    },
    /// Lists secrets, never their values.
    SecretList {
        /// The project; one's own secrets if absent.
        project: Option<String>,
        /// Those in the trash instead.
        #[serde(default)]
        trashed: bool,
    },
    /// Shows a secret.
    SecretShow {
        /// The project; one's own secrets if absent.
        project: Option<String>,
        /// Name or id.
        name: String,
        /// With its hidden values.
        reveal: bool,
        /// Number (1 is the oldest) or id; the newest if absent.
        #[serde(default)]
        version: Option<String>,
    },
    /// Writes a new version of a secret.
    SecretEdit {
        /// The project; one's own secrets if absent.
        project: Option<String>,
        /// Name or id.
        name: String,
        /// Fields to set; the others stay.
        fields: Vec<FieldInput>,
        /// Fields to take away.
        remove: Vec<String>,
        /// The version that was seen before the edit, by id; the newest if absent.
        seen: Option<String>,
    },
    /// Gives a secret another name or note, or says when it stops working. No version is written.
    SecretDescribe {
        /// The project; one's own secrets if absent.
        project: Option<String>,
        /// Name or id.
        name: String,
        /// The new name; as before if absent.
        #[serde(default)]
        #[ts(optional)]
        rename: Option<String>,
        /// The new note; as before if absent.
        #[serde(default)]
        #[ts(optional)]
        note: Option<String>,
        /// When it stops working; as before if absent.
        #[serde(default)]
        #[ts(optional)]
        expires: Option<Expiry>,
    },
    /// Lists a secret's versions.
    SecretHistory {
        /// The project; one's own secrets if absent.
        project: Option<String>,
        /// Name or id.
        name: String,
    },
    /// Moves a secret.
    SecretMove {
        /// From where; one's own secrets if absent.
        project: Option<String>,
        /// Name or id.
        name: String,
        /// To which project.
        to: String,
    },
    /// Makes an old version the newest one.
    SecretRestore {
        /// The project; one's own secrets if absent.
        project: Option<String>,
        /// Name or id.
        name: String,
        /// Number (1 is the oldest) or id.
        version: String,
    },
    /// Takes a secret out of the trash.
    SecretUntrash {
        /// The project; one's own secrets if absent.
        project: Option<String>,
        /// Name or id.
        name: String,
    },
    /// Looks for weak values, values that stand in several secrets, and what expires.
    SecretNotes {
        /// The project; one's own secrets if absent.
        project: Option<String>,
        /// Name or id; all of them if absent.
        name: Option<String>,
    },
    /// Describes the types of secrets and their fields. Needs no account.
    SecretTypes,
    /// Makes a password. Needs no account.
    SecretGenerate {
        /// How.
        recipe: Recipe,
    },
    /// Says what an import would do. Changes nothing.
    SecretImportPreview {
        /// What to read.
        file: ImportFile,
        /// Into which project; one's own secrets if absent.
        project: Option<String>,
        /// What happens to a secret whose name is taken.
        #[ts(as = "types::OnClash")]
        on_clash: OnClash,
        /// Where that differs for one entry.
        #[serde(default)]
        choices: Vec<ImportChoice>,
    },
    /// Imports secrets.
    SecretImport {
        /// What to read.
        file: ImportFile,
        /// Into which project; one's own secrets if absent.
        project: Option<String>,
        /// What happens to a secret whose name is taken.
        #[ts(as = "types::OnClash")]
        on_clash: OnClash,
        /// Where that differs for one entry.
        #[serde(default)]
        choices: Vec<ImportChoice>,
        /// The digest that the preview gave: another file is refused.
        #[serde(default)]
        seen: Option<String>,
    },
    /// Takes an import back.
    SecretImportUndo {
        /// Into which project it was; looked for everywhere if absent.
        project: Option<String>,
        /// Its id.
        import: String,
    },
    /// Writes secrets into a file: sealed under a passphrase, or for anybody to read.
    SecretExport {
        /// Of which project; one's own secrets if absent.
        project: Option<String>,
        /// The file; never one that is there.
        out: PathBuf,
        /// How it is protected.
        protection: ExportProtection,
    },
    /// Puts a secret into the trash.
    SecretRemove {
        /// The project; one's own secrets if absent.
        project: Option<String>,
        /// Name or id.
        name: String,
    },
    /// Draws a token with which one computer can become a node.
    NodeInvite,
    /// Lists nodes: one's own, and those of one's projects.
    NodeList,
    /// A node's six words, as this device knows them.
    NodeWords {
        /// Name or id.
        node: String,
    },
    /// Compares the six words that a node's own console shows.
    NodeVerify {
        /// Name or id.
        node: String,
        /// What it shows.
        words: String,
    },
    /// Lets a node work for a project.
    NodeAuthorise {
        /// Name or id of the project.
        project: String,
        /// Name or id.
        node: String,
        /// It is given the project's key, instead of what each run needs.
        #[serde(default)]
        whole_project: bool,
        /// Until when, milliseconds since 1970-01-01 UTC; for 24 hours if absent.
        #[serde(default)]
        #[ts(optional)]
        until_ms: Option<u64>,
    },
    /// Ends what a node may do in a project.
    NodeWithdraw {
        /// Name or id of the project.
        project: String,
        /// Name or id.
        node: String,
    },
    /// Ends a node that the user enrolled.
    NodeEnd {
        /// Name or id.
        node: String,
    },
    /// Shows what a task says of itself.
    TaskManifest {
        /// Name or id of the project.
        project: String,
        /// Name or id of the task.
        task: String,
        /// Its version, by number or id; the newest if absent.
        #[serde(default)]
        #[ts(optional)]
        version: Option<String>,
    },
    /// Says all that would keep an order from being a run of its task. The node is not looked at, and nothing is ordered.
    RunCheck {
        /// What would be ordered.
        order: RunOrder,
    },
    /// Orders a run of a task.
    RunStart {
        /// What is ordered.
        order: RunOrder,
    },
    /// Lists a project's runs, the newest first.
    RunList {
        /// Name or id of the project.
        project: String,
    },
    /// Shows a run.
    RunShow {
        /// Its id, or the first eight characters or more of it; `PROJECT/RUN` looks in one project only.
        run: String,
    },
    /// Shows what a run printed, from a place on. Waits a while where nothing is there yet.
    RunLog {
        /// As in `RunShow`.
        run: String,
        /// Which attempt; the one that counts if absent.
        #[serde(default)]
        #[ts(optional)]
        attempt: Option<u32>,
        /// Pieces to pass over: `next` of the answer before.
        #[serde(default)]
        #[ts(optional, as = "Option<u64>")]
        from: u64,
        /// Milliseconds to wait for more, at most 20,000.
        #[serde(default)]
        #[ts(optional, as = "Option<u64>")]
        wait_ms: u64,
    },
    /// Lists what a run measured.
    RunMetrics {
        /// As in `RunShow`.
        run: String,
    },
    /// Takes a run back, or stops it.
    RunStop {
        /// As in `RunShow`.
        run: String,
    },
    /// Downloads what a run made: a folder for each output.
    RunArtifacts {
        /// As in `RunShow`.
        run: String,
        /// The folder to write into.
        to: PathBuf,
    },
    /// Does what is due in a workflow, without waiting: takes results over and orders the runs that are ready. To be repeated until it
    /// is over.
    WorkflowAdvance {
        /// The text of the file.
        source: String,
        /// Which one goes on; a new one if absent.
        #[serde(default)]
        #[ts(optional)]
        workflow: Option<String>,
        /// Runs that no longer count: `passed_over` of the answer before. Absent where a workflow is resumed: then none of those counts
        /// that ended without success.
        #[serde(default)]
        #[ts(optional)]
        passed_over: Option<Vec<String>>,
    },
    /// Shows how a workflow stands.
    WorkflowShow {
        /// Its id, or the first eight characters or more of it.
        workflow: String,
        /// The text of its file: with it, steps are shown that have no run yet.
        #[serde(default)]
        #[ts(optional)]
        source: Option<String>,
    },
    /// Stops the runs of a workflow.
    WorkflowStop {
        /// As in `WorkflowShow`.
        workflow: String,
    },
}

impl Command {
    /// Whether it names files of this computer. A page must not: it gets numbers for files that a person chose.
    #[must_use]
    pub fn names_files(&self) -> bool {
        matches!(
            self,
            Self::Upload { .. }
                | Self::UploadPlan { .. }
                | Self::Download { .. }
                | Self::KitNew { .. }
                | Self::KeyChange { kit: Some(_), .. }
                | Self::SecretImport { .. }
                | Self::SecretImportPreview { .. }
                | Self::SecretExport { .. }
                | Self::RunArtifacts { .. }
        )
    }
}

/// The value of a field that older shells don't send.
fn yes() -> bool {
    true
}
