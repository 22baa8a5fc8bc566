// Every word on the screen, in one catalogue. Another language is another object of the same type.
import { common } from "./en/common";
import { door } from "./en/door";
import { items } from "./en/items";
import { nodes } from "./en/nodes";
import { people } from "./en/people";
import { projects } from "./en/projects";
import { runs } from "./en/runs";
import { secrets } from "./en/secrets";
import { settings } from "./en/settings";
import { transfers } from "./en/transfers";

export const w = { common, door, items, nodes, people, projects, runs, secrets, settings, transfers };

const rules = new Intl.PluralRules("en");
const numbers = new Intl.NumberFormat("en");

/** One of two forms by number: plural(2, "file", "files"). */
export function plural(value: number, one: string, other: string): string {
  const said = numbers.format(value);
  return `${said} ${rules.select(value) === "one" ? one : other}`;
}
