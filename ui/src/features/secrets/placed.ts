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

export async function secretsOf(project: string, mayWrite: boolean, trashed: boolean): Promise<Placed[]> {
  const secrets = await ask({ verb: "secret-list", trashed, project });
  return secrets.map((secret) => ({ ...secret, project, place: "", mayWrite }));
}

/** One's own, and those of every project; names the projects whose secrets can't be listed now. */
export async function secretsEverywhere(trashed: boolean): Promise<{ secrets: Placed[]; missing: string[] }> {
  const [own, projects] = await Promise.all([
    ask({ verb: "secret-list", trashed, project: null }),
    ask({ verb: "project-list" }),
  ]);
  const secrets: Placed[] = own.map((secret) => ({ ...secret, project: null, place: "", mayWrite: true }));
  const missing: string[] = [];
  const open = projects.filter((project) => project.encrypted && !project.trashed);
  const listed = await Promise.allSettled(open.map((project) => secretsOf(project.id, writes(project), trashed)));
  listed.forEach((result, n) => {
    const project = open[n];
    if (!project) return;
    if (result.status === "fulfilled") secrets.push(...result.value.map((secret) => ({ ...secret, place: project.name })));
    else missing.push(project.name);
  });
  return { secrets, missing };
}
