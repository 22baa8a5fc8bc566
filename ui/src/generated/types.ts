// Generated from Rust by `cargo xtask gen`. Change it there.

export type Role = "owner" | "contributor" | "reader";

export type ItemKind = "dataset" | "model" | "task" | "artifact" | "secret" | "note" | "person" | "space-head" | "invitation" | "profile";

export type SecretType = "git" | "aws" | "credentials" | "api-key" | "ssh" | "database" | "certificate" | "env" | "note";

export type PinState = "not-checked" | "checked" | "changed";

export type Stage = "keys" | "reading" | "sending" | "receiving" | "checking" | "committing" | "rewrapping" | "resealing" | "copying";

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

export type Expiry = "never" | { "at-ms": number };

export type FieldInput = { 
/**
 * For example `token`.
 */
name: string, 
/**
 * The value.
 */
value: string, };

export type RunInput = { 
/**
 * Its name in the task.
 */
name: string, 
/**
 * Name or id of the project it is in: the run's own.
 */
project?: string, 
/**
 * Name or id of the item.
 */
item: string, 
/**
 * Its version, by number or id; the newest if absent.
 */
version?: string, };

export type RunOrder = { 
/**
 * Name or id of the project.
 */
project: string, 
/**
 * Name or id of the task.
 */
task: string, 
/**
 * Its version, by number or id; the newest if absent.
 */
version?: string, 
/**
 * Name or id of the node.
 */
node: string, 
/**
 * What it reads.
 */
inputs: Array<RunInput>, 
/**
 * Values, by the parameter's name.
 */
params: { [key in string]: string }, 
/**
 * Names or ids of secrets, by the name in the task.
 */
secrets: { [key in string]: string }, 
/**
 * How often it may be begun when its node goes away, 1 to 10; once if absent.
 */
attempts?: number, 
/**
 * Seconds it may take; as the task says if absent.
 */
seconds?: number, };

export type SecondChange = "new" | "off";

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
words: string, } | { "verb": "monitor", 
/**
 * Go on with the log of keys that the server shows now, whatever was seen of it before.
 */
accept: boolean, 
/**
 * Keys of the witnesses to rely on from now on, on this device; nobody if empty, as before if absent.
 */
witnesses: Array<string> | null, 
/**
 * How many of them have to have co-signed; more than half if absent.
 */
witnesses_needed: number | null, } | { "verb": "people-list" } | { "verb": "key-change", 
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
kit: string | null, 
/**
 * What becomes of the second secret.
 */
second?: SecondChange, } | { "verb": "second-secret", 
/**
 * The Master Key, typed anew.
 */
phrase: string, } | { "verb": "kit-new", 
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
leave_behind: boolean, 
/**
 * The fingerprint of its certificate's key, where it is to be pinned.
 */
fingerprint: string | null, } | { "verb": "device-list" } | { "verb": "device-remove", 
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
project: string, } | { "verb": "project-relock", 
/**
 * Name or id.
 */
project: string, 
/**
 * Only says what there is to do.
 */
dry_run?: boolean, } | { "verb": "project-share", 
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
role: Role, } | { "verb": "project-role", 
/**
 * Name or id.
 */
project: string, 
/**
 * Who.
 */
handle: string, 
/**
 * As what from now on.
 */
role: Role, } | { "verb": "invitation-list", 
/**
 * Name or id.
 */
project: string, } | { "verb": "invitation-withdraw", 
/**
 * Name or id.
 */
project: string, 
/**
 * Its id, or the handle that was invited.
 */
invitation: string, } | { "verb": "invitation-accept", 
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
paths: Array<string>, 
/**
 * Whether names that begin with a dot are taken along.
 */
include_hidden?: boolean, } | { "verb": "upload-plan", 
/**
 * What they are to become, where that is known: a task must say what it is.
 */
kind?: ItemKind, 
/**
 * Files and folders.
 */
paths: Array<string>, 
/**
 * Whether names that begin with a dot are taken along.
 */
include_hidden?: boolean, } | { "verb": "uploads-pending" } | { "verb": "upload-abandon", 
/**
 * The version it would make, by id.
 */
version: string, } | { "verb": "item-list", 
/**
 * Which kind.
 */
kind: ItemKind, 
/**
 * Name or id of the project.
 */
project: string, 
/**
 * What is in the trash, instead of what is not.
 */
trashed?: boolean, } | { "verb": "item-show", 
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
item: string, } | { "verb": "item-forget", 
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
 * Number or id.
 */
version: string, } | { "verb": "item-files", 
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
 * The folder; the top one if absent.
 */
under?: string, 
/**
 * All files below it in one list, instead of what stands in it.
 */
recursive?: boolean, 
/**
 * Entries to pass over: `next` of the page before.
 */
offset?: number, 
/**
 * Entries to show; 1,000 if absent, at most 10,000.
 */
limit?: number, } | { "verb": "item-changes", 
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
 * The earlier version, by number or id.
 */
from: string, 
/**
 * The later one, by number or id; the newest if absent.
 */
to?: string, 
/**
 * Entries to pass over: `next` of the page before.
 */
offset?: number, 
/**
 * Entries to show; 1,000 if absent, at most 10,000.
 */
limit?: number, } | { "verb": "preview", 
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
 * The file's path in the version, as `ItemFiles` shows it.
 */
file: string, 
/**
 * Rows or lines; 200 if absent, at most 1,000.
 */
rows?: number, 
/**
 * Where to go on: `next_offset` of the page before.
 */
offset?: number, } | { "verb": "download", 
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
expires_ms: number | null, } | { "verb": "secret-purge", 
/**
 * The project; one's own secrets if absent.
 */
project: string | null, 
/**
 * Name or id; all of them if absent.
 */
name: string | null, } | { "verb": "secret-list", 
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
seen: string | null, } | { "verb": "secret-describe", 
/**
 * The project; one's own secrets if absent.
 */
project: string | null, 
/**
 * Name or id.
 */
name: string, 
/**
 * The new name; as before if absent.
 */
rename?: string, 
/**
 * The new note; as before if absent.
 */
note?: string, 
/**
 * When it stops working; as before if absent.
 */
expires?: Expiry, } | { "verb": "secret-history", 
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
name: string, } | { "verb": "node-invite" } | { "verb": "node-list" } | { "verb": "node-words", 
/**
 * Name or id.
 */
node: string, } | { "verb": "node-verify", 
/**
 * Name or id.
 */
node: string, 
/**
 * What it shows.
 */
words: string, } | { "verb": "node-authorise", 
/**
 * Name or id of the project.
 */
project: string, 
/**
 * Name or id.
 */
node: string, 
/**
 * It is given the project's key, instead of what each run needs.
 */
whole_project: boolean, 
/**
 * Until when, milliseconds since 1970-01-01 UTC; for 24 hours if absent.
 */
until_ms?: number, } | { "verb": "node-withdraw", 
/**
 * Name or id of the project.
 */
project: string, 
/**
 * Name or id.
 */
node: string, } | { "verb": "node-end", 
/**
 * Name or id.
 */
node: string, } | { "verb": "task-manifest", 
/**
 * Name or id of the project.
 */
project: string, 
/**
 * Name or id of the task.
 */
task: string, 
/**
 * Its version, by number or id; the newest if absent.
 */
version?: string, } | { "verb": "run-check", 
/**
 * What would be ordered.
 */
order: RunOrder, } | { "verb": "run-start", 
/**
 * What is ordered.
 */
order: RunOrder, } | { "verb": "run-list", 
/**
 * Name or id of the project.
 */
project: string, } | { "verb": "run-show", 
/**
 * Its id, or the first eight characters or more of it; `PROJECT/RUN` looks in one project only.
 */
run: string, } | { "verb": "run-log", 
/**
 * As in `RunShow`.
 */
run: string, 
/**
 * Which attempt; the one that counts if absent.
 */
attempt?: number, 
/**
 * Pieces to pass over: `next` of the answer before.
 */
from?: number, 
/**
 * Milliseconds to wait for more, at most 20,000.
 */
wait_ms?: number, } | { "verb": "run-metrics", 
/**
 * As in `RunShow`.
 */
run: string, } | { "verb": "run-stop", 
/**
 * As in `RunShow`.
 */
run: string, } | { "verb": "run-artifacts", 
/**
 * As in `RunShow`.
 */
run: string, 
/**
 * The folder to write into.
 */
to: string, } | { "verb": "workflow-advance", 
/**
 * The text of the file.
 */
source: string, 
/**
 * Which one goes on; a new one if absent.
 */
workflow?: string, 
/**
 * Runs that no longer count: `passed_over` of the answer before. Absent where a workflow is resumed: then none of those counts
 * that ended without success.
 */
passed_over?: Array<string>, } | { "verb": "workflow-show", 
/**
 * Its id, or the first eight characters or more of it.
 */
workflow: string, 
/**
 * The text of its file: with it, steps are shown that have no run yet.
 */
source?: string, } | { "verb": "workflow-stop", 
/**
 * As in `WorkflowShow`.
 */
workflow: string, };

