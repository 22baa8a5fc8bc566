// Undoing what was done to an item: the toast that offers it is gone by then, so what goes wrong is shown in the list.
import { changed } from "../../app/live.svelte";
import { Trouble } from "../../backend";
import { toast } from "../../shared/toasts.svelte";

export const undoing: { trouble: Trouble | null; again: (() => void) | null } = $state({ trouble: null, again: null });

/** Says what was done, and offers to take it back. */
export function offerUndo(text: string, project: string, back: () => Promise<unknown>): void {
  const run = async () => {
    undoing.trouble = null;
    try {
      await back();
      changed(project);
    } catch (thrown) {
      undoing.trouble = Trouble.from(thrown);
      undoing.again = () => void run();
    }
  };
  toast(text, () => void run());
}
