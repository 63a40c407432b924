/** A small model and small datasets: what the tests of the trainer share. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Dataset } from "@ettin/core";
import {
  SentenceTransformer,
  SentenceTransformerTrainer,
  type SentenceTransformerTrainerOptions,
  type SentenceTransformerTrainingArguments,
} from "@ettin/dense";
import { afterEach } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { tinyModelFolder } from "../../support/tiny-encoder.ts";

const encoder = await tinyModelFolder();
const root = temporaryFolder();
let folders = 0;

export const newFolder = (): string => join(root, `run-${folders++}`);

const toFree: { dispose(): void }[] = [];
afterEach(() => {
  for (const each of toFree.splice(0)) each.dispose();
});

/** Frees something after the test. */
export function freed<T extends { dispose(): void }>(each: T): T {
  toFree.push(each);
  return each;
}

/** The same weights every time; freed after the test. */
export const newModel = async (folder: string = encoder): Promise<SentenceTransformer> =>
  freed(await SentenceTransformer.fromPretrained(folder));

export const PAIRS: readonly (readonly [string, string])[] = [
  ["What do bees make?", "Honey comes from the hive."],
  ["Where do whales live?", "The ocean is home to the largest mammals."],
  ["Who bakes bread?", "A baker rises before the sun."],
  ["What falls in winter?", "Snow covers the roofs."],
  ["How do birds fly?", "Wings push the air down."],
  ["What lights the night?", "The moon reflects the sun."],
  ["Why do leaves fall?", "Trees save water in autumn."],
  ["What does a clock show?", "Its hands tell hours and minutes."],
];

export const pairs = (): Dataset => Dataset.fromRows(PAIRS.map(([anchor, positive]) => ({ anchor, positive })));

/** Pairs of two columns and a class: whether they belong together. */
export const classes = (count = 6): Dataset =>
  Dataset.fromRows(
    Array.from({ length: count }, (_, i) => ({
      a: PAIRS[i % 8]![0],
      b: PAIRS[(i + (i % 3)) % 8]![1],
      label: i % 3 === 0 ? 0 : 1,
    })),
  );

/** Quiet, and saving nothing unless told to. */
export function newTrainer(
  args: Partial<SentenceTransformerTrainingArguments>,
  options: SentenceTransformerTrainerOptions,
): SentenceTransformerTrainer {
  return new SentenceTransformerTrainer({
    ...options,
    args: { saveStrategy: "no", report: [], outputDir: newFolder(), handleSignals: false, ...args },
  });
}

/** A hash of each parameter's bytes, by name. */
export async function weightsOf(model: SentenceTransformer): Promise<Record<string, string>> {
  const read = model.entries().map(async ({ name, tensor }) => {
    const values = (await tensor.data()) as Float32Array;
    return [name, createHash("sha256").update(values).digest("hex")] as const;
  });
  return Object.fromEntries(await Promise.all(read));
}
