// Deeds that can't be taken back wait ten seconds first: until then "Undo" keeps them from happening at all.
import { SvelteMap } from "svelte/reactivity";
import { toast } from "./toasts.svelte";

const WAIT = 10_000;
const due = new SvelteMap<string, () => void>();

/** Does it in ten seconds, unless it is undone. `key` names the deed: one that is due already is not begun again. */
export function soon(key: string, text: string, work: () => void): void {
  if (due.has(key)) return;
  const timer = setTimeout(() => {
    due.delete(key);
    work();
  }, WAIT);
  due.set(key, () => {
    clearTimeout(timer);
    due.delete(key);
  });
  toast(text, () => undo(key));
}

/** Whether it waits. */
export function isDue(key: string): boolean {
  return due.has(key);
}

/** Keeps it from happening, if there is time left. */
export function undo(key: string): void {
  due.get(key)?.();
}
