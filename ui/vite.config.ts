import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig(({ mode }) => ({
  plugins: [svelte()],
  // What WebKitGTK of Debian 12 and macOS 13 understand.
  build: { target: "safari16", cssTarget: "safari17.5", assetsInlineLimit: 0, reportCompressedSize: false },
  clearScreen: false,
  resolve: mode === "test" ? { conditions: ["browser"] } : {},
  test: { include: ["src/**/*.test.ts"] },
}));
