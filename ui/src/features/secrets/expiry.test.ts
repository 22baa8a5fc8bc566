import { describe, expect, it, vi } from "vitest";

vi.stubGlobal("document", { documentElement: { lang: "en" } });
const { DAY, expiry, inDays, parseDay, writeDay } = await import("./expiry");

describe("days", () => {
  it("are read and written as on the command line", () => {
    expect(parseDay(" 2027-1-31 ")).toBe(Date.UTC(2027, 0, 31));
    expect(writeDay(Date.UTC(2027, 0, 31))).toBe("2027-01-31");
    for (const text of ["", "31.1.2027", "2027-02-31", "2027-13-01", "1960-01-01", "2027-01-31 x"]) {
      expect(parseDay(text), text).toBeUndefined();
    }
    expect(writeDay(1e300)).toBe("");
  });
  it("are counted as on a calendar, whatever the hour", () => {
    for (const hour of [0, 12, 23]) {
      const now = new Date(2026, 10, 25, hour, 59).getTime();
      const said = (days: number) => expiry(inDays(days, now), now)?.text;
      expect([said(5), said(1), said(0), said(-1), said(-3)]).toEqual([
        "expires in 5 days",
        "expires tomorrow",
        "expires today",
        "expired yesterday",
        "expired 3 days ago",
      ]);
    }
  });
  it("far off are counted in months and years", () => {
    const said = (days: number) => expiry(inDays(days, 0), 0)?.text;
    expect([said(59), said(61), said(-729), said(-2900)]).toEqual([
      "expires in 59 days",
      "expires in 2 months",
      "expired 24 months ago",
      "expired 7 years ago",
    ]);
  });
  it("are pressing only when near", () => {
    const tone = (ms: number | null) => expiry(ms, 0)?.tone;
    expect([tone(400 * DAY), tone(10 * DAY), tone(-400 * DAY), tone(null), tone(1e300)]).toEqual([
      "far",
      "soon",
      "over",
      undefined,
      undefined,
    ]);
  });
});
