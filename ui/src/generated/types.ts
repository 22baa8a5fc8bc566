// Generated from Rust by `cargo xtask gen`. Change it there.

export type Role = "owner" | "contributor" | "reader";

export type ItemKind = "dataset" | "model" | "task" | "artifact" | "secret" | "note" | "person" | "space-head" | "invitation" | "profile";

export type SecretType = "git" | "aws" | "credentials" | "api-key" | "ssh" | "database" | "certificate" | "env" | "note";

export type PinState = "not-checked" | "checked" | "changed";

export type Stage = "keys" | "reading" | "sending" | "receiving" | "checking" | "committing" | "rewrapping" | "copying";

export type Step = { 
/**
 * The stage.
 */
stage: Stage, 
/**
 * Bytes (or things, where there are no bytes) done.
 */
done: number, 
/**
 * Of how many.
 */
total: number, 
/**
 * Files done.
 */
files: number, 
/**
 * Of how many.
 */
files_total: number, };

export type OnClash = "keep-both" | "replace" | "skip";

export type ImportSource = "dotenv" | "bitwarden" | "1password" | "keepass" | "holdfast";

export type Level = "ok" | "warn" | "bad";

export type Finding = { 
/**
 * Stable code.
 */
code: string, 
/**
 * How bad it is.
 */
level: Level, 
/**
 * A sentence.
 */
message: string, 
/**
 * What to do next; empty when it is as it should be.
 */
next: string, 
/**
 * A number that belongs to it.
 */
count: number | null, };

export type PasswordKind = "words" | "characters" | "pin";

export type CharacterClass = "lower" | "upper" | "digits" | "signs";

export type Recipe = { 
/**
 * Of what.
 */
kind: PasswordKind, 
/**
 * How many words, characters or digits; 6, 20 and 6 if absent.
 */
length: number | null, 
/**
 * Characters: at least one of each of these; all four if empty.
 */
classes: Array<CharacterClass>, 
/**
 * Characters: also those that look alike (`l I 1`, `O 0`).
 */
look_alikes: boolean, };

export type ImportFile = { 
/**
 * Which program wrote it.
 */
source: ImportSource, 
/**
 * Where it is.
 */
path: string, 
/**
 * What opens it, if it is encrypted.
 */
passphrase: string | null, 
/**
 * What a set of environment variables is called; as the file if absent.
 */
name: string | null, };

export type ImportChoice = { 
/**
 * Its number in the preview.
 */
entry: number, 
/**
 * What happens if its name is taken. `skip` leaves it out in any case.
 */
on_clash: OnClash, };

export type ExportProtection = { "how": "sealed", 
/**
 * The passphrase.
 */
passphrase: string, 
/**
 * Cost of a guess.
 */
log2_n: number, } | { "how": "plain" };

export type FieldInput = { 
/**
 * For example `token`.
 */
name: string, 
/**
 * The value.
 */
value: string, };

