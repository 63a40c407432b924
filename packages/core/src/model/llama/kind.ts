import { activationNames } from "../../nn/activation.ts";
import { checkHeadDim, readShared, sharedKeys, sizeFields, writeShared } from "../config.ts";
import {
  configError,
  type Fields,
  flag,
  type Json,
  oneOf,
  positive,
  rate,
  readFields,
  restOf,
  whole,
  writeFields,
} from "../config-fields.ts";
import type { ModelKind } from "../model-kind.ts";
import { readRope, writeRope } from "../read-rope.ts";
import { refuseName } from "../refuse-name.ts";
import type { LlamaConfig } from "./config.ts";

type Plain = Omit<
  LlamaConfig,
  "modelType" | "numKeyValueHeads" | "headDim" | "ropeParameters" | "id2label" | "problemType" | "dtype" | "extra"
>;

const plainFields: Fields<Plain> = {
  ...sizeFields({
    vocabSize: 32000,
    hiddenSize: 4096,
    intermediateSize: 11008,
    numHiddenLayers: 32,
    numAttentionHeads: 32,
    maxPositionEmbeddings: 2048,
    padTokenId: null,
    bosTokenId: 1,
    eosTokenId: 2,
    tieWordEmbeddings: false,
  }),
  hiddenAct: oneOf("hidden_act", "silu", activationNames),
  initializerRange: positive("initializer_range", 0.02),
  rmsNormEps: positive("rms_norm_eps", 1e-6),
  attentionBias: flag("attention_bias", false),
  mlpBias: flag("mlp_bias", false),
  attentionDropout: rate("attention_dropout", 0),
};

const derivedKeys = ["num_key_value_heads", "head_dim", "rope_parameters", "rope_scaling", "rope_theta"];

function readLlamaConfig(json: Json, file: string): LlamaConfig {
  const read = readFields(plainFields, json, file);
  const heads = read.numAttentionHeads;
  const { kvHeads, headDim } = readFields(
    { kvHeads: whole("num_key_value_heads", heads), headDim: whole("head_dim", read.hiddenSize / heads) },
    json,
    file,
  );
  if (heads % kvHeads !== 0) {
    throw configError(file, "num_key_value_heads", kvHeads, `a divisor of num_attention_heads = ${heads}`);
  }
  checkHeadDim(headDim, json.head_dim == null ? "num_attention_heads" : "head_dim", json.head_dim ?? heads, file);
  const { theta } = readFields({ theta: positive("rope_theta", 10000) }, json, file);
  return {
    ...read,
    ...readShared(json, file),
    modelType: "llama",
    numKeyValueHeads: kvHeads,
    headDim,
    ropeParameters: readRope(json.rope_parameters, null, json.rope_scaling, theta, file),
    extra: restOf(json, [...Object.values(plainFields).map((field) => field.key), ...sharedKeys, ...derivedKeys]),
  };
}

function writeLlamaConfig(config: Partial<LlamaConfig>): Record<string, unknown> {
  const json: Record<string, unknown> = { ...writeShared(config), ...writeFields(plainFields, config) };
  json.model_type = "llama";
  if (config.numKeyValueHeads !== undefined) json.num_key_value_heads = config.numKeyValueHeads;
  if (config.headDim !== undefined) json.head_dim = config.headDim;
  if (config.ropeParameters) {
    const { rope_theta, ...scaling } = writeRope(config.ropeParameters);
    json.rope_parameters = { rope_theta, ...scaling };
    json.rope_theta = rope_theta;
    if (config.ropeParameters.ropeType !== "default") json.rope_scaling = scaling;
  }
  return json;
}

export const llamaKind: ModelKind<LlamaConfig> = {
  modelType: "llama",
  related: [],
  basePrefix: "model",
  readConfig: readLlamaConfig,
  writeConfig: writeLlamaConfig,
  complete(config) {
    if (typeof config === "string") throw refuseName(config);
    return readLlamaConfig(writeLlamaConfig(config), "the configuration");
  },
  decidedBy: [
    [/self_attn\.\w+\.bias$/, ["num_hidden_layers", "attention_bias"]],
    [/mlp\.\w+\.bias$/, ["num_hidden_layers", "mlp_bias"]],
    [/self_attn\.[kv]_proj/, ["num_hidden_layers", "hidden_size", "num_key_value_heads", "head_dim"]],
    [/self_attn\./, ["num_hidden_layers", "hidden_size", "num_attention_heads", "head_dim"]],
    [/mlp\./, ["num_hidden_layers", "hidden_size", "intermediate_size"]],
    [/layers\.\d+\./, ["num_hidden_layers", "hidden_size"]],
    [/embed_tokens|lm_head/, ["vocab_size", "hidden_size"]],
    [/./, ["hidden_size"]],
  ],
  tied: [{ target: "lm_head.weight", table: "model.embed_tokens.weight" }],
};
