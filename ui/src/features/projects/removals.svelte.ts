// People on their way out: ten seconds in which it can be undone, then the removal, then what has to be changed because of it.
// Kept here and not in a view, because who confirmed may have gone to another one meanwhile.
import { changed } from "../../app/live.svelte";
import { here } from "../../app/route.svelte";
import { ask, Trouble } from "../../backend";
import type { MemberView, ProjectView, RemovedView } from "../../generated/types";
import { w } from "../../i18n";
import { quoted } from "../../shared/format";
import { isDue, soon } from "../../shared/soon.svelte";
import { toast } from "../../shared/toasts.svelte";

/** How a removal ended. Names of secrets are in it, never values. */
export interface Removal {
  project: string;
  /** Of the account that goes: two members may have one handle. */
  id: string;
  handle: string;
  result?: RemovedView;
  trouble?: Trouble;
}

type Who = Pick<MemberView, "id" | "handle">;

export const removals = $state<Removal[]>([]);

const key = (project: string, id: string) => `remove ${project} ${id}`;

export const isLeavingSoon = (project: string, id: string) => isDue(key(project, id));

/** Removes somebody, in ten seconds. */
export function removeSoon(project: ProjectView, who: Who): void {
  soon(key(project.id, who.id), w.projects.removing(who.handle), () => void remove(project, who));
}

async function remove({ id: project, name }: ProjectView, { id, handle }: Who) {
  settle(project, id);
  try {
    const result = await ask({ verb: "project-remove", project, handle: id });
    removals.push({ project, id, handle, result });
    const route = here.route;
    const seen = route.at === "project" && route.project === project && route.tab === "members";
    if (!seen) toast(w.projects.removedElsewhere(handle, quoted(name)));
  } catch (thrown) {
    removals.push({ project, id, handle, trouble: Trouble.from(thrown) });
  }
  changed(project);
}

/** What was said about it has been read. */
export function settle(project: string, id: string): void {
  const place = removals.findIndex((known) => known.project === project && known.id === id);
  if (place >= 0) removals.splice(place, 1);
}
