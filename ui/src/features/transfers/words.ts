// What a transfer says about itself, in words: how far it is, how it ended, and all of them in one line.
import type { DownloadView, JobView, UploadView } from "../../generated/types";
import { plural, w } from "../../i18n";
import { bytes, count, left, moment, quoted } from "../../shared/format";

const t = w.transfers;

/** Whether its steps count bytes at the moment. */
function moves(job: JobView): boolean {
  return job.step?.stage === "sending" || job.step?.stage === "receiving";
}

/** How far it is, between 0 and 1; null while that can't be told. */
export function share(job: JobView): number | null {
  const step = job.step;
  if (!step) return null;
  if (step.stage === "checking" || step.stage === "committing") return 1;
  if (!moves(job)) return null;
  // Of nothing all is done; files without content are counted as files.
  if (step.total > 0) return step.done / step.total;
  return step.files_total > 0 ? step.files / step.files_total : null;
}

/** What it is doing. */
export function stage(job: JobView): string {
  return job.step ? t.stages[job.step.stage] : t.waiting;
}

/** Bytes, files, speed, time left: what of it is known. */
export function progress(job: JobView): string {
  const step = job.step;
  if (!step || !moves(job)) return "";
  const parts: string[] = [];
  if (step.total > 0) parts.push(t.of(bytes(step.done), bytes(step.total)));
  if (step.files_total > 1) parts.push(t.filesOf(count(step.files), count(step.files_total)));
  if (job.state === "running" && job.rate !== null) {
    parts.push(job.rate > 0 ? t.rate(bytes(job.rate)) : t.standing);
    if (job.left !== null && job.left > 0) parts.push(t.left(left(job.left)));
  }
  return parts.join(" · ");
}

/** What was left out. */
export function leftOut(job: JobView): UploadView["skipped"] {
  return job.state === "done" ? ((job.outcome?.value as UploadView | DownloadView | undefined)?.skipped ?? []) : [];
}

/** Whether another attempt may take along what was left out. */
export function retries(job: JobView): boolean {
  return job.state === "done" && !job.download && job.outcome?.ending === "partial";
}

/** How it is, in a word or two. */
export function stateOf(job: JobView): string {
  if (job.state === "running") return stage(job);
  if (job.left_over) return t.notFinished;
  // What a person left out is not missing.
  if (job.state === "done" && job.outcome?.ending === "partial") return t.partly;
  return t[job.state];
}

/** What an earlier run of the program left: where it goes, since when it waits, how far it came. */
function waits(job: JobView): string[] {
  const old = job.left_over;
  if (!old) return [];
  const said: string[] = [];
  if (old.project_name !== null) said.push(t.inProject(quoted(old.project_name)));
  if (old.begun_ms !== null) said.push(t.begunOn(moment(old.begun_ms)));
  if (old.files > 0) said.push(t.readSoFar(plural(old.files, t.file, t.files), bytes(old.bytes)));
  return said;
}

/** What there is to say about it beside that. */
export function about(job: JobView): string {
  switch (job.state) {
    case "running":
      return progress(job);
    case "paused": {
      if (job.left_over) return [...waits(job), t.pausedUpload].join(" ");
      const far = progress(job);
      const next = job.download ? t.pausedDownload : t.pausedUpload;
      return far ? `${far}. ${next}` : next;
    }
    case "done":
      return result(job);
    case "cancelled":
      return job.download ? t.cancelledDownload : t.cancelledUpload;
    case "failed":
      return "";
  }
}

/** How it ended, as a sentence. */
export function result(job: JobView): string {
  if (job.state !== "done" || !job.outcome) return "";
  const view = job.outcome.value as UploadView | DownloadView;
  if ("unchanged" in view && view.unchanged) return t.unchanged(view.version);
  const said = [`${plural(view.files, t.file, t.files)}, ${bytes(view.bytes)}.`];
  if ("bytes_reused" in view && view.bytes_reused > 0) said.push(t.there(bytes(view.bytes_reused)));
  said.push(job.download ? t.checkedDownload : t.checkedUpload);
  return said.join(" ");
}

/** All of them in one line. */
export function summary(jobs: readonly JobView[]): string {
  const of = (...states: JobView["state"][]) => jobs.filter((job) => states.includes(job.state));
  const running = of("running");
  const parts: string[] = [];
  if (running.length) {
    parts.push(t.running(running.length));
    const shares = running.map(share);
    if (shares.every((known) => known !== null)) {
      const mean = shares.reduce((sum, known) => sum + known, 0) / shares.length;
      parts.push(t.percent(Math.floor(mean * 100)));
    }
    const longest = Math.max(...running.map((job) => job.left ?? 0));
    if (longest > 0) parts.push(t.left(left(longest)));
  }
  const waiting = of("paused").filter((job) => job.left_over).length;
  const [paused, failed, ended] = [of("paused").length - waiting, of("failed").length, of("done", "cancelled").length];
  if (waiting) parts.push(t.waitingCount(waiting));
  if (paused) parts.push(t.pausedCount(paused));
  if (failed) parts.push(t.failedCount(failed));
  if (ended) parts.push(t.ended(ended));
  return parts.join(" · ");
}

/** What is worth reading out, and a mark that changes when there is something new: at quarters, and when it stops. */
export function heard(job: JobView, name: string): { mark: string; text: string } {
  if (job.state === "done") return { mark: "done", text: `${name}: ${result(job)}` };
  if (job.left_over) return { mark: "waiting", text: t.heardWaiting(name) };
  if (job.state === "paused") return { mark: "paused", text: t.heardPaused(name) };
  if (job.state === "failed") return { mark: "failed", text: t.heardFailed(name) };
  if (job.state === "cancelled") return { mark: "cancelled", text: t.heardCancelled(name) };
  const known = share(job);
  if (known === null) return { mark: "begun", text: "" };
  const quarter = Math.floor(known * 4) * 25;
  return { mark: `${quarter}`, text: t.heardPercent(name, quarter) };
}