export type Command = { "verb": "status" } | { "verb": "whoami" } | { "verb": "words", 
/**
 * Whose; one's own if absent.
 */
handle: string | null, } | { "verb": "verify", 
/**
 * Whose.
 */
handle: string, 
/**
 * What was told.
 */
words: string, } | { "verb": "key-change", 
/**
 * The new Master Key.
 */
phrase: string, 
/**
 * Modulus size; as before if absent.
 */
bits: number | null, 
/**
 * Cost of a guess.
 */
log2_n: number, 
/**
 * Somebody may have the old one.
 */
leaked: boolean, 
/**
 * Where to write a new Recovery Kit.
 */
kit: string | null, } | { "verb": "kit-new", 
/**
 * The PDF to write.
 */
out: string, } | { "verb": "kit-test", 
/**
 * The 24 words.
 */
code: string, } | { "verb": "relocation-plan" } | { "verb": "relocate", 
/**
 * Its address.
 */
to: string, 
/**
 * Leave projects where they are that can't come along.
 */
leave_behind: boolean, } | { "verb": "device-list" } | { "verb": "device-remove", 
/**
 * Its id, or the beginning of it.
 */
device: string, } | { "verb": "project-create", 
/**
 * Its name.
 */
name: string, 
/**
 * Not encrypted.
 */
standard: boolean, } | { "verb": "project-list" } | { "verb": "project-show", 
/**
 * Name or id.
 */
project: string, } | { "verb": "project-rename", 
/**
 * Name or id.
 */
project: string, 
/**
 * The new name.
 */
name: string, } | { "verb": "project-delete", 
/**
 * Name or id.
 */
project: string, } | { "verb": "project-restore", 
/**
 * Name or id.
 */
project: string, } | { "verb": "project-purge", 
/**
 * Name or id.
 */
project: string, } | { "verb": "project-share", 
/**
 * Name or id.
 */
project: string, 
/**
 * Who.
 */
handle: string, 
/**
 * As what.
 */
role: Role, } | { "verb": "project-invite", 
/**
 * Name or id.
 */
project: string, 
/**
 * The handle he is expected to take.
 */
address: string, 
/**
 * As what.
 */
role: Role, } | { "verb": "invitation-accept", 
/**
 * Its text.
 */
text: string, } | { "verb": "project-members", 
/**
 * Name or id.
 */
project: string, } | { "verb": "project-remove", 
/**
 * Name or id.
 */
project: string, 
/**
 * Who.
 */
handle: string, } | { "verb": "project-leave", 
/**
 * Name or id.
 */
project: string, } | { "verb": "project-activity", 
/**
 * Name or id.
 */
project: string, } | { "verb": "upload", 
/**
 * Dataset, model, task or artifact.
 */
kind: ItemKind, 
/**
 * Name or id of the project.
 */
project: string, 
/**
 * The item's name.
 */
name: string, 
/**
 * What to say about this version.
 */
note: string, 
/**
 * Files and folders.
 */
paths: Array<string>, } | { "verb": "item-list", 
/**
 * Which kind.
 */
kind: ItemKind, 
/**
 * Name or id of the project.
 */
project: string, } | { "verb": "item-show", 
/**
 * Which kind.
 */
kind: ItemKind, 
/**
 * Name or id of the project.
 */
project: string, 
/**
 * Name or id.
 */
item: string, } | { "verb": "item-versions", 
/**
 * Which kind.
 */
kind: ItemKind, 
/**
 * Name or id of the project.
 */
project: string, 
/**
 * Name or id.
 */
item: string, } | { "verb": "download", 
/**
 * Which kind.
 */
kind: ItemKind, 
/**
 * Name or id of the project.
 */
project: string, 
/**
 * Name or id.
 */
item: string, 
/**
 * Number or id; the newest if absent.
 */
version: string | null, 
/**
 * The folder to write.
 */
to: string, } | { "verb": "item-rename", 
/**
 * Which kind.
 */
kind: ItemKind, 
/**
 * Name or id of the project.
 */
project: string, 
/**
 * Name or id.
 */
item: string, 
/**
 * The new name.
 */
name: string, } | { "verb": "item-delete", 
/**
 * Which kind.
 */
kind: ItemKind, 
/**
 * Name or id of the project.
 */
project: string, 
/**
 * Name or id.
 */
item: string, } | { "verb": "item-restore", 
/**
 * Which kind.
 */
kind: ItemKind, 
/**
 * Name or id of the project.
 */
project: string, 
/**
 * Name or id.
 */
item: string, } | { "verb": "secret-add", 
/**
 * The project; one's own secrets if absent.
 */
project: string | null, 
/**
 * Its type.
 */
secret_type: SecretType, 
/**
 * Its name.
 */
name: string, 
/**
 * About it.
 */
note: string, 
/**
 * Names and values.
 */
fields: Array<FieldInput>, 
/**
 * Milliseconds since 1970-01-01 UTC.
 */
expires_ms: number | null, } | { "verb": "secret-list", 
/**
 * The project; one's own secrets if absent.
 */
project: string | null, 
/**
 * Those in the trash instead.
 */
trashed: boolean, } | { "verb": "secret-show", 
/**
 * The project; one's own secrets if absent.
 */
project: string | null, 
/**
 * Name or id.
 */
name: string, 
/**
 * With its hidden values.
 */
reveal: boolean, 
/**
 * Number (1 is the oldest) or id; the newest if absent.
 */
version: string | null, } | { "verb": "secret-edit", 
/**
 * The project; one's own secrets if absent.
 */
project: string | null, 
/**
 * Name or id.
 */
name: string, 
/**
 * Fields to set; the others stay.
 */
fields: Array<FieldInput>, 
/**
 * Fields to take away.
 */
remove: Array<string>, 
/**
 * The version that was seen before the edit, by id; the newest if absent.
 */
seen: string | null, } | { "verb": "secret-history", 
/**
 * The project; one's own secrets if absent.
 */
project: string | null, 
/**
 * Name or id.
 */
name: string, } | { "verb": "secret-move", 
/**
 * From where; one's own secrets if absent.
 */
project: string | null, 
/**
 * Name or id.
 */
name: string, 
/**
 * To which project.
 */
to: string, } | { "verb": "secret-restore", 
/**
 * The project; one's own secrets if absent.
 */
project: string | null, 
/**
 * Name or id.
 */
name: string, 
/**
 * Number (1 is the oldest) or id.
 */
version: string, } | { "verb": "secret-untrash", 
/**
 * The project; one's own secrets if absent.
 */
project: string | null, 
/**
 * Name or id.
 */
name: string, } | { "verb": "secret-notes", 
/**
 * The project; one's own secrets if absent.
 */
project: string | null, 
/**
 * Name or id; all of them if absent.
 */
name: string | null, } | { "verb": "secret-types" } | { "verb": "secret-generate", 
/**
 * How.
 */
recipe: Recipe, } | { "verb": "secret-import-preview", 
/**
 * What to read.
 */
file: ImportFile, 
/**
 * Into which project; one's own secrets if absent.
 */
project: string | null, 
/**
 * What happens to a secret whose name is taken.
 */
on_clash: OnClash, 
/**
 * Where that differs for one entry.
 */
choices: Array<ImportChoice>, } | { "verb": "secret-import", 
/**
 * What to read.
 */
file: ImportFile, 
/**
 * Into which project; one's own secrets if absent.
 */
project: string | null, 
/**
 * What happens to a secret whose name is taken.
 */
on_clash: OnClash, 
/**
 * Where that differs for one entry.
 */
choices: Array<ImportChoice>, 
/**
 * The digest that the preview gave: another file is refused.
 */
seen: string | null, } | { "verb": "secret-import-undo", 
/**
 * Into which project it was; looked for everywhere if absent.
 */
project: string | null, 
/**
 * Its id.
 */
import: string, } | { "verb": "secret-export", 
/**
 * Of which project; one's own secrets if absent.
 */
project: string | null, 
/**
 * The file; never one that is there.
 */
out: string, 
/**
 * How it is protected.
 */
protection: ExportProtection, } | { "verb": "secret-remove", 
/**
 * The project; one's own secrets if absent.
 */
project: string | null, 
/**
 * Name or id.
 */
name: string, };