export type Ending = "done" | "partial" | "conflict" | "alarm";

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
 * Whether the keys in memory are kept out of the swap file; absent while there are none.
 */
keys_held: boolean | null, 
/**
 * What must be looked at, since the profile was unlocked: all else can be used.
 */
alarms: Array<ErrorView>, 
/**
 * Who answered an invitation and came in, since the profile was unlocked.
 */
news: Array<CameView>, };

export type CameView = { 
/**
 * Who.
 */
handle: string, 
/**
 * The project's id.
 */
project: string, 
/**
 * The project's name.
 */
project_name: string, 
/**
 * As what.
 */
role: Role, };

export type MonitorView = { 
/**
 * How many bundles are in the log, of everybody.
 */
size: number, 
/**
 * Those in the user's name, in the order in which they were published.
 */
published: Array<PublishedView>, 
/**
 * The log's key, as its witnesses are told it.
 */
log: string, 
/**
 * What the witnesses say that this device relies on; null where it relies on none.
 */
witnessing: WitnessingView | null, };

export type PublishedView = { 
/**
 * Its number in the log.
 */
number: number, 
/**
 * Id of the principal; another one than the user's where somebody has the user's handle.
 */
id: string, 
/**
 * Key changes before it.
 */
counter: number, 
/**
 * SHA-256 of the signed bundle.
 */
bundle: string, 
/**
 * When it says that it was made, milliseconds since 1970-01-01 UTC; null where the server does not show it.
 */
created_ms: number | null, 
/**
 * Its six words; null where the server does not show it.
 */
words: string | null, 
/**
 * Whether it is one of the account's as this device knows them.
 */
known: boolean, };

export type WitnessingView = { 
/**
 * How many of them have to have co-signed.
 */
needed: number, 
/**
 * How many bundles are in the part of the log that so many have co-signed.
 */
size: number, 
/**
 * As of when, milliseconds since 1970-01-01 UTC.
 */
as_of_ms: number, 
/**
 * All of them.
 */
witnesses: Array<WitnessView>, };

export type WitnessView = { 
/**
 * Its name.
 */
name: string, 
/**
 * Its key, as it is told.
 */
key: string, 
/**
 * How many bundles are in what it co-signed last, in the last 24 hours; null if there is nothing.
 */
size: number | null, 
/**
 * When it did, milliseconds since 1970-01-01 UTC.
 */
signed_ms: number | null, };

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
key_changes: number, 
/**
 * When the newest change was made that this computer has seen, by its author's clock, milliseconds since 1970-01-01 UTC.
 */
newest_ms: number, 
/**
 * Whether a second secret opens the account beside the Master Key.
 */
second_secret: boolean, };

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
checked: CheckedView, 
/**
 * Whether another account is known under this handle: nothing is shared with this one before its words are compared.
 */
another: boolean, };

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
 * The id of that account, which never changes.
 */
id: string, 
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
me: boolean, 
/**
 * Whether it is the account from before this person started over: the words of a later one were compared.
 */
replaced: boolean, };

export type ShareView = { 
/**
 * With whom.
 */
handle: string, 
/**
 * The id of that account.
 */
id: string, 
/**
 * As what.
 */
role: Role, 
/**
 * How sure this user is of her keys.
 */
checked: PinState, 
/**
 * Since when that is so, milliseconds since 1970-01-01 UTC.
 */
since_ms: number, 
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
expires_ms: number, 
/**
 * Whether this device knows an account with this handle already: the project can be shared with it at once.
 */
has_account: boolean, };

