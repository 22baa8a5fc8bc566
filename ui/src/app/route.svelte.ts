// Where the person is. Kept in memory only: an address bar there is none, and what was looked at is nobody's business.
import type { ItemKind } from "../generated/types";

export type Tab =
  | "datasets"
  | "models"
  | "tasks"
  | "runs"
  | "artifacts"
  | "secrets"
  | "members"
  | "nodes"
  | "activity"
  | "settings";

/** What is looked at among a project's runs. */
export type AtRuns =
  | { show: "run"; run: string }
  /** `like`: a run whose values the new one begins with. */
  | { show: "start"; task?: string; version?: number; like?: string }
  | { show: "compare"; one?: string };

export type Route =
  | { at: "projects" }
  /** Without a tab: the first that has something in it. */
  | { at: "project"; project: string; tab?: Tab; runs?: AtRuns }
  | { at: "item"; project: string; kind: ItemKind; item: string }
  | { at: "secrets" }
  | { at: "people" }
  | { at: "settings"; section?: string };

const past: Route[] = [];
export const here: { route: Route } = $state({ route: { at: "projects" } });

export function go(route: Route): void {
  past.push($state.snapshot(here.route) as Route);
  if (past.length > 50) past.shift();
  here.route = route;
}

export function goBack(): void {
  here.route = past.pop() ?? { at: "projects" };
}
