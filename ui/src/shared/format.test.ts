import { describe, expect, it, vi } from "vitest";

vi.stubGlobal("document", { documentElement: { lang: "en" } });
const { ago, byName, bytes, left, legible, matches, matching, plainKey, quoted } = await import("./format");

describe("numbers", () => {
  it("are real bytes", () => {
    expect([0, 999, 1000, 80_200_000_000, 999_999].map(bytes)).toEqual(["0 B", "999 B", "1 kB", "80.2 GB", "1 MB"]);
  });
  it("say how long in whole units", () => {
    expect([0, 59, 61, 720, 7_200].map(left)).toEqual(["1 second", "59 seconds", "1 minute", "12 minutes", "2 hours"]);
    expect(ago(0, 3 * 3_600_000)).toBe("3 hours ago");
    expect(ago(5 * 86_400_000, 0)).toBe("in 5 days");
  });
});

describe("names", () => {
  it("sort and match as people mean it", () => {
    expect(byName([{ name: "file 10" }, { name: "File 2" }]).map((item) => item.name)).toEqual(["File 2", "file 10"]);
    expect(matches("Brain scans (Zürich)", "zurich SCAN")).toBe(true);
    expect(matches("Brain scans", "brain x")).toBe(false);
  });
  it("are all there while nothing is typed", () => {
    const items = [{ name: "Brain" }, { name: "Scans" }];
    expect(matching(items, " ", (item) => item.name)).toBe(items);
    expect(matching(items, "scan", (item) => item.name)).toEqual([{ name: "Scans" }]);
  });
  it("are in the collator's order by their plain keys, too", () => {
    const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
    const printable = Array.from({ length: 95 }, (_, n) => String.fromCharCode(32 + n));
    let seed = 7;
    const draw = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const name = () => Array.from({ length: draw(7) }, () => (draw(2) ? printable[draw(95)] : "a0Z 19"[draw(6)])).join("");
    for (let n = 0; n < 20_000; n += 1) {
      const [a, b] = n < 95 * 95 ? [printable[n % 95] ?? "", printable[Math.floor(n / 95)] ?? ""] : [name(), name()];
      const [one, other] = [plainKey(a) ?? "", plainKey(b) ?? ""];
      expect([a, b, one < other ? -1 : one > other ? 1 : 0]).toEqual([a, b, Math.sign(order.compare(a, b))]);
    }
    expect(plainKey("é")).toBeUndefined();
    expect(plainKey("1".repeat(251))).toBeUndefined();
  });
  it("stay apart from the sentence they stand in", () => {
    expect(quoted("a\nb")).toBe("“\u2068a b\u2069”");
    expect(quoted("\u202e".repeat(10_000))).toHaveLength(65);
    expect(legible("\u202egpj.exe")).toBe("\ufffdgpj.exe");
    expect(legible("صور 2")).toBe("صور 2");
  });
});