export type WaitingView = { 
/**
 * The invitation's id.
 */
id: string, 
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

export type FilesView = { 
/**
 * Number of the version.
 */
version: number, 
/**
 * Files in the whole version.
 */
files: number, 
/**
 * Their bytes.
 */
bytes: number, 
/**
 * The folder; empty for the top one.
 */
under: string, 
/**
 * Files in and below it.
 */
folder_files: number, 
/**
 * Their bytes.
 */
folder_bytes: number, 
/**
 * What stands in it, folders first: one page.
 */
entries: Array<FileView>, 
/**
 * How many entries there are in all.
 */
total: number, 
/**
 * Where the next page begins.
 */
next: number | null, };

export type FileView = { 
/**
 * The last part of its path; the whole path in a flat list.
 */
name: string, 
/**
 * Its path.
 */
path: string, 
/**
 * `file`, `folder` or `link`.
 */
type: string, 
/**
 * Its bytes; of a folder, those of all files below.
 */
bytes: number, 
/**
 * Of a folder: files below, however deep.
 */
files: number, 
/**
 * Last change, milliseconds since 1970-01-01 UTC.
 */
modified_ms: number | null, 
/**
 * Permission bits, as a number (0o644 is 420).
 */
mode: number | null, 
/**
 * Where a link points.
 */
target: string | null, };

export type ChangesView = { 
/**
 * Number of the earlier version.
 */
from: number, 
/**
 * Number of the later one.
 */
to: number, 
/**
 * Paths that are new.
 */
added: number, 
/**
 * Paths that are gone.
 */
removed: number, 
/**
 * Files with other content (or other permissions: see the entries).
 */
changed: number, 
/**
 * Files under another path.
 */
renamed: number, 
/**
 * Files that are as they were.
 */
unchanged: number, 
/**
 * Bytes of the earlier version.
 */
bytes_before: number, 
/**
 * Bytes of the later one.
 */
bytes: number, 
/**
 * What changed, by path: one page.
 */
entries: Array<ChangeView>, 
/**
 * How many entries there are in all.
 */
total: number, 
/**
 * Where the next page begins.
 */
next: number | null, };

export type ChangeView = { 
/**
 * `added`, `removed`, `content`, `permissions` or `renamed`.
 */
change: string, 
/**
 * Its path; of what was removed, the earlier one.
 */
path: string, 
/**
 * The earlier path of what was renamed.
 */
was: string | null, 
/**
 * `file`, `folder` (only empty ones count) or `link`.
 */
type: string, 
/**
 * Its bytes before.
 */
bytes_before: number | null, 
/**
 * Its bytes now.
 */
bytes: number | null, };

export type PreviewColumn = { 
/**
 * Its name.
 */
name: string, 
/**
 * What its cells are, as far as they were read; of Parquet, as the schema says.
 */
type: PreviewColumnType, 
/**
 * Of Parquet, the type in the schema's own words.
 */
declared: string | null, 
/**
 * Cells without a value among those shown.
 */
nulls: number, };

export type PreviewColumnType = "empty" | "boolean" | "integer" | "number" | "date" | "date-time" | "time" | "text" | "binary" | "nested" | "mixed";

export type PreviewCutCell = { 
/**
 * Row among those shown, from 0.
 */
row: number, 
/**
 * Column, from 0.
 */
column: number, 
/**
 * Bytes of the whole cell, as far as it was read.
 */
bytes: number, };

export type PreviewTable = { 
/**
 * Columns, from the left.
 */
columns: Array<PreviewColumn>, 
/**
 * How many columns the file has, as far as it was read; more than `columns` when some are left out.
 */
columns_total: number, 
/**
 * One cell for each column; `null` where there is no value.
 */
rows: Array<Array<string | null>>, 
/**
 * Cells that are shown in part. Each ends with an ellipsis.
 */
cut: Array<PreviewCutCell>, 
/**
 * How many rows the file has, where that is known.
 */
rows_total: number | null, 
/**
 * Of text tables, what parts cells: `,`, `;`, a tab or `|`.
 */
delimiter: string | null, 
/**
 * Of text tables, whether the first line holds names. Else columns are called by number.
 */
header: boolean | null, 
/**
 * Of text tables, the encoding.
 */
encoding: string | null, };

export type PreviewText = { 
/**
 * The lines, with line feeds in between.
 */
text: string, 
/**
 * How many.
 */
lines: number, 
/**
 * `utf-8`, `utf-16le`, `utf-16be` or `latin-1`.
 */
encoding: string, 
/**
 * Whether line breaks and indents were put in to make it readable (JSON on one line).
 */
indented: boolean, };

export type PreviewImage = { 
/**
 * Pixels from left to right, as it is shown.
 */
width: number, 
/**
 * Pixels from top to bottom.
 */
height: number, 
/**
 * A small PNG of it in base64, made anew from its pixels: nothing of the file itself is in it. Absent when the
 * picture is too large to be opened, or damaged.
 */
thumbnail_png: string | null, 
/**
 * Size of the small one.
 */
thumbnail_width: number | null, 
/**
 * Size of the small one.
 */
thumbnail_height: number | null, };

export type PreviewBinary = { 
/**
 * The first bytes: offset, sixteen bytes in hexadecimal, and as characters.
 */
hex: string, 
/**
 * What such a file usually is, in a few words.
 */
about: string | null, };

export type PreviewNote = "cells-cut" | "columns-left-out" | "lines-cut" | "row-cut" | "lines-left-out" | "first-frame" | "too-large" | "not-decoded" | "too-far" | "runs-code";

export type PreviewView = { 
/**
 * Its path.
 */
file: string, 
/**
 * Number of the version.
 */
version: number, 
/**
 * The format, as far as it is known: `csv`, `tsv`, `jsonl`, `json`, `parquet`, `text`, `png`, `zip`, `unknown`, ...
 */
format: string, 
/**
 * Whether the file holds more than is shown.
 */
truncated: boolean, 
/**
 * What to give as offset for what comes next; absent when nothing does, or when it can't be shown.
 */
next_offset: number | null, 
/**
 * Bytes of the file that were read.
 */
bytes_read: number, 
/**
 * Bytes of the file.
 */
file_bytes: number, 
/**
 * What people should know about what they see.
 */
notes: Array<PreviewNote>, } & ({ "kind": "table" } & PreviewTable | { "kind": "text" } & PreviewText | { "kind": "image" } & PreviewImage | { "kind": "binary" } & PreviewBinary);

export type PlanView = { 
/**
 * Files.
 */
files: number, 
/**
 * Folders.
 */
folders: number, 
/**
 * Links, which stay links.
 */
links: number, 
/**
 * Bytes of the files.
 */
bytes: number, 
/**
 * The largest file.
 */
largest: SizedView | null, 
/**
 * What would be left out, by path: the first 1,000.
 */
skipped: Array<SkippedView>, 
/**
 * How much would be left out in all.
 */
skipped_total: number, 
/**
 * Files that a `.gitignore` names and that are taken along all the same: the first 1,000.
 */
ignored: Array<string>, 
/**
 * How many these are in all.
 */
ignored_total: number, 
/**
 * Their bytes.
 */
ignored_bytes: number, };

export type SizedView = { 
/**
 * The path.
 */
path: string, 
/**
 * Bytes.
 */
bytes: number, };

export type PendingView = { 
/**
 * Its id: the version it would make.
 */
version: string, 
/**
 * The project's id.
 */
project: string, 
/**
 * The project's name, where it is known.
 */
project_name: string | null, 
/**
 * The id of the item that it makes or adds to.
 */
item: string, 
/**
 * What kind.
 */
kind: ItemKind, 
/**
 * The item's name.
 */
name: string, 
/**
 * What is to be said about the version.
 */
note: string, 
/**
 * Files and folders, as they were named; give the same to go on.
 */
paths: Array<string>, 
/**
 * Whether hidden files are taken along; give the same to go on.
 */
include_hidden: boolean, 
/**
 * When it was begun, milliseconds since 1970-01-01 UTC.
 */
begun_ms: number | null, 
/**
 * Files that were read to their end.
 */
files: number, 
/**
 * Their bytes.
 */
bytes: number, 
/**
 * Bytes that the server has, padding included.
 */
bytes_sent: number, };

export type PersonView = { 
/**
 * Who.
 */
handle: string, 
/**
 * The id of that account.
 */
id: string, 
/**
 * How sure this user is of the keys.
 */
checked: PinState, 
/**
 * Since when that is so, milliseconds since 1970-01-01 UTC.
 */
since_ms: number, 
/**
 * The six words.
 */
words: string, 
/**
 * Names of the projects that both are in.
 */
projects: Array<string>, 
/**
 * Whether it is the account from before this person started over: the words of a later one were compared.
 */
replaced: boolean, };

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
name: string, 
/**
 * Whether it is in the trash, where it can be opened as well.
 */
trashed: boolean, };

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
 * Nothing has changed since that version: no new one was made.
 */
