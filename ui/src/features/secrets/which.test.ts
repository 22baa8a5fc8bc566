import { describe, expect, it, vi } from "vitest";
import type { SecretView } from "../../generated/types";

vi.stubGlobal("document", { documentElement: { lang: "en" } });
const { DAY, inDays } = await import("./expiry");
const { arranged, exportable } = await import("./which");

const now = new Date(2026, 10, 25, 12).getTime();
const secret = (name: string, more: Partial<SecretView> = {}): SecretView => ({
  id: name,
  name,
  type: "git",
  changed: 0,
  changed_ms: 0,
  expires_ms: null,
  trashed_ms: null,
  ...more,
});
const names = (secrets: readonly SecretView[]) => secrets.map((known) => known.name);

describe("a list", () => {
  const all = [
    secret("b 10", { expires_ms: inDays(31, now) }),
    secret("a key", { type: "project-key" }),
    secret("b 2", { expires_ms: inDays(30, now) }),
    secret("c", { expires_ms: now - 400 * DAY }),
  ];
  it("has everything by name, keys of projects behind", () => {
    expect(names(arranged(all, "all", now))).toEqual(["b 2", "b 10", "c", "a key"]);
    expect(exportable(all)).toBe(3);
  });
  it("of what ends has it by its end, what has ended first, and nothing that is far off", () => {
    expect(names(arranged(all, "ending", now))).toEqual(["c", "b 2"]);
  });
  it("of the trash begins with what went into it last", () => {
    const trash = [secret("a", { trashed_ms: 1 }), secret("b", { trashed_ms: 3 }), secret("c", { trashed_ms: 2 })];
    expect(names(arranged(trash, "trash", now))).toEqual(["b", "c", "a"]);
  });
});
