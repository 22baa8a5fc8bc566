import { describe, expect, it } from "vitest";
import type { MetricNumber, RunDetail } from "../../generated/types";
import { inputs, measured, parameters, seconds } from "./compare";

const run = (params: Record<string, string>, metrics: Record<string, MetricNumber> = {}, version = 1) =>
  ({
    params: Object.entries(params).map(([name, value]) => ({ name, value })),
    inputs: [{ name: "raw", item: "Scans", version }],
    metrics: Object.entries(metrics).map(([name, value]) => ({ name, value, step: null, count: 1 })),
    started: 1000,
    ended: 3500,
  }) as unknown as RunDetail;

describe("two runs", () => {
  it("differ first", () => {
    const found = parameters(run({ a: "1", rate: "0.1" }), run({ a: "1", rate: "0.2", deep: "true" }));
    expect(found.map(({ name, one, other, same }) => [name, one, other, same])).toEqual([
      ["rate", "0.1", "0.2", false],
      ["deep", null, "true", false],
      ["a", "1", "1", true],
    ]);
  });

  it("read versions", () => {
    const said = (item: string, version: number) => `${item} ${version}`;
    const [raw] = inputs(run({}, {}, 1), run({}, {}, 2), said);
    expect([raw?.one, raw?.other, raw?.same]).toEqual(["Scans 1", "Scans 2", false]);
  });

  it("measure, and the difference has a sign and a share", () => {
    const change = (one: MetricNumber, other: MetricNumber) => measured(run({}, { loss: one }), run({}, { loss: other }))[0];
    expect(change(0.5, 0.25)?.change).toBe("−0.25 (−50 %)");
    expect(change(-2, 1)?.change).toBe("+3 (+150 %)");
    expect(change(0, 0.5)?.change).toBe("+0.5");
    expect(change(0.5, 0.5)).toMatchObject({ same: true, change: "" });
    expect(change("nan", 0.5)).toMatchObject({ one: "nan", other: "0.5", change: "" });
    expect(measured(run({}, { loss: 1 }), run({}))[0]).toMatchObject({ one: "1", other: null, change: "" });
    // The same at first sight only.
    expect(change(0.123456, 0.123457)).toMatchObject({ one: "0.123456", other: "0.123457", same: false });
  });

  it("take their time", () => {
    expect(seconds(run({}))).toBe(2.5);
    expect(seconds({ ...run({}), ended: null })).toBeNull();
  });
});
