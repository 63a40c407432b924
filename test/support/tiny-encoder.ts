/** A small encoder with random weights and the tokenizer of examples/tokenizer, in a folder that is gone after the tests. */
import { join } from "node:path";
import { ModernBertDecoderForCausalLM, ModernBertModel, Tokenizer } from "@ettin/core";
import { temporaryFolder } from "./folder.ts";
import { ROOT } from "./root.ts";

const SHAPE = {
  vocabSize: 4096,
  hiddenSize: 32,
  intermediateSize: 48,
  numHiddenLayers: 3,
  numAttentionHeads: 1,
  maxPositionEmbeddings: 128,
  localAttention: 16,
} as const;

/** The folder of a bare model: an encoder, or a causal language model. */
export async function tinyModelFolder(options: { causal?: boolean; seed?: number } = {}): Promise<string> {
  const folder = temporaryFolder();
  const { causal = false, seed = 1 } = options;
  const model = causal
    ? ModernBertDecoderForCausalLM.fromConfig(SHAPE, { seed })
    : ModernBertModel.fromConfig(SHAPE, { seed });
  await model.savePretrained(folder);
  model.dispose();
  const tokenizer = await Tokenizer.fromFolder(join(ROOT, "examples/tokenizer"));
  await tokenizer.savePretrained(folder);
  tokenizer.dispose();
  return folder;
}
