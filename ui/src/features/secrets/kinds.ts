// The types of secrets: their fields, which are hidden, examples, icons. The one table of the page; a field that is not in it is
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
import type { FieldView, SecretType } from "../../generated/types";
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

const plain = (name: string, example: string): FieldKind => ({
  name,
  example,
  hidden: false,
  lines: 1,
  password: false,
  main: true,
  needed: false,
  pem: false,
});
const hidden = (name: string, example: string): FieldKind => ({ ...plain(name, example), hidden: true });
const password = (name: string): FieldKind => ({ ...hidden(name, ""), password: true });
const needed = (field: FieldKind): FieldKind => ({ ...field, needed: true });
const offered = (field: FieldKind): FieldKind => ({ ...field, main: false });
const long = (field: FieldKind, lines = 6): FieldKind => ({ ...field, lines });
const pem = (field: FieldKind): FieldKind => ({ ...long(field), pem: true });

/** Where a program may hand it over. */
const host = (example: string): FieldKind => ({ ...plain("host", example), hint: w.secrets.hostHint });
const NOTES = offered(long(hidden("notes", "Recovery codes, answers to questions"), 4));
const PASSPHRASE = offered(password("passphrase"));

/** All types, in the order in which they are offered. */
export const KINDS: readonly Kind[] = [
  {
    type: "git",
    icon: GitBranch,
    copies: "token",
    fields: [host("github.com"), plain("username", "ana"), needed(hidden("token", "ghp_16C7e42F292c6912E7")), NOTES],
  },
  {
    type: "aws",
    icon: Cloud,
    copies: "secret_access_key",
    fields: [
      needed(hidden("access_key_id", "AKIAIOSFODNN7EXAMPLE")),
      needed(hidden("secret_access_key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")),
      plain("region", "eu-central-1"),
      offered(hidden("session_token", "FwoGZXIvYXdzEBYaD")),
      NOTES,
    ],
  },
  {
    type: "credentials",
    icon: UserRound,
    copies: "password",
    fields: [
      plain("username", "ana@example.org"),
      needed(password("password")),
      offered(plain("url", "https://example.org/login")),
      offered(hidden("totp", "otpauth://totp/Example:ana?secret=JBSWY3DPEHPK3PXP")),
      NOTES,
    ],
  },
  {
    type: "api-key",
    icon: Plug,
    copies: "key",
    fields: [needed(hidden("key", "sk-4f0c2d9e")), host("api.example.org"), NOTES],
  },
  {
    type: "ssh",
    icon: SquareTerminal,
    copies: "private_key",
    fields: [
      needed(pem(hidden("private_key", "-----BEGIN OPENSSH PRIVATE KEY-----"))),
      PASSPHRASE,
      offered(long(plain("public_key", "ssh-ed25519 AAAAC3Nz ana@laptop"), 3)),
      offered(plain("fingerprint", "SHA256:uNiVztksCsDhcc0u9e8BrWeR")),
      offered(plain("username", "ana")),
      offered(host("build.example.org")),
      NOTES,
    ],
  },
  {
    type: "database",
    icon: Database,
    copies: "url",
    fields: [
      needed(hidden("url", "postgres://ana:password@db.example.org/shop")),
      offered(host("db.example.org")),
      offered(plain("username", "ana")),
      offered(password("password")),
      NOTES,
    ],
  },
  {
    type: "certificate",
    icon: FileBadge,
    copies: "certificate",
    fields: [
      needed(pem(plain("certificate", "-----BEGIN CERTIFICATE-----"))),
      pem(hidden("private_key", "-----BEGIN PRIVATE KEY-----")),
      PASSPHRASE,
      NOTES,
    ],
  },
  { type: "env", icon: Braces, copies: undefined, fields: [] },
  { type: "note", icon: NotebookPen, copies: "text", fields: [needed(long(hidden("text", ""), 8))] },
];

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

/** A field's row; what is not in the table is one hidden line. */
export function fieldOf(type: string, name: string): FieldKind {
  return kindOf(type)?.fields.find((field) => field.name === name) ?? offered(hidden(name, ""));
}

export function fieldName(type: string, name: string): string {
  const known = kindOf(type)?.fields.some((field) => field.name === name);
  const word = w.secrets.fieldNames[`${type}.${name}`] ?? w.secrets.fieldNames[name];
  return (known && word) || name;
}

/** Names of the fields that anybody who looks over a shoulder may read. */
export function plainFields(type: string): string[] {
  return (kindOf(type)?.fields ?? []).filter((field) => !field.hidden).map((field) => field.name);
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