unchanged: boolean, 
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
 * Pieces that the server had before.
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
 * The same as `changed_ms`, under its first name.
 */
changed: number, 
/**
 * Last change, milliseconds since 1970-01-01 UTC.
 */
changed_ms: number, 
/**
 * When it stops working.
 */
expires_ms: number | null, 
/**
 * When it was put into the trash, if it is there.
 */
trashed_ms: number | null, };

export type SecretVersionView = { 
/**
 * 1 is the oldest that is kept.
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
 * Where it came from, if it was not typed in.
 */
note: string, };

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

export type NodeInviteView = { 
/**
 * Good once.
 */
token: string, 
/**
 * When it ends, milliseconds since 1970-01-01 UTC.
 */
expires_ms: number, 
/**
 * The server's address.
 */
server: string, 
/**
 * Whose authorisations the node is to follow: the user's.
 */
operator: string, 
/**
 * The user's six words.
 */
words: string, 
/**
 * The line.
 */
command: string, };

export type NodeView = { 
/**
 * Its id.
 */
id: string, 
/**
 * Its name.
 */
name: string, 
/**
 * How sure this user is of its keys.
 */
checked: PinState, 
/**
 * Since when that is so, milliseconds since 1970-01-01 UTC.
 */
checked_ms: number, 
/**
 * Its six words, where they are known.
 */
words: string, 
/**
 * Whether the user enrolled it.
 */
mine: boolean, 
/**
 * When it was last heard of.
 */
seen_ms: number | null, 
/**
 * Where it may work.
 */
projects: Array<NodeProjectView>, 
/**
 * What it says about its computer, where its signature was checked.
 */
card: CardView | null, };

export type NodeProjectView = { 
/**
 * The project's id.
 */
id: string, 
/**
 * The project's name.
 */
name: string, 
/**
 * `runs` or `project`.
 */
scope: string, 
/**
 * Until when, milliseconds since 1970-01-01 UTC.
 */
until_ms: number, 
/**
 * Whether that is over.
 */
over: boolean, };

export type CardView = { 
/**
 * When it said so, milliseconds since 1970-01-01 UTC.
 */
time_ms: number, 
/**
 * Version of its program.
 */
version: string, 
/**
 * Operating system and processor.
 */
system: string, 
/**
 * Processors.
 */
cpus: number, 
/**
 * Bytes of memory.
 */
memory: number, 
/**
 * Graphics processors.
 */
gpus: Array<string>, 
/**
 * Runs at the same time.
 */
slots: number, 
/**
 * What it can start.
 */
runtimes: Array<string>, 
/**
 * Whose authorisations it follows.
 */
operators: Array<string>, };

export type AuthorisedView = { 
/**
 * Its name.
 */
node: string, 
/**
 * Its id.
 */
id: string, 
/**
 * `runs` or `project`.
 */
scope: string, 
/**
 * Until when, milliseconds since 1970-01-01 UTC.
 */
until_ms: number, };

export type WithdrawnView = { 
/**
 * Its name.
 */
node: string, 
/**
 * What it had: `runs` or `project`.
 */
scope: string, 
/**
 * What it was given, or could open where it had the whole project.
 */
could_open: Array<ItemName>, 
/**
 * Secrets to change where they come from.
 */
change_secrets: Array<string>, 
/**
 * Runs that had not ended.
 */
stopped: Array<string>, 
/**
 * Whether new keys protect everything from now on.
 */
new_key: boolean, };

