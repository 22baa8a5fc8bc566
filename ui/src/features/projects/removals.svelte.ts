// People on their way out: ten seconds in which it can be undone, then the removal, then what has to be changed because of it.
// Kept here and not in a view, because who confirmed may have gone to another one meanwhile.
import { changed } from "../../app/live.svelte";
import { here } from "../../app/route.svelte";
import { ask, Trouble } from "../../backend";
import type { ProjectView, RemovedView } from "../../generated/types";
import { w } from "../../i18n";
import { quoted } from "../../shared/format";
import { isDue, soon } from "../../shared/soon.svelte";
import { toast } from "../../shared/toasts.svelte";

/** How a removal ended. Names of secrets are in it, never values. */
export interface Removal {
  project: string;
  handle: string;
  result?: RemovedView;
  trouble?: Trouble;
}

export const removals = $state<Removal[]>([]);

const key = (project: string, handle: string) => `remove ${project} ${handle}`;

export const isLeavingSoon = (project: string, handle: string) => isDue(key(project, handle));

/** Removes somebody, in ten seconds. */
export function removeSoon(project: ProjectView, handle: string): void {
  soon(key(project.id, handle), w.projects.removing(handle), () => void remove(project, handle));
}

async function remove({ id: project, name }: ProjectView, handle: string) {
  settle(project, handle);
  try {
    const result = await ask({ verb: "project-remove", project, handle });
    removals.push({ project, handle, result });
    const route = here.route;
    const seen = route.at === "project" && route.project === project && route.tab === "members";
    if (!seen) toast(w.projects.removedElsewhere(handle, quoted(name)));
  } catch (thrown) {
    removals.push({ project, handle, trouble: Trouble.from(thrown) });
  }
  changed(project);
}

/** What was said about it has been read. */
export function settle(project: string, handle: string): void {
  const place = removals.findIndex((known) => known.project === project && known.handle === handle);
  if (place >= 0) removals.splice(place, 1);
}
