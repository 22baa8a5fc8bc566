// What a person will probably look at next is read while they look at something else. What goes wrong is said where it is looked at.
import { ask } from "../backend";
import { everybody } from "../features/people/everybody";
import { secretsEverywhere } from "../features/secrets/placed";

/** Reads what the navigation leads to. */
export async function readHouse(): Promise<void> {
  await secretsEverywhere(false);
  await everybody();
}

/** Reads what the tabs of a project lead to. */
export async function readProject(project: string, encrypted: boolean): Promise<void> {
  if (encrypted) await ask({ verb: "secret-list", trashed: false, project });
  await ask({ verb: "project-activity", project });
}
