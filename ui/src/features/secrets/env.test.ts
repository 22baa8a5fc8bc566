import { describe, expect, it } from "vitest";
import { variables } from "./env";

const read = (text: string) => variables(text)?.map(({ name, value }) => `${name}=${value}`);

describe("lines of a .env file", () => {
  it("keep # inside values, lose comments and quotes", () => {
    expect(read("# a comment\n\nA=1#2\nexport B = two # not this\nC='x # y' # no\nD=\"a\\nb\\\"\"\nE=\nF=#x")).toEqual([
      "A=1#2",
      "B=two",
      "C=x # y",
      'D=a\nb"',
      "E=",
      "F=",
    ]);
  });
  it("may have values of several lines, and line ends of any system", () => {
    expect(read('KEY="-----BEGIN\r\nabc=\r\n-----END"\r\nB=2\r\n')).toEqual(["KEY=-----BEGIN\nabc=\n-----END", "B=2"]);
  });
  it("are not guessed at", () => {
    for (const text of ["hello", "", "# only this", "A=1\nhello there", "A='open", "1A=2"]) {
      expect(read(text), text).toBeUndefined();
    }
  });
});
