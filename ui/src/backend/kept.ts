// What lists said last. A view that was seen before is there at once, and what it shows is asked for again behind it.

/** Answers kept at most. */
const MOST = 50;

/** An answer, and what Rust calls it: one that says something else is called something else. */
export interface Named<T> {
  name: string;
  value: T;
}

/** Asks Rust; nothing comes where the answer is still the one of that name. Whoever has none gives no name. */
export type Ask<T> = (known: string) => Promise<Named<T> | undefined>;

export class Kept {
  #answers = new Map<string, Named<unknown> & { since: number }>();
  /** Goes up whenever anything may have changed: what was asked before that is not given before Rust was asked again. */
  #since = 0;
  /** Called when something else came than what was shown. */
  onother: () => void = () => {};

  /** The answer to a question: the one that is kept, which is then asked for again, or that of `ask`. */
  async answer<T>(question: unknown, ask: Ask<T>): Promise<T> {
    const key = JSON.stringify(question);
    const known = this.#answers.get(key) as (Named<T> & { since: number }) | undefined;
    if (known?.since === this.#since) {
      void this.#again(key, known, ask);
      return known.value;
    }
    const since = this.#since;
    const answer = (await ask(known?.name ?? "")) ?? known;
    if (!answer) throw new Error("nothing was kept, and nothing came");
    this.#keep(key, answer, since);
    return answer.value;
  }

  /** Something changed, or may have. */
  doubt(): void {
    this.#since += 1;
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

  async #again<T>(key: string, known: Named<T>, ask: Ask<T>): Promise<void> {
    const since = this.#since;
    try {
      const answer = await ask(known.name);
      if (since !== this.#since) return;
      this.#keep(key, answer ?? known, since);
      if (!answer) return;
    } catch {
      if (since !== this.#since) return;
      // Whoever looks again is told.
      this.#answers.delete(key);
    }
    this.onother();
  }
}