export type Ending = "done" | "partial" | "conflict";

export type StatusView = { 
/**
 * Whether keys are in memory.
 */
unlocked: boolean, 
/**
 * Who it belongs to.
 */
handle: string | null, 
/**
 * The server's address.
 */
server: string | null, 
/**
 * Whether the server answers.
 */
online: boolean, 
/**
 * What must be looked at, since the profile was unlocked: all else can be used.
 */
alarms: Array<ErrorView>, };

export type WhoamiView = { 
/**
 * What he signs in with.
 */
handle: string, 
/**
 * The name people know him by.
 */
name: string | null, 
/**
 * Id of the principal.
 */
id: string, 
/**
 * The server's address.
 */
server: string, 
/**
 * Modulus size of the key pair.
 */
bits: number, 
/**
 * His six words.
 */
words: string, 
/**
 * Key changes so far.
 */
key_changes: number, };

export type WordsView = { 
/**
 * Whose.
 */
handle: string, 
/**
 * Six words.
 */
words: string, 
/**
 * How sure this user is of them.
 */
checked: CheckedView, };

export type CheckedView = { 
/**
 * Not checked, checked, or changed since.
 */
state: PinState, 
/**
 * Since when, milliseconds since 1970-01-01 UTC.
 */
since_ms: number, };

export type ProjectView = { 
/**
 * Its id.
 */
id: string, 
/**
 * Its name.
 */
name: string, 
/**
 * Whether the server can read it (false) or not (true).
 */
encrypted: boolean, 
/**
 * What the user may do.
 */
role: Role | null, 
/**
 * How many people are in.
 */
members: number, 
/**
 * Bytes on the server, padding included.
 */
bytes: number, 
/**
 * Last change, milliseconds since 1970-01-01 UTC, by its author's clock.
 */
changed_ms: number, 
/**
 * Whether it is in the trash.
 */
trashed: boolean, 
/**
 * Whether the server was asked just now.
 */
fresh: boolean, 
/**
 * Why it can't be used. What stands beside it is what this device saw last, or nothing.
 */
trouble: ErrorView | null, };

export type ProjectDetail = { 
/**
 * In short.
 */
project: ProjectView, 
/**
 * How many items of each kind.
 */
items: Array<KindCount>, 
/**
 * Who is in.
 */
people: Array<MemberView>, 
/**
 * The epoch of its key: how often the key was renewed.
 */
key_epoch: number, };

export type KindCount = { 
/**
 * The kind.
 */
kind: ItemKind, 
/**
 * How many, without those in the trash.
 */
count: number, };

export type MemberView = { 
/**
 * Who.
 */
handle: string, 
/**
 * What he may do.
 */
role: Role, 
/**
 * `user` or `node`.
 */
kind: string, 
/**
 * How sure this user is of his keys.
 */
checked: PinState, 
/**
 * Since when that is so, milliseconds since 1970-01-01 UTC.
 */
checked_ms: number, 
/**
 * When he came in.
 */
since_ms: number, 
/**
 * His six words.
 */
words: string, 
/**
 * Whether it is the user himself.
 */
me: boolean, };

export type ShareView = { 
/**
 * With whom.
 */
handle: string, 
/**
 * As what.
 */
role: Role, 
/**
 * How sure this user is of her keys.
 */
checked: PinState, 
/**
 * Her six words.
 */
words: string, };

export type InvitationView = { 
/**
 * To be told to the newcomer, not by way of the server.
 */
invitation: string, 
/**
 * The handle he is expected to take.
 */
handle: string, 
/**
 * When it ends, milliseconds since 1970-01-01 UTC.
 */
expires_ms: number, };

export type WaitingView = { 
/**
 * The handle.
 */
handle: string, 
/**
 * As what.
 */
role: Role, 
/**
 * When the invitation ends.
 */
expires_ms: number, };

export type RemovedView = { 
/**
 * Who is out.
 */
handle: string, 
/**
 * What he could open.
 */
could_open: Array<ItemName>, 
/**
 * Secrets to change where they come from.
 */
change_secrets: Array<string>, 
/**
 * Whether new keys protect everything from now on.
 */
new_key: boolean, };

export type ItemName = { 
/**
 * The kind.
 */
kind: ItemKind, 
/**
 * The name.
 */
name: string, };

export type ActivityView = { 
/**
 * Number of the log entry.
 */
seq: number, 
/**
 * Milliseconds since 1970-01-01 UTC, by the author's clock.
 */
time_ms: number, 
/**
 * Who.
 */
who: string, 
/**
 * What, as a stable word.
 */
what: string, 
/**
 * What, as a sentence.
 */
text: string, };

