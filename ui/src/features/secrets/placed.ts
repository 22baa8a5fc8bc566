// Secrets with where they live: those of one project, or one's own with those of all projects.
import { ask } from "../../backend";
import type { ProjectView, SecretView } from "../../generated/types";

export interface Placed extends SecretView {
  /** The project it lives in; one's own if null. */
  project: string | null;
  /** That project's name, where the list is of more than one place. */
  place: string;
  mayWrite: boolean;
}

const writes = (project: ProjectView) => project.role === "owner" || project.role === "contributor";

interface Everywhere {
  secrets: readonly Placed[];
  missing: readonly string[];
}
/** What was made last of the same answers. As the same list, it is sorted once. */
const ofAnswer = new WeakMap<readonly SecretView[], readonly Placed[]>();
let ofAnswers: { from: readonly unknown[]; made: Everywhere } | undefined;

export async function secretsOf(project: string, mayWrite: boolean, trashed: boolean): Promise<readonly Placed[]> {
  const answer = await ask({ verb: "secret-list", trashed, project });
  const known = ofAnswer.get(answer);
  if (known && known[0]?.mayWrite === mayWrite) return known;
  const secrets = answer.map((secret) => ({ ...secret, project, place: "", mayWrite }));
  ofAnswer.set(answer, secrets);
  return secrets;
}

/** One's own, and those of every project; names the projects whose secrets can't be listed now. */
export async function secretsEverywhere(trashed: boolean): Promise<Everywhere> {
  const [own, projects] = await Promise.all([
    ask({ verb: "secret-list", trashed, project: null }),
    ask({ verb: "project-list" }),
  ]);
  const open = projects.filter((project) => project.encrypted && !project.trashed);
  const listed = await Promise.allSettled(open.map((project) => secretsOf(project.id, writes(project), trashed)));
  const from = [own, ...open.map(({ name }) => name), ...listed.map((result) => ("value" in result ? result.value : null))];
  if (ofAnswers && ofAnswers.from.length === from.length && from.every((part, n) => part === ofAnswers?.from[n]))
    return ofAnswers.made;
  const secrets: Placed[] = own.map((secret) => ({ ...secret, project: null, place: "", mayWrite: true }));
  const missing: string[] = [];
  listed.forEach((result, n) => {
    const project = open[n];
    if (!project) return;
    if (result.status === "fulfilled") secrets.push(...result.value.map((secret) => ({ ...secret, place: project.name })));
    else missing.push(project.name);
  });
  const made = { secrets, missing };
  ofAnswers = { from, made };
  return made;
}
