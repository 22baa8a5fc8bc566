// Numbers and times as people read them, in their own language and time zone.

const language = () => document.documentElement.lang || "en";

/** Formats that were made: making one takes as long as using it some hundred times, and a list has many rows. */
const made = new Map<string, unknown>();

function kept<O extends object, F>(kind: new (language: string, options: O) => F, options: O): F {
  // Who travels finds the hours of the new place.
  const name = `${kind.name} ${language()} ${new Date().getTimezoneOffset()} ${JSON.stringify(options)}`;
  const format = (made.get(name) as F | undefined) ?? new kind(language(), options);
  made.set(name, format);
  return format;
}

const numbers = (options: Intl.NumberFormatOptions = {}) => kept(Intl.NumberFormat, options);
export const dates = (options: Intl.DateTimeFormatOptions) => kept(Intl.DateTimeFormat, options);
export const spans = () => kept<Intl.RelativeTimeFormatOptions, Intl.RelativeTimeFormat>(Intl.RelativeTimeFormat, { numeric: "auto" });

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
  return `${numbers({ maximumFractionDigits: digits }).format(value)} ${UNITS[unit]}`;
}

/** 12,431 */
export function count(value: number): string {
  return numbers().format(value);
}

/** 19 Nov 2026 */
export function day(ms: number): string {
  return dates({ dateStyle: "medium" }).format(ms);
}

/** 19 Nov 2026, 14:05 */
export function moment(ms: number): string {
  return dates({ dateStyle: "medium", timeStyle: "short" }).format(ms);
}

/** 14:05 */
export function time(ms: number): string {
  return dates({ timeStyle: "short" }).format(ms);
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
  const format = spans();
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
      return numbers({ style: "unit", unit, unitDisplay: "long" }).format(value);
    }
  }
  return numbers({ style: "unit", unit: "second", unitDisplay: "long" }).format(Math.max(1, Math.round(seconds)));
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

/** Lists that were sorted once stay so: they are never changed, only replaced. */
const inOrder = new WeakMap<readonly object[], unknown>();

/** Sorted as people sort: "file 2" before "file 10". The list itself stays as it is, and so must what is returned. */
export function byName<T extends { name: string }>(items: readonly T[]): readonly T[] {
  const known = inOrder.get(items) as readonly T[] | undefined;
  if (known) return known;
  const keys = new Map(items.map((item) => [item, plainKey(item.name)]));
  const order = new Intl.Collator(language(), { numeric: true, sensitivity: "base" });
  const plain = [...keys.values()].every((key) => key !== undefined);
  const sorted = [...items].sort(
    plain
      ? (a, b) => {
          const [one, other] = [keys.get(a) ?? "", keys.get(b) ?? ""];
          return one < other ? -1 : one > other ? 1 : 0;
        }
      : (a, b) => order.compare(a.name, b.name),
  );
  inOrder.set(items, sorted);
  return sorted;
}

/** Printable ASCII as the root collation of CLDR orders it, digits and letters apart. */
const MARKS = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";
/** Before the digits of a number, after all marks. */
const NUMBER = String.fromCharCode(MARKS.length + 1);

/**
 * What an ordinary name is compared by: the same order as the collator's, which takes ten times as long for a long list.
 * Nothing for names with other letters than those of ASCII, or with numbers longer than the collator takes as one.
 */
export function plainKey(name: string): string | undefined {
  if (!/^[ -~]*$/.test(name)) return undefined;
  let key = "";
  for (const [piece] of name.toLowerCase().matchAll(/\d+|\D/g)) {
    if (/\d/.test(piece)) {
      const digits = piece.replace(/^0+(?=\d)/, "");
      if (digits.length > 250) return undefined;
      key += NUMBER + String.fromCharCode(digits.length) + digits;
    } else if (piece >= "a" && piece <= "z") key += piece;
    else key += String.fromCharCode(MARKS.indexOf(piece) + 1);
  }
  return key;
}

const fold = (text: string) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** Whether all words of what was typed are somewhere in a text, whatever the case. */
export function matches(text: string, typed: string): boolean {
  const found = fold(text);
  return fold(typed)
    .split(/\s+/)
    .every((word) => found.includes(word));
}

/** Those whose text has all words of what was typed: all of them, as they are, while nothing is. */
export function matching<T>(items: readonly T[], typed: string, text: (item: T) => string): readonly T[] {
  return typed.trim() === "" ? items : items.filter((item) => matches(text(item), typed));
}
