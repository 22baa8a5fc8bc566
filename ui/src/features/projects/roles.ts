// The roles as choices, each with its sentence.
import { w } from "../../i18n";

export const roles = (["reader", "contributor", "owner"] as const).map((value) => ({
  value,
  label: w.people.roles[value],
  hint: w.people.roleTexts[value],
}));
