/** The models of models.py with ours: `node --import ./scripts/typescript.mjs scripts/reference/random/models.ts FOLDER`. */
import { join } from "node:path";
import * as core from "../../../packages/core/src/index.ts";
import { compare } from "./compare.ts";

interface Case {
  readonly class: string;
  readonly folder: string;
  readonly sequences: number[][];
  /** For each sequence all numbers. */
  readonly expected: number[][];
}
interface Model {
  forward(batch: core.PackedTokens): core.Tensor;
  dispose(): void;
}

/** Of the largest number. */
const TOLERANCE = 2e-5;

await compare<Case>(
  process.argv[2],
  async ({ class: name, folder, sequences, expected }) => {
    const kind = (core as unknown as Record<string, { fromPretrained(folder: string): Promise<Model> }>)[name]!;
    const model = await kind.fromPretrained(join(process.argv[2]!, folder));
    try {
      const [output] = core.noGrad(() => core.tensorScope(() => [model.forward(core.packTokens(sequences))]));
      const [ours, all] = [await output!.data(), expected.flat()];
      const largest = all.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const off = all.reduce((most, value, i) => Math.max(most, Math.abs(value - ours[i]!)), 0) / largest;
      output!.dispose();
      return [
        { numbers: ours.length, off: off <= TOLERANCE ? 0 : off },
        { numbers: all.length, off: 0 },
      ];
    } finally {
      model.dispose();
    }
  },
  0,
);
