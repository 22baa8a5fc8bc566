// What happened, newest first, each line knowing whether it is the first of its day.
import type { ActivityView } from "../../generated/types";
import { matches } from "../../shared/format";

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

/** Lines of one person (or all) that have all typed words in them. */
export function timeline(events: readonly ActivityView[], who: string, typed: string): Line[] {
  const found = events.filter((event) => (who === "" || event.who === who) && matches(event.text, typed));
  // The log's own order is what is signed; clocks of several computers need not agree with it.
  found.sort((a, b) => b.seq - a.seq);
  return found.map((event, n) => {
    const before = found[n - 1];
    return {
      ...event,
      deed: event.text.startsWith(`${event.who} `) ? event.text.slice(event.who.length + 1) : event.text,
      first: before === undefined || dayOf(before.time_ms) !== dayOf(event.time_ms),
    };
  });
}

/** Everybody who did something, in order of name. */
export function actors(events: readonly ActivityView[]): string[] {
  return [...new Set(events.map((event) => event.who))].sort((a, b) => a.localeCompare(b));
}
