import { describe, expect, it } from "vitest";
import { Kept, type Named } from "./kept";

/** As Rust answers: nothing where it is what the page has. */
const named = (value: unknown) => (known: string) => {
  const name = JSON.stringify(value);
  return Promise.resolve(known === name ? undefined : { name, value });
};
const later = () => new Promise((done) => setTimeout(done));

describe("answers that are kept", () => {
  it("are given at once, and asked for again", async () => {
    const kept = new Kept();
    let others = 0;
    kept.onother = () => (others += 1);
    let now = [1];
    const ask = (known: string) => named(now)(known);
    expect(await kept.answer("q", ask)).toEqual([1]);
    now = [1, 2];
    expect(await kept.answer("q", ask)).toEqual([1]);
    await later();
    expect(others).toBe(1);
    expect(await kept.answer("q", ask)).toEqual([1, 2]);
    await later();
    expect(others).toBe(1);
  });

  it("are asked for first when something changed, also those that are on their way", async () => {
    const kept = new Kept();
    let others = 0;
    kept.onother = () => (others += 1);
    let give: (answer: Named<string>) => void = () => {};
    await kept.answer("q", named("old"));
    await kept.answer("q", () => new Promise<Named<string>>((done) => (give = done)));
    kept.doubt();
    expect(await kept.answer("q", named("new"))).toBe("new");
    // What has not changed is the very same again, and need not come.
    const list = [1];
    await kept.answer("list", named(list));
    kept.doubt();
    expect(await kept.answer("list", named([1]))).toBe(list);
    give({ name: "older", value: "older" });
    await later();
    expect(others).toBe(0);
    expect(await kept.answer("q", named("new"))).toBe("new");
  });

  it("are forgotten when asking again fails, so that it is told", async () => {
    const kept = new Kept();
    let others = 0;
    kept.onother = () => (others += 1);
    await kept.answer("q", named("old"));
    const fails = () => Promise.reject(new Error("no"));
    expect(await kept.answer("q", fails)).toBe("old");
    await later();
    expect(others).toBe(1);
    await expect(kept.answer("q", fails)).rejects.toThrow("no");
  });

  it("are not more than some", async () => {
    const kept = new Kept();
    let asked = 0;
    for (let n = 0; n < 60; n += 1) await kept.answer(n, () => named((asked += 1))(""));
    await kept.answer(0, () => named((asked += 1))(""));
    expect(asked).toBe(61);
  });
});
