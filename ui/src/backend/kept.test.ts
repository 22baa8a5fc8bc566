import { describe, expect, it } from "vitest";
import { Kept, same } from "./kept";

const later = () => new Promise((done) => setTimeout(done));

describe("answers that are kept", () => {
  it("are given at once, and asked for again", async () => {
    const kept = new Kept();
    let others = 0;
    kept.onother = () => (others += 1);
    let now = [1];
    const ask = () => Promise.resolve(now);
    expect(await kept.answer("q", ask)).toEqual([1]);
    now = [1, 2];
    expect(await kept.answer("q", ask)).toEqual([1]);
    await later();
    expect(others).toBe(1);
    expect(await kept.answer("q", ask)).toEqual([1, 2]);
    await later();
    expect(others).toBe(1);
  });

  it("are forgotten when something changes, also those that are on their way", async () => {
    const kept = new Kept();
    let others = 0;
    kept.onother = () => (others += 1);
    let give: (value: string) => void = () => {};
    await kept.answer("q", () => Promise.resolve("old"));
    await kept.answer("q", () => new Promise<string>((done) => (give = done)));
    kept.forget();
    expect(await kept.answer("q", () => Promise.resolve("new"))).toBe("new");
    give("older");
    await later();
    expect(others).toBe(0);
    expect(await kept.answer("q", () => Promise.resolve("new"))).toBe("new");
  });

  it("are forgotten when asking again fails, so that it is told", async () => {
    const kept = new Kept();
    let others = 0;
    kept.onother = () => (others += 1);
    await kept.answer("q", () => Promise.resolve("old"));
    const fails = () => Promise.reject(new Error("no"));
    expect(await kept.answer("q", fails)).toBe("old");
    await later();
    expect(others).toBe(1);
    await expect(kept.answer("q", fails)).rejects.toThrow("no");
  });

  it("are not more than some", async () => {
    const kept = new Kept();
    let asked = 0;
    for (let n = 0; n < 60; n += 1) await kept.answer(n, () => Promise.resolve((asked += 1)));
    await kept.answer(0, () => Promise.resolve((asked += 1)));
    expect(asked).toBe(61);
  });
});

describe("same", () => {
  it("compares what is said", () => {
    expect(same([{ a: 1, b: [null] }], [{ b: [null], a: 1 }])).toBe(true);
    for (const [a, b] of [[[1], [1, 2]], [{ a: 1 }, { b: 1 }], [{ a: undefined }, { b: 1 }], [null, {}], [[], {}], ["1", 1]])
      expect(same(a, b)).toBe(false);
  });
});
