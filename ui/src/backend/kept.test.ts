import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Kept, type Named } from "./kept";

/** As Rust answers: nothing where it is what the page has. */
const named = (value: unknown) => (known: string) => {
  const name = JSON.stringify(value);
  return Promise.resolve(known === name ? undefined : { name, value });
};
const quiet = () => vi.advanceTimersByTimeAsync(250);

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

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
    await quiet();
    expect(others).toBe(1);
    expect(await kept.answer("q", ask)).toEqual([1, 2]);
    await quiet();
    expect(others).toBe(1);
  });

  it("are asked for first when something changed, also those that are on their way", async () => {
    const kept = new Kept();
    let others = 0;
    kept.onother = () => (others += 1);
    let give: (answer: Named<string>) => void = () => {};
    await kept.answer("q", named("old"));
    await kept.answer("q", () => new Promise<Named<string>>((done) => (give = done)));
    await quiet();
    kept.doubt();
    expect(await kept.answer("q", named("new"))).toBe("new");
    // What has not changed is the very same again, and need not come.
    const list = [1];
    await kept.answer("list", named(list));
    kept.doubt();
    expect(await kept.answer("list", named([1]))).toBe(list);
    give({ name: "older", value: "older" });
    await quiet();
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
    await quiet();
    expect(others).toBe(1);
    await expect(kept.answer("q", fails)).rejects.toThrow("no");
  });

  it("are asked for again when nothing is looked at any more, one after the other", async () => {
    const kept = new Kept();
    const asked: string[] = [];
    let give: () => void = () => {};
    const ask = (question: string) => async () => {
      asked.push(question);
      await new Promise<void>((done) => (give = done));
      return { name: question, value: question };
    };
    for (const question of ["a", "b"]) await kept.answer(question, named(question));
    await kept.answer("a", ask("a"));
    await vi.advanceTimersByTimeAsync(200);
    await kept.answer("b", ask("b"));
    await vi.advanceTimersByTimeAsync(200);
    expect(asked).toEqual([]);
    await quiet();
    expect(asked).toEqual(["a"]);
    give();
    await quiet();
    expect(asked).toEqual(["a", "b"]);
  });

  it("are asked for again also where something was in doubt before that", async () => {
    const kept = new Kept();
    let others = 0;
    kept.onother = () => (others += 1);
    await kept.answer("q", named("old"));
    expect(await kept.answer("q", named("new"))).toBe("old");
    kept.doubt();
    await quiet();
    expect(others).toBe(1);
    expect(await kept.answer("q", named("new"))).toBe("new");
  });

  it("come once for all who ask meanwhile", async () => {
    const kept = new Kept();
    let asked = 0;
    const ask = async () => {
      asked += 1;
      await Promise.resolve();
      return { name: "n", value: [1] };
    };
    const [one, other] = await Promise.all([kept.answer("q", ask), kept.answer("q", ask)]);
    expect(one).toBe(other);
    expect(asked).toBe(1);
    // But not what was asked before something changed.
    const before = kept.answer("p", ask);
    kept.doubt();
    await Promise.all([before, kept.answer("p", ask)]);
    expect(asked).toBe(3);
  });

  it("are not more than some", async () => {
    const kept = new Kept();
    let asked = 0;
    for (let n = 0; n < 60; n += 1) await kept.answer(n, () => named((asked += 1))(""));
    await kept.answer(0, () => named((asked += 1))(""));
    expect(asked).toBe(61);
  });
});
