// Which of the secrets a list shows.
import type { SecretView } from "../../generated/types";
import { byName } from "../../shared/format";
import { DAY, inDays } from "./expiry";

export type Which = "all" | "ending" | "trash";

const SOON_DAYS = 30;

const isKey = (secret: SecretView) => secret.type === "project-key";

/** By name, keys of projects behind; what ends by its end; the trash by what went into it last. */
export function arranged<T extends SecretView>(secrets: readonly T[], which: Which, now = Date.now()): readonly T[] {
  const sorted = byName(secrets);
  switch (which) {
    case "all":
      return sorted.some(isKey) ? [...sorted.filter((secret) => !isKey(secret)), ...sorted.filter(isKey)] : sorted;
    case "ending": {
      const until = inDays(SOON_DAYS, now) + DAY;
      return sorted
        .filter((secret) => secret.expires_ms !== null && secret.expires_ms < until)
        .sort((a, b) => (a.expires_ms ?? 0) - (b.expires_ms ?? 0));
    }
    case "trash":
      return [...sorted].sort((a, b) => (b.trashed_ms ?? 0) - (a.trashed_ms ?? 0));
  }
}

/** How many of them an export would hold: keys of projects are in none. */
export function exportable(secrets: readonly SecretView[]): number {
  return secrets.filter((secret) => !isKey(secret)).length;
}
