import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { ROOT } from "../support/root.ts";

// npm run sanitize asks for 100, under the address sanitizer, which sees what is freed too early.
const rounds = Number(process.env.ETTIN_WORKER_ROUNDS ?? 5);

test(`8 workers terminated in the middle of a product, ${rounds} times, leave the process sound`, {
  timeout: 600_000,
}, async () => {
  const script = join(ROOT, "test/native/workers/terminate.mjs");
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [script, String(rounds)]);
  expect(stderr).toBe("");
  expect(stdout).toBe(`${rounds} rounds, ${rounds * 8} workers terminated\n`);
});
