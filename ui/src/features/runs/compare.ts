// Two runs side by side: what was told to each, what each read and measured, and where they differ.
import type { MetricNumber, RunDetail } from "../../generated/types";
import { brief } from "./chart";

export interface Line {
  name: string;
  /** Nothing where that run has none. */
  one: string | null;
  other: string | null;
  same: boolean;
  /** From the first to the second, of what is measured. */
  change: string;
}

/** A line for each name that either has; those that differ come first. */
function lines(one: Map<string, string>, other: Map<string, string>): Line[] {
  const names = [...new Set([...one.keys(), ...other.keys()])];
  const all = names.map((name) => {
    const [a, b] = [one.get(name) ?? null, other.get(name) ?? null];
    return { name, one: a, other: b, same: a === b, change: "" };
  });
  return [...all.filter((line) => !line.same), ...all.filter((line) => line.same)];
}

export function parameters(one: RunDetail, other: RunDetail): Line[] {
  const of = (run: RunDetail) => new Map(run.params.map(({ name, value }) => [name, value]));
  return lines(of(one), of(other));
}

export function inputs(one: RunDetail, other: RunDetail, said: (item: string, version: number) => string): Line[] {
  const of = (run: RunDetail) => new Map(run.inputs.map(({ name, item, version }) => [name, said(item, version)]));
  return lines(of(one), of(other));
}

/** The last value of each, with the difference where both are numbers. */
export function measured(one: RunDetail, other: RunDetail): Line[] {
  const of = (run: RunDetail) => new Map(run.metrics.map(({ name, value }) => [name, value]));
  const [before, after] = [of(one), of(other)];
  const exact = (all: Map<string, MetricNumber>) => new Map([...all].map(([name, value]) => [name, String(value)]));
  return lines(exact(before), exact(after)).map((line) => {
    const [a, b] = [Number(line.one ?? Number.NaN), Number(line.other ?? Number.NaN)];
    // What differs too late to be seen is shown whole.
    const short = (text: string | null, value: number) => (text === null || !Number.isFinite(value) ? text : brief(value));
    const alike = brief(a) === brief(b);
    return {
      ...line,
      one: alike ? line.one : short(line.one, a),
      other: alike ? line.other : short(line.other, b),
      change: line.same ? "" : difference(a, b),
    };
  });
}

/** +0.05 (+12 %) */
function difference(before: number, after: number): string {
  const by = after - before;
  if (!Number.isFinite(by)) return "";
  const signed = (value: number, text: string) => (value < 0 ? `−${text}` : `+${text}`);
  const plain = signed(by, brief(Math.abs(by)));
  const share = (by / Math.abs(before)) * 100;
  if (!Number.isFinite(share) || Math.abs(share) >= 1e4) return plain;
  return `${plain} (${signed(share, brief(Number(Math.abs(share).toPrecision(2))))} %)`;
}

/** How long it worked, in seconds; nothing while it does. */
export function seconds(run: RunDetail): number | null {
  return run.started !== null && run.ended !== null ? Math.max(0, run.ended - run.started) / 1000 : null;
}
