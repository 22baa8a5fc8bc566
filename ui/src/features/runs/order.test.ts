import { describe, expect, it } from "vitest";
import type { ParameterView, RunDetail, TaskView } from "../../generated/types";
import { draftOf, orderOf, saidOf } from "./order";

const parameter = (name: string, more: Partial<ParameterView>): ParameterView => ({
  name,
  type: "text",
  description: "",
  default: null,
  optional: false,
  min: null,
  max: null,
  choices: [],
  ...more,
});
const task = {
  id: "t1",
  version: 3,
  parameters: [
    parameter("rate", { type: "float", default: "0.001" }),
    parameter("steps", { type: "int" }),
    parameter("title", { default: "Untitled" }),
  ],
  inputs: [{ name: "raw", kind: "dataset", description: "", optional: false }],
  secrets: [{ name: "hub", purpose: "", secret_type: null, optional: true }],
  limits: { seconds: 60 },
} as unknown as TaskView;
const before = {
  params: [
    { name: "rate", value: "0.5" },
    { name: "gone", value: "1" },
  ],
  inputs: [{ name: "raw", item: "Scans", item_id: "d1", version: 2 }],
  secrets: [{ name: "hub", secret: "Hub", secret_id: "s1" }],
  seconds: 90,
  attempts: 3,
} as unknown as RunDetail;

describe("an order", () => {
  it("begins with what the task says", () => {
    const draft = draftOf(task);
    expect(draft.params).toEqual({ rate: "0.001", steps: "", title: "Untitled" });
    expect(orderOf("p1", task, "n1", draft)).toEqual({
      project: "p1",
      task: "t1",
      version: "3",
      node: "n1",
      params: { rate: "0.001", title: "Untitled" },
      inputs: [],
      secrets: {},
      attempts: 1,
    });
  });

  it("begins with an earlier run, as far as the task still asks for it", () => {
    const order = orderOf("p1", task, "n1", draftOf(task, before));
    expect(order.params).toEqual({ rate: "0.5", title: "Untitled" });
    expect(order.inputs).toEqual([{ name: "raw", item: "d1", version: "2" }]);
    expect(order.secrets).toEqual({ hub: "s1" });
    expect([order.seconds, order.attempts]).toEqual([90, 3]);
  });

  it("sends a text that was emptied, and no number that was", () => {
    const draft = draftOf(task);
    draft.params = { rate: "", steps: "", title: "" };
    expect(orderOf("p1", task, "n1", draft).params).toEqual({ title: "" });
  });

  it("says what is wrong where it is", () => {
    const draft = draftOf(task);
    draft.params["rate"] = "fast";
    const faults = [
      { field: "parameters.rate", what: '"fast" does not fit', next: "Give a number." },
      { field: "parameters.steps", what: "has no value", next: "Give one with --param steps=VALUE." },
      { field: "inputs.raw", what: "is missing", next: "Give one with --input." },
    ];
    expect(saidOf(faults, orderOf("p1", task, "", draft), "Needed.")).toEqual({
      "parameters.rate": '"fast" does not fit. Give a number.',
      "parameters.steps": "Needed.",
      "inputs.raw": "Needed.",
    });
  });
});
