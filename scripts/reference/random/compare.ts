/** Runs ours on the cases of a folder and prints where it differs from what the reference gave. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const MOST_SHOWN = 10;

/**
 * @param run ours and what is expected of it, as values that JSON can hold; null where the case says nothing
 * @param tolerance of numbers, relative, and absolute below 0.05
 */
export async function compare<Case>(
  folder: string | undefined,
  run: (given: Case) => Promise<readonly [ours: unknown, expected: unknown] | null>,
  tolerance = 2e-4,
): Promise<void> {
  if (!folder) throw new Error("[compare] no folder was given: the one that the script in Python wrote");
  const cases = JSON.parse(readFileSync(join(folder, "cases.json"), "utf8")) as (Case & { error?: string })[];
  let [differing, refused, silent] = [0, 0, 0];
  const show = (number: number, ...lines: string[]) => {
    if (++differing > MOST_SHOWN) return;
    console.log(
      [`case ${number}: ${JSON.stringify({ ...cases[number], expected: undefined })}`, ...lines].join("\n  "),
    );
  };
  for (const [number, given] of cases.entries()) {
    try {
      const found = await run(given);
      if (given.error !== undefined) show(number, `the reference refused it: ${given.error}`);
      else if (found === null) silent++;
      else {
        const place = difference(found[0], found[1], tolerance, "");
        if (place) show(number, place);
      }
    } catch (error) {
      if (given.error === undefined) show(number, `ours refused it: ${(error as Error).message}`);
      else refused++;
    }
  }
  console.log(`${cases.length} cases: ${differing} differ, ${refused} refused by both, ${silent} say nothing`);
  process.exitCode = differing > 0 ? 1 : 0;
}

/** The first place where two values differ, as a sentence. */
function difference(ours: unknown, expected: unknown, tolerance: number, path: string): string | null {
  if (typeof ours === "number" && typeof expected === "number") {
    const close = Math.abs(ours - expected) <= tolerance * Math.max(0.05, Math.abs(expected));
    return close ? null : `${path}: ours ${ours}, expected ${expected}`;
  }
  const whole = (value: unknown): value is object => typeof value === "object" && value !== null;
  if (!whole(ours) || !whole(expected)) {
    return (ours ?? null) === (expected ?? null)
      ? null
      : `${path}: ours ${JSON.stringify(ours)}, expected ${JSON.stringify(expected)}`;
  }
  const keys = new Set([...Object.keys(ours), ...Object.keys(expected)]);
  for (const key of keys) {
    const [one, other] = [(ours as Record<string, unknown>)[key], (expected as Record<string, unknown>)[key]];
    const found = difference(one, other, tolerance, `${path}.${key}`);
    if (found) return found;
  }
  return null;
}
