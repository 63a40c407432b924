/** A small SentenceTransformer for tests: random weights, the tokenizer of the examples. */
import { cpSync } from "node:fs";
import { ModernBertModel } from "@ettin/core";
import { BPE } from "./tokenizers.ts";

/** Writes an encoder of two layers of 32 that takes 64 tokens, and its tokenizer, to a folder. */
export async function saveSmallEncoder(folder: string, seed = 5): Promise<void> {
  const shape = { vocabSize: 4096, hiddenSize: 32, intermediateSize: 48, numHiddenLayers: 2, numAttentionHeads: 1 };
  const encoder = ModernBertModel.fromConfig({ ...shape, maxPositionEmbeddings: 64 }, { seed });
  await encoder.savePretrained(folder);
  encoder.dispose();
  cpSync(BPE, folder, { recursive: true });
}
