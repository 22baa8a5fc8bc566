// Short words at the edge of the window: what was done, and ten seconds to undo it. Never errors: those stay where they happened.

export interface Toast {
  id: number;
  text: string;
  undo?: (() => void) | undefined;
  /** What it is about: the next word on that takes its place. */
  about?: string | undefined;
}

const SECONDS = 10;
/** As many stand at once; what can still be undone stays. */
const MOST = 3;
let last = 0;

export const toasts = $state<Toast[]>([]);

export function toast(text: string, undo?: () => void, about?: string): void {
  last += 1;
  const id = last;
  if (about !== undefined) over(about);
  toasts.push({ id, text, undo, about });
  const oldest = toasts.findIndex((known) => !known.undo);
  if (toasts.length > MOST && oldest >= 0) toasts.splice(oldest, 1);
  setTimeout(() => dismiss(id), undo ? SECONDS * 1000 : 5000);
}

/** What was said of it no longer holds, and can't be undone. */
export function over(about: string): void {
  for (const { id } of toasts.filter((known) => known.about === about)) dismiss(id);
}

export function dismiss(id: number): void {
  const place = toasts.findIndex((known) => known.id === id);
  if (place >= 0) toasts.splice(place, 1);
}
