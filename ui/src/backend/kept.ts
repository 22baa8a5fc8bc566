// What lists said last. A view that was seen before is there at once, and what it shows is asked for again behind it.

/** Answers kept at most. */
const MOST = 50;
/** Whoever goes from view to view is not held up by what those before are asked behind them: so long nothing was looked at, in milliseconds. */
const QUIET = 250;

/** An answer, and what Rust calls it: one that says something else is called something else. */
export interface Named<T> {
  name: string;
  value: T;
}

/** Asks Rust; nothing comes where the answer is still the one of that name. Whoever has none gives no name. */
export type Ask<T> = (known: string) => Promise<Named<T> | undefined>;

export class Kept {
  #answers = new Map<string, Named<unknown> & { since: number }>();
  /** What is on its way: whoever asks the same meanwhile gets that. */
  #coming = new Map<string, { answer: Promise<Named<unknown>>; since: number }>();
  /** What is to be asked for again when all is quiet, one after the other. */
  #behind = new Map<string, () => Promise<void>>();
  #quiet: ReturnType<typeof setTimeout> | undefined;
  #asking = false;
  /** Goes up whenever anything may have changed: what was asked before that is not given before Rust was asked again. */
  #since = 0;
  /** Called when something else came than what was shown. */
  onother: () => void = () => {};

  /** The answer to a question: the one that is kept, which is then asked for again, or that of `ask`. */
  async answer<T>(question: unknown, ask: Ask<T>): Promise<T> {
    const key = JSON.stringify(question);
    const known = this.#answers.get(key) as (Named<T> & { since: number }) | undefined;
    if (known?.since !== this.#since) return (await this.#fresh(key, ask, known)).value;
    this.#behind.set(key, () => this.#again(key, ask, known));
    this.#whenQuiet();
    return known.value;
  }

  /** Something changed, or may have. */
  doubt(): void {
    this.#since += 1;
  }

  #fresh<T>(key: string, ask: Ask<T>, known?: Named<T>): Promise<Named<T>> {
    const since = this.#since;
    const coming = this.#coming.get(key);
    if (coming?.since === since) return coming.answer as Promise<Named<T>>;
    const answer = this.#come(key, since, ask, known);
    this.#coming.set(key, { answer, since });
    return answer;
  }

  async #come<T>(key: string, since: number, ask: Ask<T>, known?: Named<T>): Promise<Named<T>> {
    try {
      const answer = (await ask(known?.name ?? "")) ?? known;
      if (!answer) throw new Error("nothing was kept, and nothing came");
      this.#keep(key, answer, since);
      return answer;
    } finally {
      if (this.#coming.get(key)?.since === since) this.#coming.delete(key);
    }
  }

  #keep(key: string, answer: Named<unknown>, since: number): void {
    if ((this.#answers.get(key)?.since ?? 0) > since) return;
    this.#answers.delete(key);
    this.#answers.set(key, { ...answer, since });
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= MOST) break;
      this.#answers.delete(oldest);
    }
  }

  #whenQuiet(): void {
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => {
      this.#quiet = undefined;
      void this.#askBehind();
    }, QUIET);
  }

  async #askBehind(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    for (const [key, again] of this.#behind) {
      // Somebody looked at something meanwhile: not before all is quiet again.
      if (this.#quiet !== undefined) break;
      this.#behind.delete(key);
      await again();
    }
    this.#asking = false;
  }

  async #again<T>(key: string, ask: Ask<T>, given: Named<T>): Promise<void> {
    const since = this.#since;
    let failed = false;
    try {
      const answer = await this.#fresh(key, ask, given);
      if (answer.name === given.name) return;
    } catch {
      failed = true;
    }
    // Whoever looked meanwhile has what is newer.
    if ((this.#answers.get(key)?.since ?? since) > since) return;
    // Whoever looks again is told.
    if (failed) this.#answers.delete(key);
    this.onother();
  }
}
