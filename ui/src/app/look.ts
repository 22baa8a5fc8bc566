// Theme and zoom, on the whole page.
import type { Settings } from "../generated/types";

export function applyLook(settings: Settings): void {
  const root = document.documentElement;
  if (settings.theme === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = settings.theme;
  root.style.fontSize = `${(16 * settings.zoom) / 100}px`;
}