export type UploadView = { 
/**
 * The item.
 */
id: string, 
/**
 * Number of the new version.
 */
version: number, 
/**
 * Files in it.
 */
files: number, 
/**
 * Their bytes.
 */
bytes: number, 
/**
 * Bytes that were sent.
 */
bytes_sent: number, 
/**
 * Pieces that were there already.
 */
chunks_reused: number, 
/**
 * Bytes of the files that the server had before.
 */
bytes_reused: number, 
/**
 * What was left out.
 */
skipped: Array<SkippedView>, };

export type SkippedView = { 
/**
 * Its path.
 */
path: string, 
/**
 * Why.
 */
reason: string, };

export type DownloadView = { 
/**
 * Files written.
 */
files: number, 
/**
 * Their bytes.
 */
bytes: number, 
/**
 * What was left out.
 */
skipped: Array<SkippedView>, };

export type ItemView = { 
/**
 * Its id.
 */
id: string, 
/**
 * Its name.
 */
name: string, 
/**
 * Its kind.
 */
kind: ItemKind, 
/**
 * How many versions it has.
 */
versions: number, 
/**
 * Files in the newest.
 */
files: number, 
/**
 * Their bytes.
 */
bytes: number, 
/**
 * Last change, milliseconds since 1970-01-01 UTC.
 */
changed_ms: number, 
/**
 * Who changed it.
 */
changed_by: string, 
/**
 * Whether it is in the trash.
 */
trashed: boolean, };

export type VersionView = { 
/**
 * 1 is the oldest.
 */
version: number, 
/**
 * Its id.
 */
id: string, 
/**
 * Who made it.
 */
author: string, 
/**
 * When, milliseconds since 1970-01-01 UTC.
 */
created_ms: number, 
/**
 * What he said about it.
 */
note: string, 
/**
 * Files in it.
 */
files: number, 
/**
 * Their bytes.
 */
bytes: number, };

export type SecretView = { 
/**
 * Its id.
 */
id: string, 
/**
 * Its name.
 */
name: string, 
/**
 * Its type; `project-key` for the key of a project.
 */
type: string, 
/**
 * Last change, milliseconds since 1970-01-01 UTC.
 */
changed: number, 
/**
 * When it stops working.
 */
expires_ms: number | null, 
/**
 * When it was put into the trash, if it is there.
 */
trashed_ms: number | null, };

export type SecretDetail = { 
/**
 * In short.
 */
secret: SecretView, 
/**
 * About it.
 */
note: string, 
/**
 * Its fields; hidden values only when they were asked for.
 */
fields: Array<FieldView>, 
/**
 * The id of the version that is shown; the newest one's is what an edit names as seen.
 */
version: string, 
/**
 * Its number; 1 is the oldest that is kept.
 */
number: number, 
/**
 * How many versions are kept.
 */
versions: number, 
/**
 * Where it may be handed over; empty is anywhere.
 */
host: string, 
/**
 * The account there.
 */
account: string, 
/**
 * What for.
 */
purpose: string, };

export type FieldView = { 
/**
 * Its name.
 */
name: string, 
/**
 * Whether its value is shown only when asked for.
 */
hidden: boolean, 
/**
 * Its value, if it is not hidden or was asked for.
 */
value?: string, };

export type EditView = { 
/**
 * The secret.
 */
id: string, 
/**
 * Somebody else changed it at the same time; both versions are kept.
 */
conflict: boolean, };

export type MovedView = { 
/**
 * Its id at the new place.
 */
id: string, 
/**
 * Its name.
 */
name: string, 
/**
 * The project it came from, in whose trash the old copy lies; absent for one's own secrets.
 */
from: string | null, 
/**
 * Who else can still read it there, until the trash is emptied, and may have kept it.
 */
readable_by: Array<string>, 
/**
 * What to change where it comes from, because others could read it.
 */
change_secrets: Array<string>, };

export type IdView = { 
/**
 * The id.
 */
id: string, 
/**
 * The name.
 */
name: string, };

export type PurgedView = { 
/**
 * Names.
 */
items: Array<string>, 
/**
 * Bytes given back.
 */
bytes: number, 
/**
 * Whether the project itself is gone, and not only what was in its trash.
 */
project: boolean, };

export type DeviceView = { 
/**
 * Its id.
 */
id: string, 
/**
 * First sign-in, milliseconds since 1970-01-01 UTC.
 */
created_ms: number, 
/**
 * Last seen, milliseconds since 1970-01-01 UTC.
 */
seen_ms: number, 
/**
 * Whether it is this one.
 */
current: boolean, };

export type KeyChangeView = { 
/**
 * Modulus size now.
 */
bits: number, 
/**
 * Spaces that know the new keys already.
 */
spaces: number, 
/**
 * The new words.
 */
words: string, 
/**
 * Where the new Recovery Kit is.
 */
kit: string | null, 
/**
 * What could not be done after the keys were changed.
 */
skipped: Array<SkippedView>, };

export type KitView = { 
/**
 * Where.
 */
path: string, };

export type DoneView = { 
/**
 * Always true.
 */
done: boolean, };

