// How large a file was and is.
import type { ChangeView } from "../../generated/types";
import { w } from "../../i18n";
import { bytes } from "../../shared/format";

/** Its size; both where it changed, and none where it has none. */
export function changeSize(change: Pick<ChangeView, "type" | "bytes" | "bytes_before">): string {
  if (change.type !== "file") return "";
  const [before, now] = [change.bytes_before, change.bytes];
  if (before === null || now === null || before === now) return bytes(now ?? before ?? 0);
  return w.items.changes.sizes(bytes(before), bytes(now));
}
