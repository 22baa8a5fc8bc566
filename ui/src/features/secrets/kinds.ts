// The types of secrets as the page shows them: the table of Rust, with icons, sizes and words. A field that is not in it is
// hidden: better a dot too many than a password on a screen.
import Braces from "@lucide/svelte/icons/braces";
import Cloud from "@lucide/svelte/icons/cloud";
import Database from "@lucide/svelte/icons/database";
import FileBadge from "@lucide/svelte/icons/file-badge";
import GitBranch from "@lucide/svelte/icons/git-branch";
import KeyRound from "@lucide/svelte/icons/key-round";
import LockKeyhole from "@lucide/svelte/icons/lock-keyhole";
import NotebookPen from "@lucide/svelte/icons/notebook-pen";
import Plug from "@lucide/svelte/icons/plug";
import SquareTerminal from "@lucide/svelte/icons/square-terminal";
import UserRound from "@lucide/svelte/icons/user-round";
import type { Component } from "svelte";
import { type FieldView, SECRET_TYPES, type SecretType } from "../../generated/types";
import { w } from "../../i18n";

export interface FieldKind {
  name: string;
  /** Shown only when asked for. */
  hidden: boolean;
  /** Lines of its box. */
  lines: number;
  /** A person makes it up: a password can be made for it. */
  password: boolean;
  /** Belongs to every secret of the type; the others are offered. */
  main: boolean;
  /** Without it the secret is no use. */
  needed: boolean;
  /** Text in lines, like keys in PEM: programs want the end of the last line. */
  pem: boolean;
  /** Has room only because a value of several lines came: a key or password all the same. */
  grown?: boolean;
  example: string;
  hint?: string | undefined;
}

export interface Kind {
  type: SecretType;
  icon: Component;
  fields: readonly FieldKind[];
  /** What is copied when nothing else was said. */
  copies: string | undefined;
}

/** What a type looks like here, and which of its fields it is about: the first of them is copied. */
const LOOKS: Record<SecretType, { icon: Component; needs: readonly string[] }> = {
  git: { icon: GitBranch, needs: ["token"] },
  aws: { icon: Cloud, needs: ["secret_access_key", "access_key_id"] },
  credentials: { icon: UserRound, needs: ["password"] },
  "api-key": { icon: Plug, needs: ["key"] },
  ssh: { icon: SquareTerminal, needs: ["private_key"] },
  database: { icon: Database, needs: ["url"] },
  certificate: { icon: FileBadge, needs: ["certificate"] },
  env: { icon: Braces, needs: [] },
  note: { icon: NotebookPen, needs: ["text"] },
};
const LINES: Record<string, number> = { notes: 4, public_key: 3, text: 8 };
const PEM = ["private_key", "certificate"];

/** All types, in the order in which they are offered. */
export const KINDS: readonly Kind[] = SECRET_TYPES.map(({ type, fields }) => ({
  type,
  icon: LOOKS[type].icon,
  copies: LOOKS[type].needs[0],
  fields: fields.map(({ name, hidden, multiline, password, main, example }) => ({
    name,
    hidden,
    password,
    main,
    lines: multiline ? (LINES[name] ?? 6) : 1,
    needed: LOOKS[type].needs.includes(name),
    pem: multiline && PEM.includes(name),
    // Nobody should take an example for a password.
    example: password || type === "note" ? "" : example,
    hint: name === "host" ? w.secrets.hostHint : undefined,
  })),
}));

/** The row of a type; none for the key of a project, or for a type of a newer version. */
export function kindOf(type: string): Kind | undefined {
  return KINDS.find((kind) => kind.type === type);
}

export function iconOf(type: string): Component {
  return type === "project-key" ? LockKeyhole : (kindOf(type)?.icon ?? KeyRound);
}

export function kindName(type: string): string {
  return w.secrets.kinds[type]?.label ?? w.secrets.otherKind;
}

/** What is not in the table: one hidden line. */
const UNKNOWN = { hidden: true, lines: 1, password: false, main: false, needed: false, pem: false, example: "" };

/** A passphrase that opens a file: typed hidden, kept nowhere. */
export const passphraseField: FieldKind = { name: "passphrase", ...UNKNOWN, needed: true };

/** A field's row; `url 2` is another `url`. */
function known(type: string, name: string): FieldKind | undefined {
  const fields = kindOf(type)?.fields;
  return fields?.find((field) => field.name === name) ?? fields?.find((field) => field.name === name.replace(/ \d+$/, ""));
}

export function fieldOf(type: string, name: string): FieldKind {
  const row = known(type, name);
  if (!row) return { name, ...UNKNOWN };
  return row.name === name ? row : { ...row, name, needed: false, main: false };
}

export function fieldName(type: string, name: string): string {
  const row = known(type, name);
  const word = row && (w.secrets.fieldNames[`${type}.${row.name}`] ?? w.secrets.fieldNames[row.name]);
  return word ? word + name.slice(row.name.length) : name;
}

/** A secret's fields in the order of its type; others behind, as they came. */
export function inOrder(type: string, fields: readonly FieldView[]): FieldView[] {
  const order = (kindOf(type)?.fields ?? []).map((field) => field.name);
  const place = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  return [...fields].sort((a, b) => place(a.name) - place(b.name));
}

/** A value as it is kept: what pasting added is gone, what programs want is there. Passwords stay as they were typed. */
export function clean(field: FieldKind, value: string): string {
  if (field.password || (field.lines > 1 && !field.pem)) return value;
  if (!field.pem) return value.trim();
  const text = value.replace(/\r\n?/g, "\n").trim();
  return text && `${text}\n`;
}