export type ErrorView = { 
/**
 * Stable code.
 */
code: string, 
/**
 * A sentence.
 */
message: string, 
/**
 * What to do next.
 */
next: string, };

export type GeneratedView = { 
/**
 * The password.
 */
value: string, 
/**
 * log2 of how many there are, rounded down.
 */
bits: number, };

export type SecretTypeView = { 
/**
 * Its name, as in `SecretAdd` and on the command line.
 */
type: string, 
/**
 * Its name for people.
 */
label: string, 
/**
 * Its usual fields, in order. Any others may be added.
 */
fields: Array<FieldTypeView>, };

export type FieldTypeView = { 
/**
 * Its name.
 */
name: string, 
/**
 * Its name for people.
 */
label: string, 
/**
 * Shown only when asked for. Fields that are not listed are hidden.
 */
hidden: boolean, 
/**
 * May have several lines.
 */
multiline: boolean, 
/**
 * A person makes it up: a generator belongs beside it.
 */
password: boolean, 
/**
 * Belongs to every secret of the type; the others are offered.
 */
main: boolean, 
/**
 * An example.
 */
example: string, };

export type SecretNotesView = { 
/**
 * The secret.
 */
id: string, 
/**
 * Its name.
 */
name: string, 
/**
 * Remarks; not empty.
 */
notes: Array<SecretNoteView>, };

export type SecretNoteView = { 
/**
 * `weak`, `reused`, `expired` or `expires-soon`.
 */
kind: string, 
/**
 * About which field, if about one.
 */
field: string | null, 
/**
 * A sentence.
 */
text: string, 
/**
 * Reused: where else the value is.
 */
also_in: Array<AlsoInView>, };

export type AlsoInView = { 
/**
 * The project; absent for one's own secrets.
 */
project: string | null, 
/**
 * The secret's name.
 */
name: string, 
/**
 * The field.
 */
field: string, };

export type ImportWill = "make" | "new-version" | "replace" | "leave-out" | "already-there" | "twice" | "unclear";

export type ImportPlanView = { 
/**
 * Digest of the file, to be given to the import.
 */
digest: string, 
/**
 * Whether whoever has the file can read it.
 */
file_in_clear: boolean, 
/**
 * What is in the file, in its order; names, never values.
 */
entries: Array<ImportEntryView>, 
/**
 * What is in the file and can't be taken.
 */
skipped: Array<ImportSkippedView>, 
/**
 * How many secrets would be made, those that replace one of another type among them.
 */
makes: number, 
/**
 * How many would become a new version of one that is there.
 */
replaces: number, 
/**
 * How many would be left out, by choice or because they are there already.
 */
leaves: number, };

export type ImportEntryView = { 
/**
 * Its number, by which choices name it; 0 is the first.
 */
entry: number, 
/**
 * Its name in the file.
 */
name: string, 
/**
 * What type it would be.
 */
type: string, 
/**
 * The names of its fields.
 */
fields: Array<string>, 
/**
 * Where it may be handed over; empty is anywhere.
 */
host: string, 
/**
 * When it stops working.
 */
expires_ms: number | null, 
/**
 * The secrets of this name that are there.
 */
clashes: Array<ImportClashView>, 
/**
 * What would happen.
 */
will: ImportWill, 
/**
 * What it would be called.
 */
becomes: string, };

export type ImportClashView = { 
/**
 * Its id.
 */
id: string, 
/**
 * Its type: one of another type is not replaced by a version, but goes into the trash.
 */
type: string, };

export type ImportSkippedView = { 
/**
 * What, by name or line.
 */
what: string, 
/**
 * Why.
 */
reason: string, };

export type ImportView = { 
/**
 * Its id, which takes it back; absent when nothing was done.
 */
import: string | null, 
/**
 * Whether whoever has the file can read it: it should be deleted.
 */
file_in_clear: boolean, 
/**
 * What was made.
 */
made: Array<IdView>, 
/**
 * What has a new version.
 */
replaced: Array<IdView>, 
/**
 * What was left out, by choice or because it is there already.
 */
left: Array<ImportSkippedView>, 
/**
 * What is in the file and could not be taken.
 */
skipped: Array<ImportSkippedView>, };

export type ImportUndoView = { 
/**
 * Names of secrets that are in the trash now.
 */
trashed: Array<string>, 
/**
 * Names of secrets that are as they were before.
 */
restored: Array<string>, 
/**
 * Names of secrets that were changed since and were left alone.
 */
left: Array<string>, };

export type ExportView = { 
/**
 * Where it is.
 */
path: string, 
/**
 * How many secrets are in it.
 */
secrets: number, 
/**
 * Its length.
 */
bytes: number, 
/**
 * Whether it opens only with its passphrase.
 */
encrypted: boolean, };

export type MovingView = { 
/**
 * Its id.
 */
id: string, 
/**
 * Its name.
 */
name: string, 
/**
 * Whether it is the vault: one's own secrets.
 */
vault: boolean, 
/**
 * Bytes on the server, padding included.
 */
bytes: number, };

export type StayingView = { 
/**
 * Its id.
 */
id: string, 
/**
 * Its name, where it can be read.
 */
name: string | null, 
/**
 * `shared`: somebody else is or was in it; `left`: the user is not in it any more; else the code of what is wrong.
 */
why: string, };

