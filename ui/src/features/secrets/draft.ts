// What a person is typing into the form of a secret, and what of it has to be written.
import type { FieldInput, SecretDetail } from "../../generated/types";
import { w } from "../../i18n";
import { clean, type FieldKind, fieldOf, inOrder, kindOf } from "./kinds";

export interface Draft {
  id: number;
  name: string;
  field: FieldKind;
  /** The person names it: a variable of an environment set. */
  named: boolean;
  /** A variable: kept to the letter, and may be empty. */
  exact: boolean;
  /** The secret has it already. */
  there: boolean;
  /** `kept` stays as it is and is not on the page; `gone` is taken away. */
  state: "typed" | "kept" | "gone";
  value: string;
  /** The value it had, where that is no secret. */
  before?: string | undefined;
  error?: string | undefined;
  nameError?: string | undefined;
}

let last = 0;

function draft(name: string, field: FieldKind, more: Partial<Draft> = {}): Draft {
  last += 1;
  return { id: last, name, field, named: false, exact: false, there: false, state: "typed", value: "", ...more };
}

/** One more variable. Values of several lines get a box of several lines. */
export function variable(name = "", value = ""): Draft {
  return draft(name, withRoom(fieldOf("env", name), value), { named: true, exact: true, value });
}

/** A field that has room for a value. */
export function withRoom(field: FieldKind, value: string): FieldKind {
  return field.lines === 1 && value.includes("\n") ? { ...field, lines: 5, grown: true } : field;
}

/** The empty form of a type. */
export function newDrafts(type: string): Draft[] {
  if (type === "env") return [variable()];
  return (kindOf(type)?.fields ?? []).map((field) => draft(field.name, field));
}

/** The form of a secret that is there: plain fields with their values, hidden ones untouched, and those it could have. */
export function draftsOf(type: string, detail: SecretDetail): Draft[] {
  const has = inOrder(type, detail.fields).map(({ name, hidden, value }) => {
    const field = { ...fieldOf(type, name), hidden };
    const known = hidden ? undefined : value;
    const exact = type === "env";
    if (known === undefined) return draft(name, field, { exact, there: true, state: "kept" });
    return draft(name, withRoom(field, known), { there: true, value: known, before: known });
  });
  if (type === "env") return has;
  const names = new Set(has.map((known) => known.name));
  return [...has, ...newDrafts(type).filter((known) => !names.has(known.name))];
}

/** Whether something was typed or taken away. */
export function touched(drafts: readonly Draft[]): boolean {
  return drafts.some(
    (known) =>
      known.state === "gone" ||
      (known.state === "typed" && (known.value !== (known.before ?? "") || (known.named && known.name !== ""))),
  );
}

export interface Changes {
  fields: FieldInput[];
  remove: string[];
}

/** What has to be written. What is wrong is noted on the drafts; then there is nothing to write. */
export function changesOf(drafts: Draft[]): Changes | undefined {
  const changes: Changes = { fields: [], remove: [] };
  const names = new Set(drafts.filter((known) => !known.named && known.there).map((known) => known.name));
  let wrong = false;
  let left = 0;
  for (const known of drafts) {
    known.error = known.nameError = undefined;
    if (known.state === "gone") {
      changes.remove.push(known.name);
      continue;
    }
    if (known.state === "kept") {
      left += 1;
      continue;
    }
    if (known.named) {
      const name = known.name.trim();
      if (name === "" && known.value === "") continue;
      if (name === "") known.nameError = w.secrets.needed;
      else if (names.has(name)) known.nameError = w.secrets.sameName;
      names.add(name);
      wrong ||= known.nameError !== undefined;
      left += 1;
      changes.fields.push({ name, value: known.value });
      continue;
    }
    const value = known.exact ? known.value : clean(known.field, known.value);
    if (value === "" && known.field.needed) {
      known.error = w.secrets.needed;
      wrong = true;
    } else if (value === "" && !known.exact) {
      if (known.there) changes.remove.push(known.name);
    } else {
      left += 1;
      if (value !== known.before) changes.fields.push({ name: known.name, value });
    }
  }
  if (!wrong && left === 0) {
    const first = drafts.find((known) => known.state === "typed");
    if (first?.named) first.nameError = w.secrets.nothingToKeep;
    else if (first) first.error = w.secrets.nothingToKeep;
    wrong = true;
  }
  return wrong ? undefined : changes;
}
