// Days on which secrets stop working: whole days, written as on the command line, at midnight UTC.
import { w } from "../../i18n";
import { dates, spans } from "../../shared/format";

export const DAY = 86_400_000;

/** 2027-01-31 as milliseconds; undefined for what is no date. */
export function parseDay(text: string): number | undefined {
  const parts = /^\s*(\d{4})-(\d{1,2})-(\d{1,2})\s*$/.exec(text);
  if (!parts) return undefined;
  const [year, month, day] = parts.slice(1).map(Number) as [number, number, number];
  const ms = Date.UTC(year, month - 1, day);
  // 31 February would become 3 March.
  return new Date(ms).getUTCMonth() === month - 1 && ms > 0 ? ms : undefined;
}

/** Milliseconds as 2027-01-31. */
export function writeDay(ms: number): string {
  return sane(ms) ? new Date(ms).toISOString().slice(0, 10) : "";
}

/** Whether a time can be shown at all; other people's clocks say what they like. */
function sane(ms: number): boolean {
  return ms < 8.64e15;
}

/** That day in the language of the page. */
export function dayInWords(ms: number): string {
  if (!sane(ms)) return "";
  return dates({ dateStyle: "medium", timeZone: "UTC" }).format(ms);
}

/** The day it is here, `days` from now, at midnight UTC. */
export function inDays(days: number, now = Date.now()): number {
  const here = new Date(now);
  return Date.UTC(here.getFullYear(), here.getMonth(), here.getDate() + days);
}

export interface Expiry {
  text: string;
  /** `far` is not worth a word in a list. */
  tone: "far" | "soon" | "over";
}

const SOON_DAYS = 30;

/** "expires in 5 days", counted in days of the calendar here. */
export function expiry(ms: number | null, now = Date.now()): Expiry | undefined {
  if (ms === null || !sane(ms)) return undefined;
  const days = Math.floor((ms - inDays(0, now)) / DAY);
  if (days === 0) return { text: w.secrets.expiresToday, tone: "soon" };
  const format = spans();
  const far = Math.abs(days);
  const when =
    far < 60
      ? format.format(days, "day")
      : far < 730
        ? format.format(Math.trunc(days / 30), "month")
        : format.format(Math.trunc(days / 365), "year");
  if (days < 0) return { text: w.secrets.expired(when), tone: "over" };
  return { text: w.secrets.expires(when), tone: days <= SOON_DAYS ? "soon" : "far" };
}
