import { type CollatePlace, counterGenerator, EngineError, type PackedTokens } from "@ettin/core";
import { specialIds, type TokenIds } from "./token-ids.ts";

/**
 * Which rule chooses the masked tokens. With both, of the selected 80 % become the mask token, 10 % a random one, and
 * 10 % stay as they are.
 *
 * - "collator": that of transformers' collator. Special tokens are never selected; a random id is any of the vocabulary.
 * - "packed": that of ModernBERT's packed path. All but PAD may be selected, first and last tokens too; a random id goes
 *   up to the largest in the batch once the mask tokens are in.
 */
export type MaskRule = "collator" | "packed";

export interface MaskOptions {
  /**
   * The share of tokens that are selected, in (0, 1]. The recipe takes 0.3, and 0.15 in its decay phase.
   *
   * @default 0.3
   */
  probability?: number;
  /** @default "collator" */
  rule?: MaskRule;
}

/** A batch after masking. */
export interface MaskedTokens {
  /** `[T]`: what the model sees. */
  readonly tokens: Int32Array;
  /** `[S]`: the places that were selected, ascending, those that stay as they are included. */
  readonly selected: Int32Array;
}

/** Masks a batch; the same batch at the same place gets the same masks. */
export type Masker = (batch: PackedTokens, at: CollatePlace) => MaskedTokens;

/** The generator's last counter word: masks share no counter with the dropout of the same step. */
const SITE = 0x6d61736b;

const CHANCES = 2 ** 32;

/**
 * Draws masks. The draw for a token is a function of (seed, epoch, step, the sequence's number in the step, position), so
 * that a resumed run, batches cut otherwise and another number of workers mask the same tokens.
 */
export function masker(where: string, ids: TokenIds, { probability = 0.3, rule = "collator" }: MaskOptions): Masker {
  if (!(probability > 0 && probability <= 1)) {
    throw new EngineError(where, `probability is ${probability}`, "Use a share above 0 and up to 1, such as 0.3.");
  }
  const { mask } = ids;
  if (mask === undefined) {
    throw new EngineError(
      where,
      "the tokenizer has no mask token",
      "Use an encoder's tokenizer, or give the id: mask.",
    );
  }
  if (rule === "collator") return collatorRule(ids, mask, probability);
  if (rule === "packed") return packedRule(ids, mask, probability);
  throw new EngineError(where, `rule is "${rule}"`, 'Use "collator" or "packed".');
}

/** Selected with probability p; then three draws of their own: mask or not, random or not, which id. */
function collatorRule(ids: TokenIds, mask: number, probability: number): Masker {
  const special = specialIds(ids);
  return (batch, at) => {
    const tokens = batch.tokens.slice();
    const selected = new Int32Array(tokens.length);
    let count = 0;
    eachDraw(batch, at, (words, row) => {
      if (words[0]! >= probability * CHANCES || special.has(tokens[row]!)) return;
      if (words[1]! < 0.8 * CHANCES) tokens[row] = mask;
      else if (words[2]! < 0.5 * CHANCES) tokens[row] = below(ids.vocabSize, words[3]!);
      selected[count++] = row;
    });
    return { tokens, selected: selected.slice(0, count) };
  };
}

/** One draw r for each token: r < 0.8p masks, r < 0.9p puts a random id, r < p leaves it and selects it. */
function packedRule({ pad }: TokenIds, mask: number, probability: number): Masker {
  return (batch, at) => {
    const tokens = batch.tokens.slice();
    const selected = new Int32Array(tokens.length);
    const random: { row: number; word: number }[] = [];
    let count = 0;
    eachDraw(batch, at, (words, row) => {
      const share = words[0]! / CHANCES / probability;
      if (share >= 1 || tokens[row] === pad) return;
      if (share < 0.8) tokens[row] = mask;
      else if (share < 0.9) random.push({ row, word: words[3]! });
      selected[count++] = row;
    });
    let largest = 0; // with the mask tokens in, and before the random ones are
    for (const id of tokens) if (id > largest) largest = id;
    for (const { row, word } of random) tokens[row] = below(largest + 1, word);
    return { tokens, selected: selected.slice(0, count) };
  };
}

/** A whole number in [0, bound), from a word of 32 bits. */
const below = (bound: number, word: number): number => Math.floor((word / CHANCES) * bound);

function eachDraw({ offsets }: PackedTokens, at: CollatePlace, use: (words: Uint32Array, row: number) => void): void {
  const draw = counterGenerator(at.seed, at.step);
  const words = new Uint32Array(4);
  for (let b = 0; b + 1 < offsets.length; b++) {
    const start = offsets[b]!;
    for (let row = start; row < offsets[b + 1]!; row++) {
      draw(words, row - start, at.epoch, at.firstSequence + b, SITE);
      use(words, row);
    }
  }
}
