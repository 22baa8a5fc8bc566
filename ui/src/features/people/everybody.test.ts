import { expect, test } from "vitest";
import type { MemberView, ProjectDetail, Role } from "../../generated/types";
import { gather, withOthers } from "./everybody";

const member = (handle: string, role: Role, more: Partial<MemberView> = {}): MemberView => ({
  id: `id of ${handle}`,
  handle,
  role,
  kind: "user",
  checked: "not-checked",
  checked_ms: 1,
  since_ms: 2,
  words: "a b c d e f",
  me: false,
  replaced: false,
  ...more,
});
const project = (name: string, people: MemberView[]): ProjectDetail => ({
  project: {
    id: `id of ${name}`,
    name,
    encrypted: true,
    role: "owner",
    members: people.length,
    bytes: 0,
    changed_ms: 0,
    trashed: false,
    fresh: true,
    trouble: null,
  },
  items: [],
  people,
  key_epoch: 0,
});

test("each person once, with all projects and the role in each; neither oneself nor nodes", () => {
  const me = member("ana", "owner", { me: true });
  const found = gather([
    project("Scans", [me, member("ben 10", "reader"), member("gpu", "contributor", { kind: "node" })]),
    project("Maps", [me, member("ben 10", "owner"), member("Ben 2", "reader", { checked: "changed" })]),
  ]);
  expect(found.map((known) => [known.handle, known.checked, known.projects.map(({ name, role }) => [name, role])])).toEqual([
    ["Ben 2", "changed", [["Maps", "reader"]]],
    ["ben 10", "not-checked", [["Scans", "reader"], ["Maps", "owner"]]],
  ]);
});

test("whoever is known and shares nothing is listed too, and nobody twice", () => {
  const shared = gather([project("Scans", [member("ben", "reader")])]);
  const view = (handle: string) => ({
    id: `id of ${handle}`,
    handle,
    checked: "checked" as const,
    since_ms: 3,
    words: "g h i j k l",
    projects: [],
    replaced: false,
  });
  const all = withOthers(shared, [view("zoe"), view("ben"), view("Ann")]);
  expect(all.map((known) => [known.handle, known.projects.length])).toEqual([
    ["Ann", 0],
    ["ben", 1],
    ["zoe", 0],
  ]);
});

test("two accounts of one name are two rows, the one from before behind the other", () => {
  const old = member("ben", "reader", { id: "1", replaced: true, checked: "checked" });
  const now = member("ben", "owner", { id: "2", checked: "checked" });
  const found = gather([project("Scans", [old, now]), project("Maps", [old])]);
  expect(found.map((known) => [known.id, known.replaced, known.projects.length])).toEqual([
    ["2", false, 1],
    ["1", true, 2],
  ]);
});
