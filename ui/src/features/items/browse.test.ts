import { expect, it } from "vitest";
import { crumbs, looksLike, parent } from "./browse";

it("knows the way to a folder and back", () => {
  expect(crumbs("")).toEqual([{ name: "", path: "" }]);
  expect(crumbs("deep/er").map((crumb) => crumb.path)).toEqual(["", "deep", "deep/er"]);
  expect([parent("deep/er"), parent("deep"), parent("")]).toEqual(["deep", "", ""]);
});

it("draws files by their endings and nothing else", () => {
  expect(looksLike({ name: "A.CSV", type: "file" })).toBe("table");
  expect(looksLike({ name: "x.tar.png", type: "file" })).toBe("picture");
  expect(looksLike({ name: "csv", type: "file" })).toBe("file");
  expect(looksLike({ name: "a.csv", type: "folder" })).toBe("folder");
});
