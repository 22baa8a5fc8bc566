// What a task says of itself, in words.
import type { ItemKind, ParameterView, TaskLimitsView } from "../../generated/types";
import { w } from "../../i18n";
import { bytes, left } from "../../shared/format";
import { holdsFiles } from "../items/kinds";

/** The bounds of a number; nothing where there are none. */
export function boundsOf({ min, max }: ParameterView): string {
  if (min !== null && max !== null) return w.runs.between(min, max);
  return min !== null ? w.runs.atLeast(min) : max !== null ? w.runs.atMost(max) : "";
}

/** Its default as it is read; nothing where there is none. */
export function defaultOf({ type, default: or }: ParameterView): string {
  if (or === null || or === "") return "";
  return w.runs.unlessSaid(type === "bool" ? (or === "true" ? w.runs.yes : w.runs.no) : or);
}

export function limitsOf(limits: TaskLimitsView): string {
  const cpus = w.runs.processors(limits.milli_cpus / 1000);
  return `${span(limits.seconds)}, ${w.runs.limits(bytes(limits.memory), cpus, bytes(limits.disk))}`;
}

export function networkOf(hosts: readonly string[]): string {
  return hosts.length ? w.runs.hosts(hosts.join(", ")) : w.runs.noNetwork;
}

export function kindOf(kind: ItemKind): string {
  return holdsFiles(kind) ? w.items.kinds[kind].one : kind;
}

export function typeOf(word: string): string {
  return (w.secrets.kinds as Record<string, { label: string }>)[word]?.label ?? word;
}

/** An exact time: "1 hour 30 minutes", where `left` says "2 hours". */
export function span(seconds: number): string {
  const parts: string[] = [];
  let rest = seconds;
  for (const length of [86_400, 3_600, 60, 1]) {
    const whole = Math.floor(rest / length) * length;
    if (whole > 0) parts.push(left(whole));
    rest -= whole;
  }
  return parts.join(" ") || left(0);
}
