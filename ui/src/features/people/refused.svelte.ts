// Words that somebody said are not theirs. Nothing is shared on the strength of these until they are compared once more. Kept by
// Rust, so that neither a new page nor a new start forgets the warning.
import { SvelteMap } from "svelte/reactivity";
import { rust } from "../../backend";

const refused = new SvelteMap<string, string>();

/** What was refused earlier; called once by the house. */
export async function loadRefused(): Promise<void> {
  for (const [handle, words] of Object.entries(await rust.refusedWords())) refused.set(handle, words);
}

/** These words are not that person's. The warning is there at once, whether or not it could be kept. */
export async function refuse(handle: string, words: string): Promise<void> {
  refused.set(handle, words);
  await rust.refuseWords(handle, words);
}

/** It was a mistake: they are compared once more. */
export async function forget(handle: string): Promise<void> {
  if (!refused.delete(handle)) return;
  await rust.refuseWords(handle, null);
}

export function isRefused(handle: string, words: string): boolean {
  return refused.get(handle) === words;
}