export type RunView = { 
/**
 * Its id.
 */
id: string, 
/**
 * The project's id.
 */
project: string, 
/**
 * The project's name.
 */
project_name: string, 
/**
 * The task's name; empty where this member can't read it.
 */
task: string, 
/**
 * The task's version; 0 where it is no longer there.
 */
task_version: number, 
/**
 * The node's name.
 */
node: string, 
/**
 * How it ended: `succeeded`, `failed`, `stopped`, `over-limit` or `broken-off`; else where it stands: `ordered`, `queued`, `running`,
 * `stopping`, `ended` (not yet taken over), `refused`, `lost`, `withdrawn`, `expired`, or `done` where this member can't read how.
 */
state: string, 
/**
 * Whether nothing more will come of it.
 */
over: boolean, 
/**
 * Who ordered it.
 */
ordered_by: string, 
/**
 * When, milliseconds since 1970-01-01 UTC.
 */
ordered_ms: number, 
/**
 * When the attempt that counts began.
 */
started: number | null, 
/**
 * When it ended.
 */
ended: number | null, 
/**
 * What the task ended with.
 */
exit_code: number | null, 
/**
 * What the node says about its end; or why it refused, as a code.
 */
sentence: string, 
/**
 * The attempt that counts; 0 before the first.
 */
attempt: number, 
/**
 * How often it may be begun.
 */
attempts: number, 
/**
 * The workflow it belongs to.
 */
workflow: string | null, 
/**
 * Its step.
 */
step: string | null, };

export type TaskView = { 
/**
 * The item's id.
 */
id: string, 
/**
 * The item's name.
 */
name: string, 
/**
 * The version.
 */
version: number, 
/**
 * What it calls itself.
 */
title: string, 
/**
 * What it does.
 */
description: string, 
/**
 * `python`, `shell`, `r`, `notebook` or `container`.
 */
runtime: string, 
/**
 * The file it begins with.
 */
entry: string | null, 
/**
 * Of containers.
 */
image: string | null, 
/**
 * What it can be told, by name.
 */
parameters: Array<ParameterView>, 
/**
 * What it reads, by name.
 */
inputs: Array<TaskInputView>, 
/**
 * What it needs to know, by name.
 */
secrets: Array<TaskSecretView>, 
/**
 * What it leaves behind, by name.
 */
outputs: Array<TaskOutputView>, 
/**
 * How much it may take.
 */
limits: TaskLimitsView, 
/**
 * Hosts it may reach, as `NAME:PORT`.
 */
hosts: Array<string>, };

export type ParameterView = { 
/**
 * Its name.
 */
name: string, 
/**
 * What kind of value it takes.
 */
type: "int" | "float" | "text" | "bool" | "choice", 
/**
 * What it is for.
 */
description: string, 
/**
 * What holds if it is not given.
 */
default: string | null, 
/**
 * It may be left out though it has no default.
 */
optional: boolean, 
/**
 * The least, of numbers. As text: not every whole number is one of JSON's.
 */
min: string | null, 
/**
 * The greatest.
 */
max: string | null, 
/**
 * What can be chosen.
 */
choices: Array<string>, };

export type TaskInputView = { 
/**
 * Its name.
 */
name: string, 
/**
 * A dataset, a model or an artifact.
 */
kind: ItemKind, 
/**
 * What it is for.
 */
description: string, 
/**
 * A run may do without.
 */
optional: boolean, };

export type TaskSecretView = { 
/**
 * Its name.
 */
name: string, 
/**
 * What it is needed for.
 */
purpose: string, 
/**
 * The type that fits, by its word; any if absent.
 */
secret_type: string | null, 
/**
 * A run may do without.
 */
optional: boolean, };

export type TaskOutputView = { 
/**
 * Its name.
 */
name: string, 
/**
 * A model or an artifact.
 */
kind: ItemKind, 
/**
 * What it is.
 */
description: string, };

export type TaskLimitsView = { 
/**
 * Seconds.
 */
seconds: number, 
/**
 * Bytes of memory.
 */
memory: number, 
/**
 * Thousandths of a processor.
 */
milli_cpus: number, 
/**
 * Processes and threads at one time.
 */
processes: number, 
/**
 * Bytes written.
 */
disk: number, 
/**
 * Bytes of output that are kept.
 */
log: number, };

export type FaultView = { 
/**
 * Where: `parameters.NAME`, `inputs.NAME`, `secrets.NAME`, `attempts` or `time`; without a name for what the task does not have.
 */
field: string, 
/**
 * What, as the rest of a sentence.
 */
what: string, 
/**
 * What to do, as a sentence.
 */
next: string, };

export type RunInputView = { 
/**
 * Its name in the task.
 */
name: string, 
/**
 * What is read.
 */
item: string, 
/**
 * Its id.
 */
item_id: string, 
/**
 * Its version; 0 where it is no longer there.
 */
version: number, };

export type RunSecretView = { 
/**
 * Its name in the task.
 */
name: string, 
/**
 * The secret's name.
 */
secret: string, 
/**
 * The secret's id.
 */
secret_id: string, };

export type RunParamView = { 
/**
 * Its name.
 */
name: string, 
/**
 * The value.
 */
value: string, };

export type RunArtifactView = { 
/**
 * Its name in the task.
 */
name: string, 
/**
 * A model or an artifact.
 */
kind: ItemKind, 
/**
 * The item's name.
 */
item: string, 
/**
 * The item's id.
 */
item_id: string, 
/**
 * Its version.
 */
version: number, 
/**
 * Files in it.
 */
files: number, 
/**
 * Their bytes.
 */
bytes: number, };

export type LogPieceView = { 
/**
 * Milliseconds since the attempt began.
 */
at_ms: number, 
/**
 * Standard output, error output, or the node itself.
 */
source: "out" | "error" | "node", 
/**
 * As text.
 */
text: string, 
/**
 * The bytes, as unpadded base64url, where they are no UTF-8.
 */
bytes?: string, };

export type RunLogView = { 
/**
 * The run.
 */
run: string, 
/**
 * As in [`RunView`].
 */
state: string, 
/**
 * Which attempt.
 */
attempt: number, 
/**
 * In order.
 */
pieces: Array<LogPieceView>, 
/**
 * Where to go on.
 */
next: number, 
/**
 * Whether no more will come.
 */
ended: boolean, 
/**
 * Whether all is there that the node signed for; absent while its result is not taken over.
 */
whole: boolean | null, };

