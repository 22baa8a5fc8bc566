import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { isDue, soon, undo } from "./soon.svelte";
import { toasts } from "./toasts.svelte";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  toasts.length = 0;
  vi.useRealTimers();
});

test("it happens after ten seconds, once, and says so before", () => {
  const work = vi.fn();
  soon("a", "soon", work);
  soon("a", "soon", work);
  expect(toasts.map((known) => known.text)).toEqual(["soon"]);
  vi.advanceTimersByTime(9_999);
  expect(isDue("a")).toBe(true);
  expect(work).not.toHaveBeenCalled();
  vi.advanceTimersByTime(60_000);
  expect(work).toHaveBeenCalledTimes(1);
  expect(isDue("a")).toBe(false);
  expect(toasts).toHaveLength(0);
});

test("undone by its toast or by name, it never happens", () => {
  const work = vi.fn();
  soon("a", "soon", work);
  toasts[0]?.undo?.();
  soon("b", "soon", work);
  undo("b");
  vi.advanceTimersByTime(60_000);
  expect(work).not.toHaveBeenCalled();
  expect(isDue("a") || isDue("b")).toBe(false);
});
