// From values to a line: where each point lies in a box of a given size.
import type { MetricPointView } from "../../generated/types";

export interface Place {
  x: number;
  y: number;
}

/** Values that are numbers; the others ("nan", "inf") have no place on a line. */
export function numbers(points: readonly MetricPointView[]): { at: number; value: number }[] {
  const all = points.map((point, n) => ({ at: point.step ?? n, value: Number(point.value) }));
  return all.filter((point) => Number.isFinite(point.value));
}

/** Places for a line in a box; a single value, or values that are all the same, lie in the middle. */
export function line(points: readonly { at: number; value: number }[], width: number, height: number): Place[] {
  if (!points.length) return [];
  const [first, last] = span(points.map((point) => point.at));
  const [low, high] = span(points.map((point) => point.value));
  return points.map(({ at, value }) => ({
    x: last === first ? width / 2 : ((at - first) / (last - first)) * width,
    y: high === low ? height / 2 : height - ((value - low) / (high - low)) * height,
  }));
}

/** The least and the greatest. Not by spreading: a hundred thousand arguments are too many. */
function span(values: readonly number[]): [number, number] {
  return values.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
}

/** A number as a person reads it: 0.2513, 1.2e-7. */
export function brief(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return size !== 0 && (size < 0.001 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}
