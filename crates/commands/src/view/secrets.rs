//! What is shown about sets of secrets: imports, exports, remarks, and the table of types.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

views! {
    /// A password that was made.
    GeneratedView {
        /// The password.
        value: String,
        /// log2 of how many there are, rounded down.
        bits: u32,
    }
    /// A type of secret.
    SecretTypeView {
        /// Its name, as in `SecretAdd` and on the command line.
        r#type: String,
        /// Its name for people.
        label: String,
        /// Its usual fields, in order. Any others may be added.
        fields: Vec<FieldTypeView>,
    }
    /// A field of a type of secret.
    FieldTypeView {
        /// Its name.
        name: String,
        /// Its name for people.
        label: String,
        /// Shown only when asked for. Fields that are not listed are hidden.
        hidden: bool,
        /// May have several lines.
        multiline: bool,
        /// A person makes it up: a generator belongs beside it.
        password: bool,
        /// Belongs to every secret of the type; the others are offered.
        main: bool,
        /// An example.
        example: String,
    }
    /// What there is to say about a secret.
    SecretNotesView {
        /// The secret.
        id: String,
        /// Its name.
        name: String,
        /// Remarks; not empty.
        notes: Vec<SecretNoteView>,
    }
    /// A remark.
    SecretNoteView {
        /// `weak`, `reused`, `expired` or `expires-soon`.
        kind: String,
        /// About which field, if about one.
        field: Option<String>,
        /// A sentence.
        text: String,
        /// Reused: where else the value is.
        also_in: Vec<AlsoInView>,
    }
    /// Where a value is used as well.
    AlsoInView {
        /// The project; absent for one's own secrets.
        project: Option<String>,
        /// The secret's name.
        name: String,
        /// The field.
        field: String,
    }
    /// What an import would do.
    ImportPlanView {
        /// Digest of the file, to be given to the import.
        digest: String,
        /// Whether whoever has the file can read it.
        file_in_clear: bool,
        /// What is in the file, in its order; names, never values.
        entries: Vec<ImportEntryView>,
        /// What is in the file and can't be taken.
        skipped: Vec<ImportSkippedView>,
        /// How many secrets would be made, those that replace one of another type among them.
        makes: usize,
        /// How many would become a new version of one that is there.
        replaces: usize,
        /// How many would be left out, by choice or because they are there already.
        leaves: usize,
    }
    /// An entry of a file.
    ImportEntryView {
        /// Its number, by which choices name it; 0 is the first.
        entry: usize,
        /// Its name in the file.
        name: String,
        /// What type it would be.
        r#type: String,
        /// The names of its fields.
        fields: Vec<String>,
        /// Where it may be handed over; empty is anywhere.
        host: String,
        /// When it stops working.
        expires_ms: Option<u64>,
        /// The secrets of this name that are there.
        clashes: Vec<ImportClashView>,
        /// What would happen.
        will: ImportWill,
        /// What it would be called.
        becomes: String,
    }
    /// A secret that is there under the same name.
    ImportClashView {
        /// Its id.
        id: String,
        /// Its type: one of another type is not replaced by a version, but goes into the trash.
        r#type: String,
    }
    /// Something that is not taken.
    ImportSkippedView {
        /// What, by name or line.
        what: String,
        /// Why.
        reason: String,
    }
    /// How an import ended.
    ImportView {
        /// Its id, which takes it back; absent when nothing was done.
        import: Option<String>,
        /// Whether whoever has the file can read it: it should be deleted.
        file_in_clear: bool,
        /// What was made.
        made: Vec<super::IdView>,
        /// What has a new version.
        replaced: Vec<super::IdView>,
        /// What was left out, by choice or because it is there already.
        left: Vec<ImportSkippedView>,
        /// What is in the file and could not be taken.
        skipped: Vec<ImportSkippedView>,
    }
    /// How taking an import back ended.
    ImportUndoView {
        /// Names of secrets that are in the trash now.
        trashed: Vec<String>,
        /// Names of secrets that are as they were before.
        restored: Vec<String>,
        /// Names of secrets that were changed since and were left alone.
        left: Vec<String>,
    }
    /// How an export ended.
    ExportView {
        /// Where it is.
        path: String,
        /// How many secrets are in it.
        secrets: usize,
        /// Its length.
        bytes: u64,
        /// Whether it opens only with its passphrase.
        encrypted: bool,
    }
}

/// What would happen to an entry of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum ImportWill {
    /// It is made.
    Make,
    /// It becomes the newest version of the secret of this name.
    NewVersion,
    /// It is made, and the secret of this name, which is of another type, goes into the trash.
    Replace,
    /// It is left out, as was chosen.
    LeaveOut,
    /// It is left out: it is there already with the same content.
    AlreadyThere,
    /// It is left out: it stands twice in the file.
    Twice,
    /// It is left out: there are several secrets of this name that it could replace.
    Unclear,
}
