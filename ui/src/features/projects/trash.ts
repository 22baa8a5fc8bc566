// Projects into the trash and out of it.
import { changed } from "../../app/live.svelte";
import { ask } from "../../backend";
import type { ProjectView } from "../../generated/types";
import { w } from "../../i18n";
import { quoted } from "../../shared/format";
import { over, toast } from "../../shared/toasts.svelte";

/** Moves a project to the trash; ten seconds to take it back. */
export async function trash({ id, name }: ProjectView): Promise<void> {
  await ask({ verb: "project-delete", project: id });
  changed();
  // What fails here is seen: the project stays in the trash, where it can be taken out.
  toast(w.projects.trashed(quoted(name)), () => void restore(id).catch(() => changed()), id);
}

/** Takes a project out. */
export async function restore(id: string): Promise<void> {
  await ask({ verb: "project-restore", project: id });
  over(id);
  changed();
}
