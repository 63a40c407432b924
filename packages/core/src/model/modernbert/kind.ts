import { EngineError } from "../../errors.ts";
import type { ModelKind } from "../model-kind.ts";
import type { ModernBertConfig } from "./config.ts";
import { namedConfig } from "./named-configs.ts";
import { readModernBertConfig } from "./read-config.ts";
import { writeModernBertConfig } from "./write-config.ts";

const decidedBy: ModelKind<ModernBertConfig>["decidedBy"] = [
  [/layers\.\d+\.attn\.\w+\.bias$/, ["num_hidden_layers", "attention_bias"]],
  [/layers\.\d+\.mlp\.\w+\.bias$/, ["num_hidden_layers", "mlp_bias"]],
  [/norm\.bias$/, ["norm_bias"]],
  [/layers\.\d+\.mlp\.W/, ["num_hidden_layers", "hidden_size", "intermediate_size"]],
  [/layers\.\d+\./, ["num_hidden_layers", "hidden_size"]],
  [/tok_embeddings|^decoder\./, ["vocab_size", "hidden_size"]],
  [/^classifier\./, ["id2label", "hidden_size"]],
  [/./, ["hidden_size"]],
];

type ModelType = ModernBertConfig["modelType"];

function kindOf(modelType: ModelType, related: ModelType): ModelKind<ModernBertConfig> {
  return {
    modelType,
    related: [related],
    basePrefix: "model",
    readConfig: (json, file) => readModernBertConfig(json, file, modelType),
    writeConfig: writeModernBertConfig,
    complete(config) {
      const part = typeof config === "string" ? namedConfig(config) : config;
      if (part.modelType && part.modelType !== modelType) {
        throw new EngineError(
          "fromConfig",
          `the configuration's modelType is "${part.modelType}", but this class is for "${modelType}"`,
          `Pass { ...config, modelType: "${modelType}" }, or use a class of the other kind.`,
        );
      }
      return readModernBertConfig(writeModernBertConfig({ ...part, modelType }), "the configuration", modelType);
    },
    decidedBy,
    tied: [{ target: "decoder.weight", table: "model.embeddings.tok_embeddings.weight" }],
  };
}

/** ModernBERT encoders; a decoder's folder is read on request. */
export const encoderKind: ModelKind<ModernBertConfig> = kindOf("modernbert", "modernbert-decoder");

/** ModernBERT decoders; an encoder's folder is read on request. */
export const decoderKind: ModelKind<ModernBertConfig> = kindOf("modernbert-decoder", "modernbert");
