// Numbers and times as people read them, in their own language and time zone.

const language = () => document.documentElement.lang || "en";

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** Real bytes, decimal units: 80.2 GB. */
export function bytes(count: number): string {
  let unit = 0;
  let value = count;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${new Intl.NumberFormat(language(), { maximumFractionDigits: digits }).format(value)} ${UNITS[unit]}`;
}

/** 12,431 */
export function count(value: number): string {
  return new Intl.NumberFormat(language()).format(value);
}

/** 19 Nov 2026 */
export function day(ms: number): string {
  return new Intl.DateTimeFormat(language(), { dateStyle: "medium" }).format(ms);
}

/** 19 Nov 2026, 14:05 */
export function moment(ms: number): string {
  return new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "short" }).format(ms);
}

/** 14:05 */
export function time(ms: number): string {
  return new Intl.DateTimeFormat(language(), { timeStyle: "short" }).format(ms);
}

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** 3 hours ago; in 5 days */
export function ago(ms: number, now = Date.now()): string {
  const seconds = Math.round((ms - now) / 1000);
  const format = new Intl.RelativeTimeFormat(language(), { numeric: "auto" });
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return format.format(Math.trunc(seconds / length), unit);
  }
  return format.format(0, "second");
}

/** about 12 minutes */
export function left(seconds: number): string {
  const steps: readonly [string, number][] = [
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
  ];
  for (const [unit, length] of steps) {
    if (seconds >= length) {
      const value = Math.round(seconds / length);
      return new Intl.NumberFormat(language(), { style: "unit", unit, unitDisplay: "long" }).format(value);
    }
  }
  return new Intl.NumberFormat(language(), { style: "unit", unit: "second", unitDisplay: "long" }).format(
    Math.max(1, Math.round(seconds)),
  );
}

/**
 * A name that is to be read: what only turns letters around is seen as such, so that no "gpj.exe" looks like a picture
 * (Unicode's embeddings, overrides and isolates).
 */
export function legible(name: string): string {
  return name.replace(/[\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");
}

/** A name inside a sentence: short, and in its own direction (Unicode's isolates around it). */
export function isolated(name: string): string {
  const LIMIT = 60;
  const line = legible(name).replace(/\s+/gu, " ");
  return `\u2068${line.length > LIMIT ? `${line.slice(0, LIMIT)}…` : line}\u2069`;
}

/** The same, in quotation marks. */
export function quoted(name: string): string {
  return `“${isolated(name)}”`;
}

/** Sorted as people sort: "file 2" before "file 10". */
export function byName<T extends { name: string }>(items: readonly T[]): T[] {
  const order = new Intl.Collator(language(), { numeric: true, sensitivity: "base" });
  return [...items].sort((a, b) => order.compare(a.name, b.name));
}

/** Whether all words of what was typed are somewhere in a text, whatever the case. */
export function matches(text: string, typed: string): boolean {
  const fold = (value: string) => value.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const found = fold(text);
  return fold(typed)
    .split(/\s+/)
    .every((word) => found.includes(word));
}
