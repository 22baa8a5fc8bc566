import { describe, expect, it } from "vitest";
import { nameFrom } from "./kinds";

const picked = (folder: boolean, ...names: string[]) => ({ pick: 1, names, folder });

describe("the name that files give", () => {
  it("is the folder's, dots and all", () => {
    expect(nameFrom(picked(true, "scans v1.2"))).toBe("scans v1.2");
  });
  it("is the file's without its ending", () => {
    expect(nameFrom(picked(false, "penguins.csv"))).toBe("penguins");
    expect(nameFrom(picked(false, "weights.tar.gz"))).toBe("weights");
    expect(nameFrom(picked(false, ".env"))).toBe(".env");
    expect(nameFrom(picked(false, "README"))).toBe("README");
  });
  it("is nobody's where there are several", () => {
    expect(nameFrom(picked(false, "a.csv", "b.csv"))).toBe("");
  });
});
