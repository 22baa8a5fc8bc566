import { describe, expect, it } from "vitest";
import type { SecretDetail } from "../../generated/types";
import { changesOf, type Draft, draftsOf, newDrafts, touched, variable } from "./draft";

function detail(type: string, given: { name: string; value?: string }[]): SecretDetail {
  const fields = given.map((field) => ({ ...field, hidden: field.value === undefined }));
  return {
    secret: { id: "1", name: "a", type, changed: 0, changed_ms: 0, expires_ms: null, trashed_ms: null },
    note: "",
    fields,
    version: "v",
    number: 1,
    versions: 1,
    host: "",
    account: "",
    purpose: "",
  };
}
function at(drafts: Draft[], name: string): Draft {
  const found = drafts.find((known) => known.name === name);
  if (!found) throw new Error(name);
  return found;
}

describe("a new secret", () => {
  it("is what was typed, without what was left empty", () => {
    const drafts = newDrafts("git");
    expect(touched(drafts)).toBe(false);
    expect(changesOf(drafts)).toBeUndefined();
    expect(at(drafts, "token").error).toBeDefined();
    at(drafts, "token").value = "abc ";
    at(drafts, "host").value = "github.com";
    expect(touched(drafts)).toBe(true);
    expect(changesOf(drafts)).toEqual({
      fields: [
        { name: "host", value: "github.com" },
        { name: "token", value: "abc" },
      ],
      remove: [],
    });
    expect(at(drafts, "token").error).toBeUndefined();
  });

  it("of variables needs names, each once; a value may be empty", () => {
    const drafts = [variable(), variable("A", ""), variable("B", " x ")];
    expect(changesOf(drafts)?.fields).toEqual([
      { name: "A", value: "" },
      { name: "B", value: " x " },
    ]);
    drafts.push(variable("A", "2"), variable("", "3"));
    expect(changesOf(drafts)).toBeUndefined();
    expect(drafts.map((known) => known.nameError !== undefined)).toEqual([false, false, false, true, true]);
    expect(changesOf([variable()])).toBeUndefined();
  });
});

describe("an edit", () => {
  const git = () => draftsOf("git", detail("git", [
      { name: "token" },
      { name: "x" },
      { name: "host", value: "a.org" },
    ]));

  it("writes what changed and nothing else; hidden values are not there", () => {
    const drafts = git();
    expect(drafts.map((known) => [known.name, known.state])).toEqual([
      ["host", "typed"],
      ["token", "kept"],
      ["x", "kept"],
      ["username", "typed"],
      ["notes", "typed"],
    ]);
    expect(touched(drafts)).toBe(false);
    expect(changesOf(drafts)).toEqual({ fields: [], remove: [] });
    at(drafts, "token").state = "typed";
    at(drafts, "token").value = "new";
    at(drafts, "username").value = "ana";
    expect(changesOf(drafts)?.fields.map((field) => field.name)).toEqual(["token", "username"]);
  });

  it("takes away what was emptied or removed, but not what is needed", () => {
    const drafts = git();
    at(drafts, "host").value = "";
    at(drafts, "x").state = "gone";
    expect(touched(drafts)).toBe(true);
    expect(changesOf(drafts)).toEqual({ fields: [], remove: ["host", "x"] });
    at(drafts, "token").state = "typed";
    expect(changesOf(drafts)).toBeUndefined();
  });

  it("may make a variable empty, rename none, and not take away all of them", () => {
    const drafts = draftsOf("env", detail("env", [
      { name: "A" },
      { name: "B" },
    ]));
    at(drafts, "A").state = "typed";
    drafts.push(variable("B", "2"));
    expect(changesOf(drafts)).toBeUndefined();
    drafts.pop();
    expect(changesOf(drafts)).toEqual({ fields: [{ name: "A", value: "" }], remove: [] });
    for (const known of drafts) known.state = "gone";
    expect(changesOf(drafts)).toBeUndefined();
  });
});