export type RunFilesView = { 
/**
 * The run.
 */
run: string, 
/**
 * Who made it.
 */
node: string, 
/**
 * The task and its version.
 */
task: string, 
/**
 * Out of what: names with versions.
 */
inputs: Array<string>, 
/**
 * Each with its folder.
 */
artifacts: Array<RunArtifactView>, 
/**
 * Where they are, in the same order.
 */
folders: Array<string>, 
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

export type WorkflowView = { 
/**
 * Its id.
 */
id: string, 
/**
 * The project's id.
 */
project: string, 
/**
 * The project's name.
 */
project_name: string, 
/**
 * `running`, `succeeded`, `failed` or `stopped`; `open` where only its runs are known and none is at work.
 */
state: string, 
/**
 * Each run of each step.
 */
steps: Array<WorkflowStepView>, 
/**
 * Runs that no longer count.
 */
passed_over: Array<string>, };

export type WorkflowStepView = { 
/**
 * `train`, or `train#3` in a grid.
 */
step: string, 
/**
 * `waiting`, or the state of the run.
 */
state: string, 
/**
 * The run that counts.
 */
run: string | null, 
/**
 * Its node's name.
 */
node: string | null, 
/**
 * How often it was ordered.
 */
tries: number, 
/**
 * What the node says about its end.
 */
sentence: string, };

export type MetricNumber = number | string;

export type MetricPointView = { 
/**
 * Milliseconds since the attempt began.
 */
at_ms: number, 
/**
 * The task's own count.
 */
step: number | null, 
/**
 * The value.
 */
value: MetricNumber, };

export type MetricView = { 
/**
 * What.
 */
name: string, 
/**
 * In order; of very many, the newest.
 */
points: Array<MetricPointView>, 
/**
 * How many there were.
 */
count: number, };

export type LastMetricView = { 
/**
 * What.
 */
name: string, 
/**
 * The task's own count.
 */
step: number | null, 
/**
 * The newest value.
 */
value: MetricNumber, 
/**
 * How many there were.
 */
count: number, };

export type RunDetail = { 
/**
 * The task's id; empty where this member can't read what was ordered.
 */
task_id: string, 
/**
 * Seconds it may take; 0 where this member can't read what was ordered.
 */
seconds: number, 
/**
 * What it reads.
 */
inputs: Array<RunInputView>, 
/**
 * Its parameters.
 */
params: Array<RunParamView>, 
/**
 * The secrets it may use.
 */
secrets: Array<RunSecretView>, 
/**
 * Hosts it may reach.
 */
hosts: Array<string>, 
/**
 * What it measured, newest values.
 */
metrics: Array<LastMetricView>, 
/**
 * What it made.
 */
artifacts: Array<RunArtifactView>, 
/**
 * Its id.
 */
id: string, 
/**
 * The project's id.
 */
project: string, 
/**
 * The project's name.
 */
project_name: string, 
/**
 * The task's name; empty where this member can't read it.
 */
task: string, 
/**
 * The task's version; 0 where it is no longer there.
 */
task_version: number, 
/**
 * The node's name.
 */
node: string, 
/**
 * How it ended: `succeeded`, `failed`, `stopped`, `over-limit` or `broken-off`; else where it stands: `ordered`, `queued`, `running`,
 * `stopping`, `ended` (not yet taken over), `refused`, `lost`, `withdrawn`, `expired`, or `done` where this member can't read how.
 */
state: string, 
/**
 * Whether nothing more will come of it.
 */
over: boolean, 
/**
 * Who ordered it.
 */
ordered_by: string, 
/**
 * When, milliseconds since 1970-01-01 UTC.
 */
ordered_ms: number, 
/**
 * When the attempt that counts began.
 */
started: number | null, 
/**
 * When it ended.
 */
ended: number | null, 
/**
 * What the task ended with.
 */
exit_code: number | null, 
/**
 * What the node says about its end; or why it refused, as a code.
 */
sentence: string, 
/**
 * The attempt that counts; 0 before the first.
 */
attempt: number, 
/**
 * How often it may be begun.
 */
attempts: number, 
/**
 * The workflow it belongs to.
 */
workflow: string | null, 
/**
 * Its step.
 */
step: string | null, };

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

export type RelockView = { 
/**
 * Items.
 */
items: number, 
/**
 * Their versions.
 */
versions: number, 
/**
 * Bytes of files in these.
 */
bytes: number, 
/**
 * Bytes of packs that are no longer needed; the server keeps those for thirty days.
 */
dropped_bytes: number, 
/**
 * What was left as it is.
 */
left: Array<LeftView>, };

export type LeftView = { 
/**
 * Its name.
 */
name: string, 
/**
 * Why.
 */
error: ErrorView, };

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
 * The second secret, if there is a new one.
 */
second_secret?: string, 
/**
 * What could not be done after the keys were changed.
 */
skipped: Array<SkippedView>, };

export type SecondSecretView = { 
/**
 * As it is typed.
 */
second_secret: string, };

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

export type DoctorView = { 
/**
 * Everything that was looked at.
 */
findings: Array<Finding>, 
/**
 * How many of them are worth a look.
 */
warnings: number, 
/**
 * How many are to be put right.
 */
bad: number, };

export type BackupView = { 
/**
 * The backup's folder.
 */
path: string, 
/**
 * As of when it is, milliseconds since 1970-01-01 UTC.
 */
made_ms: number, 
/**
 * Accounts in it.
 */
accounts: number, 
/**
 * Projects and vaults in it.
 */
spaces: number, 
/**
 * Entries of their logs.
 */
entries: number, 
/**
 * Packs in it.
 */
packs: number, 
/**
 * Their bytes.
 */
bytes: number, 
/**
 * Bytes of packs that were copied now.
 */
copied_bytes: number, 
/**
 * Bytes of packs that were in the backup already.
 */
kept_bytes: number, 
/**
 * Parts of packs that the server should have and does not.
 */
damaged: number, 
/**
 * The first of them.
 */
damaged_parts: Array<DamagedPartView>, };

export type DamagedPartView = { 
/**
 * The pack.
 */
pack: string, 
/**
 * Number of the part.
 */
part: number, 
/**
 * `missing`, or `size`.
 */
why: string, };

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
here_port: number | null, 
/**
 * As of when the last backup of that server is, milliseconds since 1970-01-01 UTC.
 */
backup_ms: number | null, 
/**
 * Where it is.
 */
backup_path: string | null, };

