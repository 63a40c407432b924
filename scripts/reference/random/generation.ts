/** The continuations of generation.py with ours: `node --import ./scripts/typescript.mjs scripts/reference/random/generation.ts FOLDER`. */
import { join } from "node:path";
import { type GenerateOptions, generate, ModernBertDecoderForCausalLM } from "../../../packages/core/src/index.ts";
import { compare } from "./compare.ts";

interface Case {
  readonly prompt: number[];
  readonly options: Omit<GenerateOptions, "sequenceBias"> & { sequenceBias?: [number[], number][] };
  readonly expected: { readonly sequences: number[][]; readonly scores: (number | null)[] | null };
}

/** A beam that could not be filled has a score like this one. */
const DEAD = -1e8;

const model = await ModernBertDecoderForCausalLM.fromPretrained(join(process.argv[2] ?? "", "model"));

await compare<Case>(process.argv[2], async ({ prompt, options: { sequenceBias, ...options }, expected }) => {
  const found = await generate(model, [prompt], {
    ...options,
    ...(sequenceBias && { sequenceBias: sequenceBias.map(([ids, bias]) => ({ ids, bias })) }),
  });
  if (!expected) return null;
  const { sequences, scores } = expected;
  // −∞ times a factor, where an eos is forbidden and its penalty decays: the reference's scores are NaN
  if (scores?.includes(null)) return null;
  if (!scores && options.exponentialDecayLengthPenalty && (options.minNewTokens || options.minLength)) return null;
  const alive = sequences.flatMap((_, i) => (scores && scores[i]! <= DEAD ? [] : [i]));
  return [
    { ids: alive.map((i) => [...found[i]!.ids]), scores: scores && alive.map((i) => found[i]!.score) },
    {
      ids: alive.map((i) => withoutPadding(sequences[i]!, found[i]!.ids.length)),
      scores: scores && alive.map((i) => scores[i]),
    },
  ];
});
model.dispose();

/** The reference fills beams to the longest with one id; what follows a sequence of so many ids is left out if it is that. */
function withoutPadding(ids: readonly number[], length: number): readonly number[] {
  const rest = new Set(ids.slice(length));
  return rest.size === 1 ? ids.slice(0, length) : ids;
}
