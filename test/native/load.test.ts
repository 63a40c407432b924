import { Worker } from "node:worker_threads";
import { loadAddon } from "@ettin/native";
import { describe, expect, test } from "vitest";

describe("loadAddon", () => {
  test("gives the same object again", () => {
    expect(loadAddon()).toBe(loadAddon());
  });

  test("loads in a worker while the main thread has it too, and again after that worker ended", async () => {
    loadAddon();
    const code = `import("@ettin/native").then(({ loadAddon }) => process.exit(loadAddon() ? 7 : 1))`;
    for (let round = 0; round < 3; round++) {
      const exitCode = await new Promise((resolve, reject) => {
        new Worker(code, { eval: true }).on("exit", resolve).on("error", reject);
      });
      expect(exitCode).toBe(7);
    }
  });
});
