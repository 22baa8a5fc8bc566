import { describe, expect, it } from "vitest";
import { w } from "../../i18n";
import { clean, fieldName, fieldOf, inOrder, KINDS } from "./kinds";

describe("the table", () => {
  it("has a word for every type and field, and each field once", () => {
    for (const kind of KINDS) {
      expect(w.secrets.kinds[kind.type], kind.type).toBeDefined();
      const names = kind.fields.map((field) => field.name);
      expect(new Set(names).size).toBe(names.length);
      for (const name of names) expect(w.secrets.fieldNames[name], name).toBeDefined();
      if (kind.copies) expect(names).toContain(kind.copies);
    }
  });
  it("hides what sounds secret, and everything it does not know", () => {
    const sounds = /password|token|secret|private|key_id|passphrase|totp|notes|text|^key$/;
    for (const field of KINDS.flatMap((kind) => kind.fields)) {
      if (sounds.test(field.name)) expect(field.hidden, field.name).toBe(true);
      if (field.password) expect(field.hidden, field.name).toBe(true);
    }
    expect([fieldOf("database", "url").hidden, fieldOf("credentials", "url 2").hidden]).toEqual([true, false]);
    expect([fieldOf("env", "HOST").hidden, fieldOf("git", "x").hidden, fieldOf("from-later", "host").hidden]).toEqual([
      true,
      true,
      true,
    ]);
  });
  it("names a variable as it is called, whatever other types call theirs", () => {
    expect(fieldName("env", "password")).toBe("password");
    expect(fieldName("database", "url")).toBe("Address with password");
    expect(fieldName("credentials", "url")).toBe("Website");
    expect(fieldName("credentials", "url 2")).toBe("Website 2");
  });
  it("orders what came in another order, and keeps the rest", () => {
    const fields = ["x", "token", "host", "a"].map((name) => ({ name, hidden: true }));
    expect(inOrder("git", fields).map((field) => field.name)).toEqual(["host", "token", "x", "a"]);
  });
});

describe("values", () => {
  it("lose what pasting added, passwords and texts nothing", () => {
    expect(clean(fieldOf("git", "token"), " ghp_1\n")).toBe("ghp_1");
    expect(clean(fieldOf("credentials", "password"), " a b ")).toBe(" a b ");
    expect(clean(fieldOf("note", "text"), "a\n\n")).toBe("a\n\n");
    expect(clean(fieldOf("ssh", "private_key"), "\r\n-----BEGIN\r\nx\r\n-----END")).toBe("-----BEGIN\nx\n-----END\n");
    expect(clean(fieldOf("ssh", "private_key"), "  ")).toBe("");
  });
});