export type Phase = "new" | "locked" | "unlocked";

export type ServerLook = { 
/**
 * Its address.
 */
address: string, 
/**
 * Whether it is the one inside this program.
 */
built_in: boolean, 
/**
 * The fingerprint of its certificate, where a person confirmed it or an invitation held it.
 */
fingerprint: string | null, };

export type Entered = "signed-up" | "signed-in" | "arrived" | "recovered" | "key-changed";

export type QuickLook = "off" | "ready" | "due";

export type Checkup = { 
/**
 * In this computer's profile, and on the way to the server.
 */
profile: DoctorView, 
/**
 * In the data of the server inside this program, if the account lives there.
 */
server: DoctorView | null, };

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
 * Where the Recovery Kit of the new keys was written, after a key change.
 */
new_kit: string | null, 
/**
 * Whether it opens without the Master Key.
 */
quick: QuickLook, 
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
address: string, 
/**
 * The fingerprint that the person confirmed, where the certificate is not one that this computer trusts by itself.
 */
fingerprint: string | null, };

export type ServerCheck = { 
/**
 * Scheme, host and port.
 */
address: string, 
/**
 * Its version; absent where nothing was asked because its certificate is not trusted.
 */
version: string | null, 
/**
 * The fingerprint of a certificate that a person has to confirm.
 */
to_confirm: string | null, 
/**
 * Whether another one was confirmed before.
 */
changed: boolean, };

export type InvitationLook = { 
/**
 * The server it is for.
 */
server: string, 
/**
 * The fingerprint of that server's certificate, where it is needed.
 */
fingerprint: string | null, 
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
 * Whether a second secret is to count beside the Master Key.
 */
second: boolean, 
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
 * The fingerprint that the person confirmed; what this computer knows already if absent.
 */
fingerprint: string | null, 
/**
 * What the person signs in with.
 */
handle: string, 
/**
 * The Master Key.
 */
phrase: string, 
/**
 * The second secret; the one that this computer has for the account if absent.
 */
second: string | null, 
/**
 * The second secret that this computer has was turned off on another one.
 */
without_second: boolean, };

export type KeyChangeForm = { 
/**
 * A number that no other form has: a page that ends before it was answered may ask twice.
 */
turn: number, 
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
 * What becomes of the second secret; it stays if absent.
 */
second: SecondChange | null, 
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
 * The fingerprint that the person confirmed; what this computer knows already if absent.
 */
fingerprint: string | null, 
/**
 * The kit's 24 words.
 */
code: string, 
/**
 * The new Master Key; the generated one if absent.
 */
phrase: string | null, 
/**
 * Whether a new second secret is to count beside it.
 */
second: boolean, };

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

export type ImportForm = { 
/**
 * The number of the file.
 */
pick: number, 
/**
 * Which program wrote it.
 */
source: ImportSource, 
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
choices: Array<ImportChoice>, };

export type ExportForm = { 
/**
 * Of which project; one's own secrets if absent.
 */
project: string | null, 
/**
 * What is to open the file.
 */
passphrase: string | null, 
/**
 * The person has said, by typing it, that anybody may read the file.
 */
plain: boolean, };

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
pick: number, 
/**
 * Whether names that begin with a dot are taken along.
 */
include_hidden: boolean, } | { "job": "download", 
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
pick: number, } | { "job": "artifacts", 
/**
 * The project's id.
 */
project: string, 
/**
 * The run's id.
 */
run: string, 
/**
 * What to call it on the screen.
 */
name: string, 
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
 * The view that belongs to the verb; null where the page has it.
 */
value: unknown, 
/**
 * As of when it is, where the server did not answer.
 */
as_of_ms: number | null, 
/**
 * What the view is called, for a page that keeps it: another one has another name.
 */
name: string | null, };

export type LeftOver = { 
/**
 * The project's name, where it is known.
 */
project_name: string | null, 
/**
 * When it was begun, milliseconds since 1970-01-01 UTC.
 */
begun_ms: number | null, 
/**
 * Files that were read to their end.
 */
files: number, 
/**
 * Their bytes.
 */
bytes: number, };

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
 * What is known of an upload that an earlier run of the program began and nobody went on with yet.
 */
left_over: LeftOver | null, 
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
step: Step, } | { "event": "chore", 
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
  "monitor": MonitorView,
  "people-list": Array<PersonView>,
  "key-change": KeyChangeView,
  "second-secret": SecondSecretView,
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
  "project-relock": RelockView,
  "project-share": ShareView,
  "project-invite": InvitationView,
  "project-role": MemberView,
  "invitation-list": Array<WaitingView>,
  "invitation-withdraw": DoneView,
  "invitation-accept": IdView,
  "project-members": Array<MemberView>,
  "project-remove": RemovedView,
  "project-leave": DoneView,
  "project-activity": Array<ActivityView>,
  "upload": UploadView,
  "upload-plan": PlanView,
  "uploads-pending": Array<PendingView>,
  "upload-abandon": DoneView,
  "item-files": FilesView,
  "item-changes": ChangesView,
  "preview": PreviewView,
  "item-list": Array<ItemView>,
  "item-show": ItemView,
  "item-versions": Array<VersionView>,
  "download": DownloadView,
  "item-rename": IdView,
  "item-delete": DoneView,
  "item-forget": PurgedView,
  "item-restore": DoneView,
  "secret-add": IdView,
  "secret-list": Array<SecretView>,
  "secret-show": SecretDetail,
  "secret-edit": EditView,
  "secret-describe": IdView,
  "secret-history": Array<SecretVersionView>,
  "secret-move": MovedView,
  "secret-purge": PurgedView,
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
  "node-invite": NodeInviteView,
  "node-list": Array<NodeView>,
  "node-words": WordsView,
  "node-verify": WordsView,
  "node-authorise": AuthorisedView,
  "node-withdraw": WithdrawnView,
  "node-end": DoneView,
  "task-manifest": TaskView,
  "run-check": Array<FaultView>,
  "run-start": IdView,
  "run-list": Array<RunView>,
  "run-show": RunDetail,
  "run-log": RunLogView,
  "run-metrics": Array<MetricView>,
  "run-stop": DoneView,
  "run-artifacts": RunFilesView,
  "workflow-advance": WorkflowView,
  "workflow-show": WorkflowView,
  "workflow-stop": DoneView,
};

