// The one room that speaks to Rust. Everything the page can ask for has a name and types here.
import { Channel, invoke } from "@tauri-apps/api/core";
import type {
  Answered,
  Answers,
  BackupView,
  Checkup,
  Command,
  Ending,
  Event,
  ExportForm,
  ExportView,
  FieldInput,
  ImportForm,
  ImportPlanView,
  ImportView,
  InvitationLook,
  ItemKind,
  JobRequest,
  JobView,
  Judgement,
  KeyChangeForm,
  Look,
  GeneratedView,
  NewAccountForm,
  PasswordKind,
  Pick,
  Picked,
  PlanView,
  RecoverForm,
  RelocatedView,
  SecretDetail,
  ServerCheck,
  Settings,
  SignInForm,
  Step,
} from "../generated/types";
import { Kept } from "./kept";

/** What went wrong, as Rust says it: a stable code, a sentence, a next step. */
export class Trouble extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly next: string,
  ) {
    super(message);
    this.name = "Trouble";
  }

  /** Whatever was thrown, as a Trouble. */
  static from(thrown: unknown): Trouble {
    if (thrown instanceof Trouble) return thrown;
    if (typeof thrown === "object" && thrown !== null && "code" in thrown && "message" in thrown) {
      const known = thrown as { code: unknown; message: unknown; next?: unknown };
      return new Trouble(String(known.code), String(known.message), String(known.next ?? ""));
    }
    return new Trouble("internal", String(thrown), "");
  }
}

async function call<T>(command: string, args?: Record<string, unknown>): Promise<T> {
  try {
    return await invoke<T>(command, args);
  } catch (thrown) {
    throw Trouble.from(thrown);
  }
}

/** Calls that may change what lists say. */
async function change<T>(command: string, args?: Record<string, unknown>): Promise<T> {
  try {
    return await call<T>(command, args);
  } finally {
    kept.doubt();
  }
}

export const kept = new Kept();

export type Verb = Command["verb"];
// Every verb has its answer; a verb without one does not compile.
type Unanswered = Exclude<Verb, keyof Answers>;
const everyVerbIsAnswered: [Unanswered] extends [never] ? true : Unanswered = true;
void everyVerbIsAnswered;

/** What a command is answered. */
export type AnswerTo<C extends Command> = Answers[C["verb"]];

/** Whole views that are looked at again and again. */
const KEPT: ReadonlySet<Verb> = new Set([
  "device-list",
  "item-list",
  "node-list",
  "people-list",
  "project-activity",
  "project-list",
  "project-show",
  "secret-list",
  "whoami",
]);
/** Other verbs that change nothing in any of them; whoever asks for members looks whether somebody was let in with that. */
const READS: ReadonlySet<Verb> = new Set([
  "invitation-list",
  "item-changes",
  "item-show",
  "item-versions",
  "node-words",
  "preview",
  "project-members",
  "run-check",
  "run-list",
  "run-log",
  "run-metrics",
  "run-show",
  "second-secret",
  "secret-generate",
  "secret-history",
  "secret-notes",
  "status",
  "task-manifest",
  "words",
]);

/** Runs a verb and gives its view: of lists the last one at once, and what is new behind it ([`kept.onother`]). */
export async function ask<const C extends Command>(command: C): Promise<AnswerTo<C>> {
  if (!KEPT.has(command.verb)) return (await askWhole(command)).value;
  return kept.answer<AnswerTo<C>>(command, async (known) => {
    const { name, value } = await call<Answered>("run", { command, known });
    return name === null || name === known ? undefined : { name, value: value as AnswerTo<C> };
  });
}

/** Runs a verb; also says how it ended. */
export async function askWhole<const C extends Command>(command: C): Promise<{ ending: Ending; value: AnswerTo<C> }> {
  const reads = KEPT.has(command.verb) || READS.has(command.verb);
  const answered = await (reads ? call : change)<Answered>("run", { command, known: null });
  return { ending: answered.ending, value: answered.value as AnswerTo<C> };
}

/** Hears of what happens until the page ends. */
export async function watch(hear: (event: Event) => void): Promise<void> {
  const events = new Channel<Event>();
  events.onmessage = hear;
  await call("watch", { events });
}

