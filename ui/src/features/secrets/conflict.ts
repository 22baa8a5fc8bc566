// Two versions of a secret that were written at the same time, side by side.
import type { SecretDetail } from "../../generated/types";

/** What somebody else wrote, with its values: the newest version covers it, so it was read before. */
export type Theirs = SecretDetail;

export interface Pair {
  name: string;
  theirs: boolean;
  yours: boolean;
}

/** Every field of either version, in the order in which they come. */
export function pairs(theirs: SecretDetail, yours: SecretDetail): Pair[] {
  const names = (detail: SecretDetail) => detail.fields.map((field) => field.name);
  const all = new Set([...names(yours), ...names(theirs)]);
  return [...all].map((name) => ({ name, theirs: names(theirs).includes(name), yours: names(yours).includes(name) }));
}
