// Paths of a version, and what a file looks like before it is opened.
import type { FileView } from "../../generated/types";

/** The folders on the way to a path, the top one first. */
export function crumbs(path: string): { name: string; path: string }[] {
  const way = [{ name: "", path: "" }];
  if (path === "") return way;
  const names = path.split("/");
  names.forEach((name, n) => way.push({ name, path: names.slice(0, n + 1).join("/") }));
  return way;
}

/** The folder that a path stands in. */
export function parent(path: string): string {
  const end = path.lastIndexOf("/");
  return end < 0 ? "" : path.slice(0, end);
}

const ENDINGS = {
  table: ["csv", "tsv", "tab", "psv", "jsonl", "ndjson", "parquet", "xlsx"],
  picture: ["png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff"],
  text: ["txt", "md", "json", "geojson", "ipynb", "yaml", "yml", "toml", "xml", "html", "py", "rs", "ts", "js", "sh", "log"],
} as const;

/** What to draw beside its name. It says nothing of what is really in it. */
export function looksLike(entry: Pick<FileView, "name" | "type">): "folder" | "link" | keyof typeof ENDINGS | "file" {
  if (entry.type === "folder" || entry.type === "link") return entry.type;
  const ending = /\.([^./]+)$/.exec(entry.name)?.[1]?.toLowerCase() ?? "";
  for (const [kind, endings] of Object.entries(ENDINGS)) {
    if ((endings as readonly string[]).includes(ending)) return kind as keyof typeof ENDINGS;
  }
  return "file";
}
