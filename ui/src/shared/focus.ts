// Where the focus goes when one step of a dialog takes the place of another, so that nobody is left where a button has gone.

/** Takes the focus when it appears: `{@attach takesFocus}`. */
export function takesFocus(element: HTMLElement): void {
  queueMicrotask(() => element.focus());
}