export type RelocationPlanView = { 
/**
 * Who moves.
 */
handle: string, 
/**
 * The server now.
 */
from: string, 
/**
 * What moves; the vault first.
 */
moving: Array<MovingView>, 
/**
 * Projects that can't come along.
 */
staying: Array<StayingView>, 
/**
 * Uploads that were begun here and not finished: they keep it from moving.
 */
uploads: number, 
/**
 * Entries of all logs that move.
 */
entries: number, 
/**
 * Packs that move.
 */
packs: number, 
/**
 * Their bytes.
 */
bytes: number, };

export type RelocatedView = { 
/**
 * The new server's address.
 */
server: string, 
/**
 * Projects that moved.
 */
projects: number, 
/**
 * Entries of all logs.
 */
entries: number, 
/**
 * Packs.
 */
packs: number, 
/**
 * Their bytes.
 */
bytes: number, 
/**
 * Projects that stayed behind.
 */
left: Array<StayingView>, 
/**
 * Whether there is a Recovery Kit, which works there too (with the new address).
 */
kit: boolean, };

export type Theme = "system" | "light" | "dark";

export type Settings = { 
/**
 * Light or dark.
 */
theme: Theme, 
/**
 * Percent.
 */
zoom: number, 
/**
 * Minutes without a hand on mouse or keyboard after which it locks; 0 is never.
 */
auto_lock_minutes: number, 
/**
 * Lock when the computer sleeps or its screen locks.
 */
lock_with_system: boolean, 
/**
 * Seconds after which a copied secret leaves the clipboard.
 */
clipboard_seconds: number, 
/**
 * The Recovery Kit is kept, or the person said it need not be.
 */
kit_kept: boolean, 
/**
 * The port of the server inside this program; absent while it is not used.
 */
here_port: number | null, };

export type Phase = "new" | "locked" | "unlocked";

export type ServerLook = { 
/**
 * Its address.
 */
address: string, 
/**
 * Whether it is the one inside this program.
 */
built_in: boolean, };

export type Entered = "signed-up" | "recovered" | "key-changed";

export type Look = { 
/**
 * How far the program is.
 */
phase: Phase, 
/**
 * Who has the account.
 */
handle: string | null, 
/**
 * Where it lives.
 */
server: ServerLook | null, 
/**
 * A Recovery Kit was made just now and waits to be written.
 */
kit_waits: boolean, 
/**
 * The Recovery Kit is not kept yet.
 */
kit_due: boolean, 
/**
 * What went just before; absent in everyday life.
 */
entered: Entered | null, 
/**
 * Whether this computer tells when it sleeps or its screen locks.
 */
locks_with_system: boolean, 
/**
 * What went wrong at the start.
 */
trouble: ErrorView | null, 
/**
 * The program's version.
 */
version: string, 
/**
 * What a person set for this computer.
 */
settings: Settings, };

export type Place = { "where": "here" } | { "where": "server", 
/**
 * Scheme, host and port.
 */
address: string, };

export type ServerCheck = { 
/**
 * Scheme, host and port.
 */
address: string, 
/**
 * Its version.
 */
version: string, };

export type InvitationLook = { 
/**
 * The server it is for.
 */
server: string, 
/**
 * Who invites: the six words.
 */
inviter_words: string, };

export type Judgement = { 
/**
 * Bits of guessing it withstands.
 */
bits: number, 
/**
 * How many are needed.
 */
floor: number, 
/**
 * Whether it will be taken.
 */
enough: boolean, 
/**
 * Why it can't be used at all.
 */
refused: string | null, 
/**
 * How long a skilled attacker with the server's data would take, in years (below one: a fraction).
 */
years: number, };

export type NewAccountForm = { 
/**
 * Where it is to live.
 */
place: Place, 
/**
 * What the person signs in with.
 */
handle: string, 
/**
 * The name people know the person by.
 */
name: string, 
/**
 * The own phrase; the generated one if absent.
 */
phrase: string | null, 
/**
 * Size of the key pair.
 */
bits: number, 
/**
 * An invitation to answer.
 */
invitation: string | null, };

export type SignInForm = { 
/**
 * The server's address.
 */
address: string, 
/**
 * What the person signs in with.
 */
handle: string, 
/**
 * The Master Key.
 */
phrase: string, };

export type KeyChangeForm = { 
/**
 * The own phrase; the generated one if absent.
 */
phrase: string | null, 
/**
 * Size of the key pair; as before if absent.
 */
bits: number | null, 
/**
 * Somebody may have the old one.
 */
leaked: boolean, 
/**
 * Whether to make a new Recovery Kit. Without one the old kit ends and none takes its place.
 */
kit: boolean, };

export type RecoverForm = { 
/**
 * The server's address.
 */
address: string, 
/**
 * The kit's 24 words.
 */
code: string, 
/**
 * The new Master Key; the generated one if absent.
 */
phrase: string | null, };

export type Pick = "files" | "folder" | "target";

export type Picked = { 
/**
 * The number.
 */
pick: number, 
/**
 * What they are called, without their folders.
 */
names: Array<string>, 
/**
 * Whether it is one folder, which can give its name to what is made of it.
 */
folder: boolean, };

