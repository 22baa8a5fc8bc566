// Values that are on the screen now. They are here only while they are shown: for 30 seconds, and no longer than the window has
// somebody's attention and the view is open.

/** How long a value stays. */
export const SHOWN_MS = 30_000;

export class Shown {
  #values: Record<string, string> = $state({});
  #timers = new Map<string, ReturnType<typeof setTimeout>>();
  /** Goes up whenever everything is hidden: what was asked for before does not appear after. */
  #turn = 0;

  /** The value of a field, if it is shown. */
  of(field: string): string | undefined {
    return this.#values[field];
  }

  /** Fetches a value and shows it, unless everything was hidden meanwhile. */
  async show(field: string, fetch: () => Promise<string>): Promise<void> {
    const turn = this.#turn;
    const value = await fetch();
    if (turn !== this.#turn) return;
    this.hide(field);
    this.#values[field] = value;
    this.#timers.set(
      field,
      setTimeout(() => this.hide(field), SHOWN_MS),
    );
  }

  hide(field: string): void {
    clearTimeout(this.#timers.get(field));
    this.#timers.delete(field);
    delete this.#values[field];
  }

  hideAll(): void {
    this.#turn += 1;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    for (const field of Object.keys(this.#values)) delete this.#values[field];
  }

  /** Hides everything when the window loses the attention, until the returned function is called, which hides as well. */
  watch(): () => void {
    const hide = () => this.hideAll();
    const turned = () => document.visibilityState === "hidden" && this.hideAll();
    addEventListener("blur", hide);
    document.addEventListener("visibilitychange", turned);
    return () => {
      removeEventListener("blur", hide);
      document.removeEventListener("visibilitychange", turned);
      this.hideAll();
    };
  }
}
