import { describe, expect, it, vi } from "vitest";
import type { PreviewTable, PreviewView } from "../../generated/types";

vi.stubGlobal("document", { documentElement: { lang: "en" } });
const { appended, goneOn, remarks, summary, widths } = await import("./preview");

const table = (columns: [string, PreviewTable["columns"][0]["type"], number][], rows: (string | null)[][]): PreviewTable => ({
  columns: columns.map(([name, type, nulls]) => ({ name, type, declared: null, nulls })),
  columns_total: columns.length,
  rows,
  cut: [{ row: 0, column: 0, bytes: 9 }],
  rows_total: null,
  delimiter: ",",
  header: true,
  encoding: "utf-8",
});
const view = (more: object): PreviewView =>
  ({
    file: "a",
    version: 1,
    format: "csv",
    truncated: true,
    next_offset: 9,
    bytes_read: 9,
    file_bytes: 1000,
    notes: [],
    ...more,
  }) as unknown as PreviewView;

describe("the next page of a table", () => {
  it("stands under the first, with types and gaps of both", () => {
    const both = appended(
      table([["n", "integer", 0], ["d", "date", 0], ["e", "empty", 1]], [["1", "2026-01-01", null]]),
      table([["n", "number", 0], ["d", "text", 0], ["e", "integer", 1]], [["2.5", "x", "3"], ["2", "y", null]]),
      false,
    );
    expect(both.columns.map((column) => [column.type, column.nulls])).toEqual([
      ["number", 0],
      ["text", 0],
      ["integer", 2],
    ]);
    expect(both.rows).toHaveLength(3);
    expect(both.cut.map((cell) => cell.row)).toEqual([0, 1]);
  });
  it("finds columns by name where pages list them as they meet them", () => {
    const both = appended(
      table([["a", "integer", 0], ["b", "integer", 0]], [["1", "2"]]),
      table([["c", "text", 0], ["b", "integer", 0]], [["x", "3"]]),
      true,
    );
    expect(both.columns.map((column) => [column.name, column.nulls])).toEqual([
      ["a", 1],
      ["b", 0],
      ["c", 1],
    ]);
    expect(both.rows).toEqual([
      ["1", "2", null],
      [null, "3", "x"],
    ]);
  });
  it("is wider where rows become longer, and stays in its place where names repeat", () => {
    const both = appended(
      table([["x", "integer", 0], ["x", "integer", 0]], [["1", "2"]]),
      table([["x", "integer", 0], ["x", "integer", 0], ["column 3", "integer", 0]], [["3", "4", "5"]]),
      false,
    );
    expect(both.rows).toEqual([
      ["1", "2", null],
      ["3", "4", "5"],
    ]);
  });
});

describe("a view", () => {
  it("goes on with what is like it, and with nothing else", () => {
    const lines = view({ kind: "text", text: "a", lines: 1, format: "text", notes: ["lines-cut"] });
    const more = goneOn(lines, view({ kind: "text", text: "b", lines: 1, truncated: false, notes: ["lines-cut"] }));
    expect(more).toMatchObject({ text: "a\nb", lines: 2, truncated: false, notes: ["lines-cut"], bytes_read: 18 });
    expect(goneOn(lines, view({ kind: "binary", hex: "", about: null }))).toBeUndefined();
  });
  it("says what it is", () => {
    const rows = table([["n", "integer", 0]], [["1"], ["2"]]);
    expect(summary(view({ kind: "table", ...rows }))).toBe("CSV · 1 kB · The first 2 rows · 1 column");
    expect(summary(view({ kind: "table", ...rows, rows_total: 5000 }))).toContain("The first 2 of 5,000 rows");
    expect(summary(view({ kind: "table", ...rows, truncated: false }))).toContain("2 rows");
    expect(summary(view({ kind: "binary", format: "unknown", hex: "", about: null }))).toBe("1 kB");
  });
  it("says what is not as in the file", () => {
    const wide = view({ kind: "table", ...table([["n", "integer", 0]], []), columns_total: 700, notes: ["columns-left-out", "runs-code"] });
    expect(remarks(wide)).toEqual(["Only the first 1 of 700 columns are shown."]);
  });
});

it("gives columns the room they need, within reason", () => {
  const [narrow = 0, wide = 0] = widths(table([["n", "integer", 0], ["long", "text", 0]], [["1", "x".repeat(900)]]));
  expect(narrow).toBeLessThan(wide);
  expect(wide).toBeLessThan(340);
});
