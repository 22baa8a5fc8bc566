import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Shown, SHOWN_MS } from "./shown.svelte";

class Page extends EventTarget {
  visibilityState = "visible";
}

beforeEach(() => {
  vi.useFakeTimers();
  const page = new EventTarget();
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
  vi.stubGlobal("dispatchEvent", page.dispatchEvent.bind(page));
  vi.stubGlobal("document", new Page());
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const value = (text: string) => () => Promise.resolve(text);

describe("a value on the screen", () => {
  it("goes after 30 seconds, each for itself, counted from the last time it was asked for", async () => {
    const shown = new Shown();
    await shown.show("token", value("abc"));
    vi.advanceTimersByTime(SHOWN_MS - 1);
    await shown.show("notes", value("def"));
    expect([shown.of("token"), shown.of("notes")]).toEqual(["abc", "def"]);
    vi.advanceTimersByTime(1);
    expect([shown.of("token"), shown.of("notes")]).toEqual([undefined, "def"]);
    await shown.show("notes", value("ghi"));
    vi.advanceTimersByTime(SHOWN_MS - 1);
    expect(shown.of("notes")).toBe("ghi");
    vi.advanceTimersByTime(1);
    expect(shown.of("notes")).toBeUndefined();
  });

  it("goes when the window loses the attention or the view ends", async () => {
    const shown = new Shown();
    const stop = shown.watch();
    await shown.show("token", value("abc"));
    dispatchEvent(new Event("blur"));
    expect(shown.of("token")).toBeUndefined();
    await shown.show("token", value("abc"));
    (document as unknown as Page).visibilityState = "hidden";
    document.dispatchEvent(new Event("visibilitychange"));
    expect(shown.of("token")).toBeUndefined();
    await shown.show("token", value("abc"));
    stop();
    expect(shown.of("token")).toBeUndefined();
    await shown.show("token", value("abc"));
    dispatchEvent(new Event("blur"));
    expect(shown.of("token")).toBe("abc");
  });

  it("does not appear when everything was hidden while it was fetched", async () => {
    const shown = new Shown();
    let answer: (text: string) => void = () => {};
    const asked = shown.show("token", () => new Promise((done) => (answer = done)));
    shown.hideAll();
    answer("abc");
    await asked;
    expect(shown.of("token")).toBeUndefined();
  });
});
