// What is the same for datasets, models, tasks and artifacts: their icons, their tabs, the names of what is made of files.
import Box from "@lucide/svelte/icons/box";
import Database from "@lucide/svelte/icons/database";
import FileCode from "@lucide/svelte/icons/file-code";
import Package from "@lucide/svelte/icons/package";
import type { Picked } from "../../generated/types";

export type FileKind = "dataset" | "model" | "task" | "artifact";

export const ICONS = { dataset: Database, model: Box, task: FileCode, artifact: Package } as const;

export const TABS = { dataset: "datasets", model: "models", task: "tasks", artifact: "artifacts" } as const;

const KINDS = new Set<string>(Object.keys(TABS));

/** Whether a kind of item holds files. */
export function holdsFiles(kind: string): kind is FileKind {
  return KINDS.has(kind);
}

/** What to call what is made of picked files: as the folder is called, or the one file without its ending; else nothing. */
export function nameFrom(picked: Picked): string {
  const [name] = picked.names;
  if (picked.names.length !== 1 || name === undefined) return "";
  return picked.folder ? name : name.replace(/(?<=.)(\.(tar|csv|json|jsonl))?\.[^./]{1,8}$/iu, "");
}
