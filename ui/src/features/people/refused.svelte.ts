// Words that somebody said are not theirs. Until the page ends nothing is shared on the strength of these.
import { SvelteMap } from "svelte/reactivity";

const refused = new SvelteMap<string, string>();

/** These words are not that person's. */
export function refuse(handle: string, words: string): void {
  refused.set(handle, words);
}

/** It was a mistake: they are compared once more. */
export function forget(handle: string): void {
  refused.delete(handle);
}

export function isRefused(handle: string, words: string): boolean {
  return refused.get(handle) === words;
}
