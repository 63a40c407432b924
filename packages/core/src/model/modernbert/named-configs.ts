import { EngineError } from "../../errors.ts";
import type { ModernBertConfig } from "./config.ts";

/** Layers, width, width of the MLP, heads: all heads have 64 channels. */
const sizes: Readonly<Record<string, readonly [number, number, number, number]>> = {
  "17m": [7, 256, 384, 4],
  "32m": [10, 384, 576, 6],
  "68m": [19, 512, 768, 8],
  "150m": [22, 768, 1152, 12],
  "400m": [28, 1024, 2624, 16],
  "1b": [28, 1792, 3840, 28],
};

/** The shapes of the Ettin suite: "ettin-encoder-17m" … "ettin-decoder-1b". */
export const namedConfigs: readonly string[] = ["encoder", "decoder"].flatMap((kind) =>
  Object.keys(sizes).map((size) => `ettin-${kind}-${size}`),
);

/**
 * A shape of the Ettin suite, as its models were published: contexts of 7,999 tokens, a rotary base of 160,000 in global
 * and local layers. (Some published decoders have a local base of 10,000: a loaded model follows its file.)
 *
 * @param name one of `namedConfigs`
 * @see https://arxiv.org/abs/2507.11412
 */
export function namedConfig(name: string): Partial<ModernBertConfig> {
  const [, kind, size] = /^ettin-(encoder|decoder)-(\w+)$/.exec(name) ?? [];
  const shape = size === undefined ? undefined : sizes[size];
  if (!shape) {
    throw new EngineError(
      "fromConfig",
      `there is no configuration "${name}"`,
      `Use one of ${namedConfigs.join(", ")}.`,
    );
  }
  const [numHiddenLayers, hiddenSize, intermediateSize, numAttentionHeads] = shape;
  const rope = { ropeType: "default", ropeTheta: 160000 } as const;
  return {
    modelType: kind === "encoder" ? "modernbert" : "modernbert-decoder",
    numHiddenLayers,
    hiddenSize,
    intermediateSize,
    numAttentionHeads,
    maxPositionEmbeddings: 7999,
    ropeParameters: { fullAttention: rope, slidingAttention: rope },
  };
}