export type JobRequest = { "job": "upload", 
/**
 * The project's id.
 */
project: string, 
/**
 * Dataset, model, task or artifact.
 */
kind: ItemKind, 
/**
 * The item's name.
 */
name: string, 
/**
 * What to say about this version.
 */
note: string, 
/**
 * Files that were picked or dropped.
 */
pick: number, } | { "job": "download", 
/**
 * The project's id.
 */
project: string, 
/**
 * Dataset, model, task or artifact.
 */
kind: ItemKind, 
/**
 * The item's id.
 */
item: string, 
/**
 * What to call it on the screen.
 */
name: string, 
/**
 * The version's id; the newest if absent.
 */
version: string | null, 
/**
 * The folder that was picked.
 */
pick: number, };

export type JobState = "running" | "paused" | "done" | "failed" | "cancelled";

export type Answered = { 
/**
 * How it ended.
 */
ending: Ending, 
/**
 * The view that belongs to the verb.
 */
value: unknown, };

export type JobView = { 
/**
 * Its number.
 */
id: number, 
/**
 * Whether files come (a download) or go (an upload).
 */
download: boolean, 
/**
 * The project's id.
 */
project: string, 
/**
 * Dataset, model, task or artifact.
 */
kind: ItemKind, 
/**
 * What is moved.
 */
name: string, 
/**
 * The folder that a download writes into.
 */
to: string | null, 
/**
 * How it is.
 */
state: JobState, 
/**
 * How far it is.
 */
step: Step | null, 
/**
 * Bytes a second over the last ten seconds; absent until it can be told.
 */
rate: number | null, 
/**
 * Seconds left; absent until it can be told.
 */
left: number | null, 
/**
 * How it ended.
 */
outcome: Answered | null, 
/**
 * Why it failed.
 */
error: ErrorView | null, };

export type Event = { "event": "job", 
/**
 * How it is now.
 */
job: JobView, } | { "event": "changed", 
/**
 * Its id.
 */
space: string, } | { "event": "keys", 
/**
 * How far it is.
 */
step: Step, } | { "event": "hover", 
/**
 * Whether they do.
 */
over: boolean, } | { "event": "dropped", 
/**
 * They.
 */
files: Picked, } | { "event": "clipboard-cleared" } | { "event": "locking-soon", 
/**
 * Seconds.
 */
seconds: number, };

export type Answers = {
  "status": StatusView,
  "whoami": WhoamiView,
  "words": WordsView,
  "verify": WordsView,
  "key-change": KeyChangeView,
  "kit-new": KitView,
  "kit-test": DoneView,
  "relocation-plan": RelocationPlanView,
  "relocate": RelocatedView,
  "device-list": Array<DeviceView>,
  "device-remove": DoneView,
  "project-create": ProjectView,
  "project-list": Array<ProjectView>,
  "project-show": ProjectDetail,
  "project-rename": IdView,
  "project-delete": DoneView,
  "project-restore": DoneView,
  "project-purge": PurgedView,
  "project-share": ShareView,
  "project-invite": InvitationView,
  "invitation-accept": IdView,
  "project-members": Array<MemberView>,
  "project-remove": RemovedView,
  "project-leave": DoneView,
  "project-activity": Array<ActivityView>,
  "upload": UploadView,
  "item-list": Array<ItemView>,
  "item-show": ItemView,
  "item-versions": Array<VersionView>,
  "download": DownloadView,
  "item-rename": IdView,
  "item-delete": DoneView,
  "item-restore": DoneView,
  "secret-add": IdView,
  "secret-list": Array<SecretView>,
  "secret-show": SecretDetail,
  "secret-edit": EditView,
  "secret-history": Array<VersionView>,
  "secret-move": MovedView,
  "secret-remove": DoneView,
  "secret-restore": IdView,
  "secret-untrash": IdView,
  "secret-notes": Array<SecretNotesView>,
  "secret-types": Array<SecretTypeView>,
  "secret-generate": GeneratedView,
  "secret-import-preview": ImportPlanView,
  "secret-import": ImportView,
  "secret-import-undo": ImportUndoView,
  "secret-export": ExportView,
};

