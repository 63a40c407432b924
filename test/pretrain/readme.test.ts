import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../support/root.ts";

test("the program in the README is examples/pretrain.ts", () => {
  const readme = readFileSync(join(ROOT, "packages/pretrain/README.md"), "utf8");
  const program = readFileSync(join(ROOT, "examples/pretrain.ts"), "utf8");
  expect(readme).toContain(`\`\`\`ts\n${program}\`\`\``);
});
