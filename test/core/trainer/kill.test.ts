import { expect, test } from "vitest";
import { killTest } from "../../../scripts/kill-test.mjs";

// npm run kill-test does it 20 times.
test("a run that is killed three times ends with the bits of one that never was", { timeout: 120_000 }, async () => {
  const { whole, killed, inside, resumedFrom } = await killTest({ kills: 3, steps: 9 });
  expect(whole).toMatch(/^[0-9a-f]{64}$/);
  expect(killed).toBe(whole);
  expect(inside).toBeGreaterThan(0);
  expect(resumedFrom).toBeGreaterThan(0);
});
