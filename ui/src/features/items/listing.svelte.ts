// What a folder of a version holds, page after page: the first is there at once, the others follow by themselves. Versions
// never change, so nothing is looked at twice.
import { ask, Trouble } from "../../backend";
import type { FilesView, FileView } from "../../generated/types";
import type { FileKind } from "./kinds";

/** A version of an item. */
export interface Place {
  kind: FileKind;
  project: string;
  item: string;
  version: string;
}

const FIRST = 1_000;
const PAGE = 10_000;
/** So many follow by themselves; who wants more asks for them. */
const ENOUGH = 100_000;

export class Listing {
  /** What is known of the folder as a whole. */
  folder: FilesView | undefined = $state.raw();
  entries: readonly FileView[] = $state.raw([]);
  next: number | null = $state(null);
  busy = $state(false);
  trouble: Trouble | undefined = $state.raw();
  #turn = 0;
  #of: { place: Place; under: string; recursive: boolean } | undefined;

  /**
   * Shows a folder, or all files of the version in one list. What is shown now stays until then; done when the first page is
   * there.
   */
  async open(place: Place, under: string, recursive = false): Promise<void> {
    this.#of = { place, under, recursive };
    const turn = ++this.#turn;
    await this.#load(turn, 0, FIRST);
    if (turn === this.#turn && this.next !== null) void this.#load(turn, this.next, ENOUGH);
  }

  /** As many again. */
  async more(): Promise<void> {
    if (this.next !== null && !this.busy) await this.#load(this.#turn, this.next, this.entries.length + ENOUGH);
  }

  async #load(turn: number, from: number, until: number): Promise<void> {
    const of = this.#of;
    if (!of) return;
    this.busy = true;
    this.trouble = undefined;
    let offset: number | null = from;
    try {
      while (offset !== null && offset < until) {
        const page: FilesView = await ask({
          verb: "item-files",
          ...of.place,
          under: of.under,
          recursive: of.recursive,
          offset,
          limit: offset === 0 ? FIRST : PAGE,
        });
        if (turn !== this.#turn) return;
        this.folder = page;
        this.entries = offset === 0 ? page.entries : [...this.entries, ...page.entries];
        this.next = offset = page.next;
      }
    } catch (thrown) {
      if (turn !== this.#turn) return;
      this.trouble = Trouble.from(thrown);
      // What was there belongs to another folder.
      if (from === 0) [this.folder, this.entries, this.next] = [undefined, [], null];
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  }
}
