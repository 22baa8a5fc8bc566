// What a preview says about itself, and how one page of a table is put to the next.
import type { PreviewColumn, PreviewColumnType, PreviewTable, PreviewView } from "../../generated/types";
import { plural, w } from "../../i18n";
import { bytes, count } from "../../shared/format";

const t = w.items.preview;

/** One type for the cells of two pages. */
function joined(one: PreviewColumnType, other: PreviewColumnType): PreviewColumnType {
  if (one === other || other === "empty") return one;
  if (one === "empty") return other;
  const both = [one, other];
  if (both.every((type) => type === "integer" || type === "number")) return "number";
  if (both.every((type) => type === "date" || type === "date-time")) return "date-time";
  return both.includes("text") ? "text" : "mixed";
}

/**
 * Where each column of a further page stands. Those of JSON lines are found by their names, since each page lists them as it
 * meets them; all others stand where they stood.
 */
function places(columns: readonly PreviewColumn[], further: readonly PreviewColumn[], byName: boolean): number[] {
  let fresh = columns.length;
  return further.map((column, place) => {
    const known = byName ? columns.findIndex((one) => one.name === column.name) : place < columns.length ? place : -1;
    return known >= 0 ? known : fresh++;
  });
}

/** A table and the page that comes after it. */
export function appended(table: PreviewTable, page: PreviewTable, byName: boolean): PreviewTable {
  const to = places(table.columns, page.columns, byName);
  const columns = table.columns.map((column) => ({ ...column }));
  page.columns.forEach((column, from) => {
    const known = columns[to[from] as number];
    if (!known) columns.push({ ...column, nulls: column.nulls + table.rows.length });
    else {
      known.type = joined(known.type, column.type);
      known.nulls += column.nulls;
    }
  });
  table.columns.forEach((_, place) => {
    const column = columns[place];
    if (column && !to.includes(place)) column.nulls += page.rows.length;
  });
  const width = columns.length;
  const old = table.rows.map((row) => (row.length < width ? [...row, ...Array<null>(width - row.length).fill(null)] : row));
  const fresh = page.rows.map((row) => {
    const wide = Array<string | null>(width).fill(null);
    row.forEach((cell, from) => (wide[to[from] as number] = cell));
    return wide;
  });
  return {
    ...table,
    columns,
    columns_total: Math.max(table.columns_total, page.columns_total, width),
    rows: [...old, ...fresh],
    cut: [...table.cut, ...page.cut.map((cell) => ({ ...cell, row: cell.row + table.rows.length }))],
  };
}

/** A view and what comes after it; nothing if the two don't fit together. */
export function goneOn(view: PreviewView, page: PreviewView): PreviewView | undefined {
  const rest = {
    truncated: page.truncated,
    next_offset: page.next_offset,
    bytes_read: view.bytes_read + page.bytes_read,
    notes: [...new Set([...view.notes, ...page.notes])],
  };
  if (view.kind === "table" && page.kind === "table") {
    return { ...view, ...appended(view, page, view.format === "jsonl"), ...rest };
  }
  if (view.kind === "text" && page.kind === "text") {
    const text = view.text === "" || view.text.endsWith("\n") ? view.text + page.text : `${view.text}\n${page.text}`;
    return { ...view, ...rest, text, lines: view.lines + page.lines };
  }
  return undefined;
}

/** What is shown, and of what: in one line. */
export function summary(view: PreviewView): string {
  const parts = [t.formats[view.format], bytes(view.file_bytes)];
  if (view.file_bytes === 0) return parts.filter(Boolean).join(" · ");
  if (view.kind === "table") {
    const rows = view.rows.length;
    if (!view.truncated) parts.push(plural(rows, t.allRows, t.allRowsMany));
    else parts.push(view.rows_total !== null ? t.rowsOf(count(rows), count(view.rows_total)) : t.firstRows(count(rows)));
    parts.push(plural(view.columns_total, t.column, t.columns));
  } else if (view.kind === "text" && view.lines > 0) {
    parts.push(view.truncated ? t.firstLines(count(view.lines)) : plural(view.lines, t.line, t.lines));
  } else if (view.kind === "image" && view.width > 0) parts.push(t.pixels(count(view.width), count(view.height)));
  return parts.filter(Boolean).join(" · ");
}

/** What people should know about what they see; without the warning, which stands apart. */
export function remarks(view: PreviewView): string[] {
  const said: string[] = [];
  for (const note of view.notes) {
    if (note === "runs-code") continue;
    if (note !== "columns-left-out") said.push(t.notes[note]);
    else if (view.kind === "table") said.push(t.notes[note](count(view.columns.length), count(view.columns_total)));
  }
  if (view.kind === "text" && view.indented) said.push(t.indented);
  return said;
}

/** Pixels of a letter at the usual size: in bold, small, and in a cell. */
const LETTERS = { name: 8.2, type: 7, cell: 7.6 };
const MARGIN = 26;
const [NARROW, WIDE] = [64, 300];
const LOOKED_AT = 200;

/** What stands under a column's name. */
export function typeLine(column: PreviewColumn): string {
  const type = t.types[column.type];
  return column.nulls > 0 && column.type !== "empty" ? `${type}, ${t.without(count(column.nulls))}` : type;
}

/** How wide each column is, in pixels at the usual size: as its name and cells need, within reason. */
export function widths(table: Pick<PreviewTable, "columns" | "rows">): number[] {
  const looked = table.rows.slice(0, LOOKED_AT);
  return table.columns.map((column, place) => {
    const cell = looked.reduce((most, row) => Math.max(most, row[place]?.length ?? 0), 0);
    const head = Math.max(column.name.length * LETTERS.name, typeLine(column).length * LETTERS.type);
    return Math.round(Math.min(WIDE, Math.max(NARROW, head, cell * LETTERS.cell)) + MARGIN);
  });
}
