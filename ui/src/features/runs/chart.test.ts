import { expect, test } from "vitest";
import { brief, line, numbers } from "./chart";

const point = (value: number | string, step: number | null = null) => ({ at_ms: 0, step, value }) as never;

test("a line fills its box", () => {
  const places = line(numbers([point(1, 0), point(3, 10), point(2, 5)]), 100, 50);
  expect(places).toEqual([
    { x: 0, y: 50 },
    { x: 100, y: 0 },
    { x: 50, y: 25 },
  ]);
});

test("what is no number has no place, and one value lies in the middle", () => {
  expect(numbers([point("nan"), point("inf"), point(2)])).toHaveLength(1);
  expect(line([{ at: 0, value: 7 }], 100, 50)).toEqual([{ x: 50, y: 25 }]);
  expect(line([], 100, 50)).toEqual([]);
});

test("a hundred thousand values are no trouble", () => {
  const many = Array.from({ length: 100_000 }, (_, n) => ({ at: n, value: n % 7 }));
  expect(line(many, 100, 50)).toHaveLength(100_000);
});

test("numbers are brief", () => {
  expect(brief(0.251349)).toBe("0.2513");
  expect(brief(0.00000012)).toBe("1.20e-7");
  expect(brief(0)).toBe("0");
  expect(brief(1234567)).toBe("1.23e+6");
});
