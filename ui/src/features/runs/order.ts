// What a form about a run holds, and the order it makes. Whether that fits the task is not decided here.
import type { FaultView, NodeView, ParameterView, RunDetail, RunOrder, TaskView } from "../../generated/types";

/** An input or nothing, and which of its versions; the newest is "". */
export interface Chosen {
  item: string;
  version: string;
}

export interface Draft {
  params: Record<string, string>;
  inputs: Record<string, Chosen>;
  secrets: Record<string, string>;
  /** Seconds; as the task says if 0. */
  seconds: number;
  attempts: number;
}

/** A form as the task fills it, with the values of an earlier run where the task still has such fields. */
export function draftOf(task: TaskView, like?: RunDetail): Draft {
  const before = (name: string) => like?.params.find((param) => param.name === name)?.value;
  const read = (name: string) => like?.inputs.find((input) => input.name === name);
  const used = (name: string) => like?.secrets.find((secret) => secret.name === name);
  return {
    params: Object.fromEntries(task.parameters.map(({ name, default: or }) => [name, before(name) ?? or ?? ""])),
    inputs: Object.fromEntries(
      task.inputs.map(({ name }) => {
        const input = read(name);
        // A version that is gone has no number.
        return [name, { item: input?.item_id ?? "", version: input?.version ? String(input.version) : "" }];
      }),
    ),
    secrets: Object.fromEntries(task.secrets.map(({ name }) => [name, used(name)?.secret_id ?? ""])),
    seconds: like && like.seconds !== task.limits.seconds ? like.seconds : 0,
    attempts: like?.attempts ?? 1,
  };
}

/** Whether there is something to send for a parameter. A text that was emptied is meant to be empty. */
function given(parameter: ParameterView, value: string): boolean {
  return value !== "" || (parameter.type === "text" && parameter.default !== null);
}

export function orderOf(project: string, task: TaskView, node: string, draft: Draft): RunOrder {
  const params = task.parameters
    .map((parameter) => [parameter, draft.params[parameter.name] ?? ""] as const)
    .filter(([parameter, value]) => given(parameter, value))
    .map(([{ name }, value]) => [name, value]);
  const inputs = Object.entries(draft.inputs).filter(([, { item }]) => item !== "");
  return {
    project,
    task: task.id,
    version: String(task.version),
    node,
    params: Object.fromEntries(params),
    inputs: inputs.map(([name, { item, version }]) => ({ name, item, ...(version && { version }) })),
    secrets: Object.fromEntries(Object.entries(draft.secrets).filter(([, secret]) => secret !== "")),
    attempts: draft.attempts,
    ...(draft.seconds && { seconds: draft.seconds }),
  };
}

/** What to say at a field. Of one that was left empty, what is wrong is that. */
export function saidOf(faults: readonly FaultView[], order: RunOrder, needed: string): Record<string, string> {
  const sent = new Set([
    ...Object.keys(order.params).map((name) => `parameters.${name}`),
    ...order.inputs.map(({ name }) => `inputs.${name}`),
    ...Object.keys(order.secrets).map((name) => `secrets.${name}`),
  ]);
  const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
  return Object.fromEntries(
    faults.map(({ field, what, next }) => [field, sent.has(field) ? `${capital(what)}. ${next}` : needed]),
  );
}

/** By what a node works in a project, as long as it does. */
export const grantIn = (project: string, node: NodeView) => node.projects.find((one) => one.id === project && !one.over);
