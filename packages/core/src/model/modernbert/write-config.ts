import { writeShared } from "../config.ts";
import { writeFields } from "../config-fields.ts";
import { writeRope } from "../read-rope.ts";
import type { LayerType, ModernBertConfig } from "./config.ts";
import { plainFields } from "./read-config.ts";

/**
 * A configuration, or a part of one, as a file has it: with the keys of transformers 4 and 5 together, so that both read
 * the same model.
 */
export function writeModernBertConfig(config: Partial<ModernBertConfig>): Record<string, unknown> {
  const { classifierPooling, isCausal, ...plain } = config;
  const json: Record<string, unknown> = { ...writeShared(config), ...writeFields(plainFields, plain) };
  const decoder = config.modelType === "modernbert-decoder";
  if (config.modelType) json.model_type = config.modelType;
  if (!decoder && classifierPooling) json.classifier_pooling = classifierPooling;
  if (decoder && isCausal === false) json.is_causal = false;
  // An encoder's readers would take it for half the window and override local_attention.
  if (decoder && config.slidingWindow !== undefined) json.sliding_window = config.slidingWindow;
  if (config.layerTypes) {
    json.layer_types = config.layerTypes;
    const every = globalEvery(config.layerTypes);
    if (every) json.global_attn_every_n_layers = every;
  }
  if (config.ropeParameters) {
    const { fullAttention, slidingAttention } = config.ropeParameters;
    json.rope_parameters = {
      full_attention: writeRope(fullAttention),
      sliding_attention: writeRope(slidingAttention),
    };
    json.global_rope_theta = fullAttention.ropeTheta;
    json.local_rope_theta = slidingAttention.ropeTheta;
  }
  return json;
}

/** The n for which every n-th layer is global, if there is one: the older key can say no more. */
function globalEvery(types: readonly LayerType[]): number | null {
  for (let every = 1; every <= types.length; every++) {
    if (types.every((type, i) => (type === "full_attention") === (i % every === 0))) return every;
  }
  return null;
}