export const SECRET_TYPES: readonly { type: SecretType; fields: readonly Omit<FieldTypeView, "label">[] }[] =
  [
  {
    "fields": [
      {
        "example": "github.com",
        "hidden": false,
        "main": true,
        "multiline": false,
        "name": "host",
        "password": false
      },
      {
        "example": "ana",
        "hidden": false,
        "main": true,
        "multiline": false,
        "name": "username",
        "password": false
      },
      {
        "example": "ghp_16C7e42F292c6912E7",
        "hidden": true,
        "main": true,
        "multiline": false,
        "name": "token",
        "password": false
      },
      {
        "example": "Recovery codes, the answer to the question",
        "hidden": true,
        "main": false,
        "multiline": true,
        "name": "notes",
        "password": false
      }
    ],
    "type": "git"
  },
  {
    "fields": [
      {
        "example": "AKIAIOSFODNN7EXAMPLE",
        "hidden": true,
        "main": true,
        "multiline": false,
        "name": "access_key_id",
        "password": false
      },
      {
        "example": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "hidden": true,
        "main": true,
        "multiline": false,
        "name": "secret_access_key",
        "password": false
      },
      {
        "example": "eu-central-1",
        "hidden": false,
        "main": true,
        "multiline": false,
        "name": "region",
        "password": false
      },
      {
        "example": "FwoGZXIvYXdzEBYaD",
        "hidden": true,
        "main": false,
        "multiline": false,
        "name": "session_token",
        "password": false
      },
      {
        "example": "Recovery codes, the answer to the question",
        "hidden": true,
        "main": false,
        "multiline": true,
        "name": "notes",
        "password": false
      }
    ],
    "type": "aws"
  },
  {
    "fields": [
      {
        "example": "ana",
        "hidden": false,
        "main": true,
        "multiline": false,
        "name": "username",
        "password": false
      },
      {
        "example": "correct horse battery staple",
        "hidden": true,
        "main": true,
        "multiline": false,
        "name": "password",
        "password": true
      },
      {
        "example": "https://example.org/login",
        "hidden": false,
        "main": false,
        "multiline": false,
        "name": "url",
        "password": false
      },
      {
        "example": "otpauth://totp/Example:ana?secret=JBSWY3DPEHPK3PXP",
        "hidden": true,
        "main": false,
        "multiline": false,
        "name": "totp",
        "password": false
      },
      {
        "example": "Recovery codes, the answer to the question",
        "hidden": true,
        "main": false,
        "multiline": true,
        "name": "notes",
        "password": false
      }
    ],
    "type": "credentials"
  },
  {
    "fields": [
      {
        "example": "sk-4f0c2d9e",
        "hidden": true,
        "main": true,
        "multiline": false,
        "name": "key",
        "password": false
      },
      {
        "example": "api.example.org",
        "hidden": false,
        "main": false,
        "multiline": false,
        "name": "host",
        "password": false
      },
      {
        "example": "Recovery codes, the answer to the question",
        "hidden": true,
        "main": false,
        "multiline": true,
        "name": "notes",
        "password": false
      }
    ],
    "type": "api-key"
  },
  {
    "fields": [
      {
        "example": "-----BEGIN OPENSSH PRIVATE KEY-----",
        "hidden": true,
        "main": true,
        "multiline": true,
        "name": "private_key",
        "password": false
      },
      {
        "example": "correct horse battery staple",
        "hidden": true,
        "main": false,
        "multiline": false,
        "name": "passphrase",
        "password": true
      },
      {
        "example": "ssh-ed25519 AAAAC3Nz ana@laptop",
        "hidden": false,
        "main": false,
        "multiline": true,
        "name": "public_key",
        "password": false
      },
      {
        "example": "SHA256:uNiVztksCsDhcc0u9e8BrWeR",
        "hidden": false,
        "main": false,
        "multiline": false,
        "name": "fingerprint",
        "password": false
      },
      {
        "example": "ana",
        "hidden": false,
        "main": false,
        "multiline": false,
        "name": "username",
        "password": false
      },
      {
        "example": "build.example.org",
        "hidden": false,
        "main": false,
        "multiline": false,
        "name": "host",
        "password": false
      },
      {
        "example": "Recovery codes, the answer to the question",
        "hidden": true,
        "main": false,
        "multiline": true,
        "name": "notes",
        "password": false
      }
    ],
    "type": "ssh"
  },
  {
    "fields": [
      {
        "example": "postgres://ana:password@db.example.org/shop",
        "hidden": true,
        "main": true,
        "multiline": false,
        "name": "url",
        "password": false
      },
      {
        "example": "db.example.org",
        "hidden": false,
        "main": false,
        "multiline": false,
        "name": "host",
        "password": false
      },
      {
        "example": "ana",
        "hidden": false,
        "main": false,
        "multiline": false,
        "name": "username",
        "password": false
      },
      {
        "example": "correct horse battery staple",
        "hidden": true,
        "main": false,
        "multiline": false,
        "name": "password",
        "password": true
      },
      {
        "example": "Recovery codes, the answer to the question",
        "hidden": true,
        "main": false,
        "multiline": true,
        "name": "notes",
        "password": false
      }
    ],
    "type": "database"
  },
  {
    "fields": [
      {
        "example": "-----BEGIN CERTIFICATE-----",
        "hidden": false,
        "main": true,
        "multiline": true,
        "name": "certificate",
        "password": false
      },
      {
        "example": "-----BEGIN PRIVATE KEY-----",
        "hidden": true,
        "main": true,
        "multiline": true,
        "name": "private_key",
        "password": false
      },
      {
        "example": "correct horse battery staple",
        "hidden": true,
        "main": false,
        "multiline": false,
        "name": "passphrase",
        "password": true
      },
      {
        "example": "Recovery codes, the answer to the question",
        "hidden": true,
        "main": false,
        "multiline": true,
        "name": "notes",
        "password": false
      }
    ],
    "type": "certificate"
  },
  {
    "fields": [],
    "type": "env"
  },
  {
    "fields": [
      {
        "example": "The code of the safe is on the back of …",
        "hidden": true,
        "main": true,
        "multiline": true,
        "name": "text",
        "password": false
      }
    ],
    "type": "note"
  }
];
