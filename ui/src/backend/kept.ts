// What lists said last. A view that was seen before is there at once, and what it shows is asked for again behind it.

/** Answers kept at most. */
const MOST = 50;

export class Kept {
  #answers = new Map<string, unknown>();
  /** Goes up whenever anything may have changed: what was asked before that is no longer kept. */
  #since = 0;
  /** Called when something else came than what was shown. */
  onother: () => void = () => {};

  /** The answer to a question: the one that is kept, which is then asked for again, or that of `ask`. */
  async answer<T>(question: unknown, ask: () => Promise<T>): Promise<T> {
    const key = JSON.stringify(question);
    if (!this.#answers.has(key)) return this.#ask(key, ask);
    const known = this.#answers.get(key) as T;
    void this.#again(key, known, ask);
    return known;
  }

  /** Something changed, or may have. */
  forget(): void {
    this.#since += 1;
    this.#answers.clear();
  }

  async #ask<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const since = this.#since;
    const answer = await ask();
    if (since === this.#since) {
      this.#answers.delete(key);
      this.#answers.set(key, answer);
      for (const oldest of this.#answers.keys()) {
        if (this.#answers.size <= MOST) break;
        this.#answers.delete(oldest);
      }
    }
    return answer;
  }

  async #again<T>(key: string, known: T, ask: () => Promise<T>): Promise<void> {
    const since = this.#since;
    try {
      if (same(known, await this.#ask(key, ask))) return;
    } catch {
      // Whoever looks again is told.
      if (since === this.#since) this.#answers.delete(key);
    }
    if (since === this.#since) this.onother();
  }
}

/** Whether two answers say the same. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => name in b && same(a[name as keyof typeof a], b[name as keyof typeof b]));
}
