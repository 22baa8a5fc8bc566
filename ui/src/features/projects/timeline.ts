// What happened, newest first, each line knowing whether it is the first of its day.
import type { ActivityView } from "../../generated/types";
import { matching } from "../../shared/format";

export interface Line extends ActivityView {
  /** Without who did it, where the sentence begins with that. */
  deed: string;
  /** Begins a day. */
  first: boolean;
}

/** Which calendar day, in the person's own time zone. */
export function dayOf(ms: number): number {
  const date = new Date(ms);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** Whole histories that were laid out once: a log only grows, and comes as another list then. */
const laidOut = new WeakMap<readonly ActivityView[], readonly Line[]>();

/** Lines of one person (or all) that have all typed words in them. */
export function timeline(events: readonly ActivityView[], who: string, typed: string): readonly Line[] {
  const whole = who === "" && typed.trim() === "";
  const known = whole ? laidOut.get(events) : undefined;
  if (known) return known;
  const found = matching(events, typed, (event) => event.text).filter((event) => who === "" || event.who === who);
  // The log's own order is what is signed; clocks of several computers need not agree with it.
  found.sort((a, b) => b.seq - a.seq);
  let day: number | undefined;
  const lines = found.map((event) => {
    const before = day;
    day = dayOf(event.time_ms);
    return {
      ...event,
      deed: event.text.startsWith(`${event.who} `) ? event.text.slice(event.who.length + 1) : event.text,
      first: day !== before,
    };
  });
  if (whole) laidOut.set(events, lines);
  return lines;
}

/** Everybody who did something, in order of name. */
export function actors(events: readonly ActivityView[]): string[] {
  return [...new Set(events.map((event) => event.who))].sort((a, b) => a.localeCompare(b));
}
