import { Trouble } from "../backend";

/** One thing at a time that can go wrong: whether it is under way, and what went wrong the last time. */
export class Attempt {
  busy = $state(false);
  trouble: Trouble | undefined = $state();

  async run(work: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.trouble = undefined;
    try {
      await work();
    } catch (thrown) {
      this.trouble = Trouble.from(thrown);
    } finally {
      this.busy = false;
    }
  }
}