export const SECRET_TYPES: readonly { type: SecretType; fields: readonly Omit<FieldTypeView, "label">[] }[] =
  [
  {
    "type": "git",
    "fields": [
      {
        "name": "host",
        "hidden": false,
        "multiline": false,
        "password": false,
        "main": true,
        "example": "github.com"
      },
      {
        "name": "username",
        "hidden": false,
        "multiline": false,
        "password": false,
        "main": true,
        "example": "ana"
      },
      {
        "name": "token",
        "hidden": true,
        "multiline": false,
        "password": false,
        "main": true,
        "example": "ghp_16C7e42F292c6912E7"
      },
      {
        "name": "notes",
        "hidden": true,
        "multiline": true,
        "password": false,
        "main": false,
        "example": "Recovery codes, the answer to the question"
      }
    ]
  },
  {
    "type": "aws",
    "fields": [
      {
        "name": "access_key_id",
        "hidden": true,
        "multiline": false,
        "password": false,
        "main": true,
        "example": "AKIAIOSFODNN7EXAMPLE"
      },
      {
        "name": "secret_access_key",
        "hidden": true,
        "multiline": false,
        "password": false,
        "main": true,
        "example": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
      },
      {
        "name": "region",
        "hidden": false,
        "multiline": false,
        "password": false,
        "main": true,
        "example": "eu-central-1"
      },
      {
        "name": "session_token",
        "hidden": true,
        "multiline": false,
        "password": false,
        "main": false,
        "example": "FwoGZXIvYXdzEBYaD"
      },
      {
        "name": "notes",
        "hidden": true,
        "multiline": true,
        "password": false,
        "main": false,
        "example": "Recovery codes, the answer to the question"
      }
    ]
  },
  {
    "type": "credentials",
    "fields": [
      {
        "name": "username",
        "hidden": false,
        "multiline": false,
        "password": false,
        "main": true,
        "example": "ana"
      },
      {
        "name": "password",
        "hidden": true,
        "multiline": false,
        "password": true,
        "main": true,
        "example": "correct horse battery staple"
      },
      {
        "name": "url",
        "hidden": false,
        "multiline": false,
        "password": false,
        "main": false,
        "example": "https://example.org/login"
      },
      {
        "name": "totp",
        "hidden": true,
        "multiline": false,
        "password": false,
        "main": false,
        "example": "otpauth://totp/Example:ana?secret=JBSWY3DPEHPK3PXP"
      },
      {
        "name": "notes",
        "hidden": true,
        "multiline": true,
        "password": false,
        "main": false,
        "example": "Recovery codes, the answer to the question"
      }
    ]
  },
  {
    "type": "api-key",
    "fields": [
      {
        "name": "key",
        "hidden": true,
        "multiline": false,
        "password": false,
        "main": true,
        "example": "sk-4f0c2d9e"
      },
      {
        "name": "host",
        "hidden": false,
        "multiline": false,
        "password": false,
        "main": false,
        "example": "api.example.org"
      },
      {
        "name": "notes",
        "hidden": true,
        "multiline": true,
        "password": false,
        "main": false,
        "example": "Recovery codes, the answer to the question"
      }
    ]
  },
  {
    "type": "ssh",
    "fields": [
      {
        "name": "private_key",
        "hidden": true,
        "multiline": true,
        "password": false,
        "main": true,
        "example": "-----BEGIN OPENSSH PRIVATE KEY-----"
      },
      {
        "name": "passphrase",
        "hidden": true,
        "multiline": false,
        "password": true,
        "main": false,
        "example": "correct horse battery staple"
      },
      {
        "name": "public_key",
        "hidden": false,
        "multiline": true,
        "password": false,
        "main": false,
        "example": "ssh-ed25519 AAAAC3Nz ana@laptop"
      },
      {
        "name": "fingerprint",
        "hidden": false,
        "multiline": false,
        "password": false,
        "main": false,
        "example": "SHA256:uNiVztksCsDhcc0u9e8BrWeR"
      },
      {
        "name": "username",
        "hidden": false,
        "multiline": false,
        "password": false,
        "main": false,
        "example": "ana"
      },
      {
        "name": "host",
        "hidden": false,
        "multiline": false,
        "password": false,
        "main": false,
        "example": "build.example.org"
      },
      {
        "name": "notes",
        "hidden": true,
        "multiline": true,
        "password": false,
        "main": false,
        "example": "Recovery codes, the answer to the question"
      }
    ]
  },
  {
    "type": "database",
    "fields": [
      {
        "name": "url",
        "hidden": true,
        "multiline": false,
        "password": false,
        "main": true,
        "example": "postgres://ana:password@db.example.org/shop"
      },
      {
        "name": "host",
        "hidden": false,
        "multiline": false,
        "password": false,
        "main": false,
        "example": "db.example.org"
      },
      {
        "name": "username",
        "hidden": false,
        "multiline": false,
        "password": false,
        "main": false,
        "example": "ana"
      },
      {
        "name": "password",
        "hidden": true,
        "multiline": false,
        "password": true,
        "main": false,
        "example": "correct horse battery staple"
      },
      {
        "name": "notes",
        "hidden": true,
        "multiline": true,
        "password": false,
        "main": false,
        "example": "Recovery codes, the answer to the question"
      }
    ]
  },
  {
    "type": "certificate",
    "fields": [
      {
        "name": "certificate",
        "hidden": false,
        "multiline": true,
        "password": false,
        "main": true,
        "example": "-----BEGIN CERTIFICATE-----"
      },
      {
        "name": "private_key",
        "hidden": true,
        "multiline": true,
        "password": false,
        "main": true,
        "example": "-----BEGIN PRIVATE KEY-----"
      },
      {
        "name": "passphrase",
        "hidden": true,
        "multiline": false,
        "password": true,
        "main": false,
        "example": "correct horse battery staple"
      },
      {
        "name": "notes",
        "hidden": true,
        "multiline": true,
        "password": false,
        "main": false,
        "example": "Recovery codes, the answer to the question"
      }
    ]
  },
  {
    "type": "env",
    "fields": []
  },
  {
    "type": "note",
    "fields": [
      {
        "name": "text",
        "hidden": true,
        "multiline": true,
        "password": false,
        "main": true,
        "example": "The code of the safe is on the back of …"
      }
    ]
  }
];
