// What Rust tells by itself, turned into state that any view can follow.
import { kept, rust, watch } from "../backend";
import type { Event, JobView, Picked, Step } from "../generated/types";
import { w } from "../i18n";
import { toast } from "../shared/toasts.svelte";

export const live = $state({
  /** Goes up whenever a project may have changed; views that follow it look again. */
  changes: 0,
  /** The space that changed last. */
  space: "",
  jobs: [] as JobView[],
  /** How far a change of the Master Key is; null while there is none. */
  keys: null as Step | null,
  /** How far a move to another server, a backup or a check is; null before it has said anything. */
  chore: null as Step | null,
  /** Files hang over the window. */
  hover: false,
  /** Files were dropped; whoever shows them takes them. */
  dropped: null as Picked | null,
  /** Seconds until locking by itself; null while that is far. */
  locking: null as number | null,
});

export function setJob(job: JobView): void {
  const place = live.jobs.findIndex((known) => known.id === job.id);
  if (place >= 0) live.jobs[place] = job;
  else live.jobs.push(job);
}

/** A job was put away. */
export function dropJob(id: number): void {
  live.jobs = live.jobs.filter((known) => known.id !== id);
}

function hear(event: Event): void {
  switch (event.event) {
    case "job":
      setJob(event.job);
      if (event.job.state === "done") changed(event.job.project);
      break;
    case "changed":
      changed(event.space);
      break;
    case "keys":
      live.keys = event.step;
      break;
    case "chore":
      live.chore = event.step;
      break;
    case "hover":
      live.hover = event.over;
      break;
    case "dropped":
      live.dropped = event.files;
      break;
    case "clipboard-cleared":
      toast(w.secrets.cleared);
      break;
    case "locking-soon":
      live.locking = event.seconds;
      break;
  }
}

/** Something changed here or elsewhere: views look again. */
export function changed(space = ""): void {
  kept.doubt();
  lookAgain(space);
}

function lookAgain(space: string): void {
  live.space = space;
  live.changes += 1;
}

const QUIET = 20_000;
let told = 0;

/** A hand moved: locking by itself waits. Told at most every twenty seconds. */
function moved(): void {
  live.locking = null;
  const now = Date.now();
  if (now - told < QUIET) return;
  told = now;
  void rust.alive();
}

/** Begins to listen; called once by the house. */
export async function listen(): Promise<void> {
  for (const kind of ["pointerdown", "keydown", "wheel"]) addEventListener(kind, moved, { passive: true });
  kept.onother = () => lookAgain("");
  await watch(hear);
  // What was heard meanwhile is newer.
  for (const job of await rust.jobs()) {
    if (!live.jobs.some((known) => known.id === job.id)) live.jobs.push(job);
  }
}
