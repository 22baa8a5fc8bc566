import { expect, test } from "vitest";
import type { ActivityView } from "../../generated/types";
import { actors, timeline } from "./timeline";

const at = (day: number, hour: number) => new Date(2026, 10, day, hour).getTime();
const event = (seq: number, time_ms: number, who: string, deed: string): ActivityView => ({
  seq,
  time_ms,
  who,
  what: "item-added",
  text: `${who} ${deed}`,
});
const events = [
  event(0, at(18, 23), "ana", "made the project"),
  event(1, at(19, 0), "ana", "let ben in as reader"),
  event(2, at(19, 9), "ben", 'added the dataset "Bäume"'),
  // A clock that is wrong does not change the order of what was signed.
  event(3, at(17, 9), "ana", "left"),
];

test("newest first by the signed order, and each day begins once", () => {
  expect(timeline(events, "", "").map((line) => [line.seq, line.first, line.deed])).toEqual([
    [3, true, "left"],
    [2, true, 'added the dataset "Bäume"'],
    [1, false, "let ben in as reader"],
    [0, true, "made the project"],
  ]);
  expect(events.map((known) => known.seq)).toEqual([0, 1, 2, 3]);
});

test("found by person and by words, whatever the accents", () => {
  expect(timeline(events, "ben", "").map((line) => line.seq)).toEqual([2]);
  expect(timeline(events, "", "baume dataset").map((line) => line.seq)).toEqual([2]);
  expect(timeline(events, "ana", "dataset")).toEqual([]);
  expect(actors(events)).toEqual(["ana", "ben"]);
});

test("a sentence that does not begin with who did it stays whole", () => {
  const odd = { ...event(4, at(20, 1), "ana", ""), text: "somebody did something" };
  expect(timeline([odd], "", "")[0]?.deed).toBe("somebody did something");
});