export const rust = {
  look: () => call<Look>("look"),
  alive: () => call<void>("alive"),
  setSettings: (settings: Settings) => call<Settings>("set_settings", { settings }),
  copyText: (text: string) => call<void>("copy_text", { text }),

  makePhrase: () => call<string>("make_phrase"),
  judgePhrase: (phrase: string, besideSecond = false) => call<Judgement>("judge_phrase", { phrase, besideSecond }),
  checkServer: (address: string, fingerprint: string | null = null) =>
    call<ServerCheck>("check_server", { address, fingerprint }),
  lookAtInvitation: (text: string) => call<InvitationLook>("look_at_invitation", { text }),
  signUp: (form: NewAccountForm) => call<void>("sign_up", { form }),
  signIn: (form: SignInForm) => call<void>("sign_in", { form }),
  recover: (form: RecoverForm) => call<void>("recover", { form }),
  saveKit: () => call<string | null>("save_kit"),
  kitQuestion: () => call<[number, number]>("kit_question"),
  kitAnswer: (words: [string, string]) => call<boolean>("kit_answer", { words }),
  kitKept: () => call<void>("kit_kept"),
  enter: (firstProject: string | null) => change<void>("enter", { firstProject }),
  unlock: (phrase: string) => call<void>("unlock", { phrase }),
  unlockQuickly: () => call<void>("unlock_quickly"),
  setQuickUnlock: (on: boolean) => call<void>("set_quick_unlock", { on }),
  lock: () => call<void>("lock"),

  readFields: (project: string | null, name: string, fields: string[], version: string | null = null) =>
    call<SecretDetail>("read_fields", { project, name, version, fields }),
  copyField: (project: string | null, name: string, field: string) =>
    call<number>("copy_field", { project, name, field }),
  describeSecret: (project: string | null, secret: string, name: string, note: string, expiresMs: number | null) =>
    change<void>("describe_secret", { project, secret, name, note, expiresMs }),
  takeSecret: (project: string, secret: string) => change<string>("take_secret", { project, secret }),
  readVariables: (text: string) => call<FieldInput[] | null>("read_variables", { text }),
  previewImport: (form: ImportForm, passphrase: string | null) =>
    call<ImportPlanView>("preview_import", { form, passphrase }),
  importSecrets: (form: ImportForm, seen: string, hear: (step: Step) => void) => {
    const steps = new Channel<Step>();
    steps.onmessage = hear;
    return change<ImportView>("import_secrets", { form, seen, steps });
  },
  forgetImport: () => call<void>("forget_import"),
  deleteImportFile: (pick: number) => call<void>("delete_import_file", { pick }),
  exportSecrets: (form: ExportForm) => call<ExportView | null>("export_secrets", { form }),
  makePassword: (kind: PasswordKind, length: number): Promise<GeneratedView> =>
    ask({ verb: "secret-generate", recipe: { kind, length, classes: [], look_alikes: false } }),
  newKit: () => call<string | null>("new_kit"),
  changeKey: (form: KeyChangeForm) => change<boolean>("change_key", { form }),
  exportActivity: (project: string) => call<string | null>("export_activity", { project }),
  refusedWords: () => call<Record<string, string>>("refused_words"),
  refuseWords: (handle: string, words: string | null) => change<void>("refuse_words", { handle, words }),
  relocate: (to: string, leaveBehind: boolean, fingerprint: string | null) =>
    change<RelocatedView>("relocate", { to, leaveBehind, fingerprint }),
  backUp: (pick: number | null) => call<BackupView>("back_up", { pick }),
  stopChore: () => call<void>("stop_chore"),
  checkUp: () => call<Checkup>("check_up"),
  pick: (what: Pick) => call<Picked | null>("pick", { what }),
  uploadPlan: async (kind: ItemKind, pick: number, includeHidden: boolean) =>
    (await call<Answered>("upload_plan", { kind, pick, includeHidden })).value as PlanView,
  startJob: (request: JobRequest) => call<JobView>("start_job", { request }),
  jobs: () => call<JobView[]>("jobs"),
  pauseJob: (id: number) => call<void>("pause_job", { id }),
  resumeJob: (id: number, pick: number | null = null) => call<JobView>("resume_job", { id, pick }),
  giveUpJob: (id: number) => change<JobView | null>("give_up_job", { id }),
};
