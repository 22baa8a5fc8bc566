// Everybody this computer knows, and what is shared with them, gathered from all projects.
import { ask } from "../../backend";
import type { PersonView, PinState, ProjectDetail, Role } from "../../generated/types";

export interface Known {
  /** Of the account: two may have one handle, when somebody started over. */
  id: string;
  handle: string;
  checked: PinState;
  since_ms: number;
  words: string;
  replaced: boolean;
  projects: { id: string; name: string; role: Role; encrypted: boolean }[];
}

/** Each account once, with all projects, sorted as people sort. Oneself and nodes are left out. */
export function gather(details: readonly ProjectDetail[]): Known[] {
  const people = new Map<string, Known>();
  for (const { project, people: members } of details) {
    for (const member of members) {
      if (member.me || member.kind !== "user") continue;
      const { id, handle, checked, checked_ms: since_ms, words, replaced } = member;
      const known = people.get(id) ?? { id, handle, checked, since_ms, words, replaced, projects: [] };
      known.projects.push({ id: project.id, name: project.name, role: member.role, encrypted: project.encrypted });
      people.set(id, known);
    }
  }
  return sorted([...people.values()]);
}

function sorted(people: Known[]): Known[] {
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  // Of two with one name the one from before comes last.
  return people.sort((a, b) => order.compare(a.handle, b.handle) || Number(a.replaced) - Number(b.replaced));
}

/** Also those with whom nothing is shared now: their keys, and whether they were checked, are known all the same. */
export function withOthers(people: readonly Known[], all: readonly PersonView[]): Known[] {
  const there = new Set(people.map((known) => known.id));
  const others = all
    .filter((known) => !there.has(known.id))
    .map(({ id, handle, checked, since_ms, words, replaced }) => ({
      id,
      handle,
      checked,
      since_ms,
      words,
      replaced,
      projects: [],
    }));
  return sorted([...people, ...others]);
}

/** Asks for all of them. A project that can't be looked at hides nobody else's people; it is named. */
export async function everybody(): Promise<{ people: Known[]; missing: string[] }> {
  const projects = (await ask({ verb: "project-list" })).filter((project) => !project.trashed);
  const looks = await Promise.allSettled(projects.map(({ id }) => ask({ verb: "project-show", project: id })));
  const details = looks.flatMap((look) => (look.status === "fulfilled" ? [look.value] : []));
  const missing = projects.filter((_, n) => looks[n]?.status === "rejected").map((project) => project.name);
  // After the projects: looking at those brings keys that were not known before.
  const all = await ask({ verb: "people-list" });
  return { people: withOthers(gather(details), all), missing };
}
