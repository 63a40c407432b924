import { activationNames } from "../../nn/activation.ts";
import { checkHeadDim, readShared, sharedKeys, sizeFields } from "../config.ts";
import {
  configError,
  type Fields,
  flag,
  type Json,
  oneOf,
  positive,
  positiveOrNull,
  rate,
  readFields,
  restOf,
  tokenId,
  whole,
} from "../config-fields.ts";
import { readRope } from "../read-rope.ts";
import type { LayerType, ModernBertConfig } from "./config.ts";

type Plain = Omit<
  ModernBertConfig,
  | "modelType"
  | "numKeyValueHeads"
  | "headDim"
  | "slidingWindow"
  | "layerTypes"
  | "ropeParameters"
  | "id2label"
  | "problemType"
  | "dtype"
  | "extra"
>;

/** The keys that stand for themselves. */
export const plainFields: Fields<Plain> = {
  ...sizeFields({
    vocabSize: 50368,
    hiddenSize: 768,
    intermediateSize: 1152,
    numHiddenLayers: 22,
    numAttentionHeads: 12,
    maxPositionEmbeddings: 8192,
    padTokenId: 50283,
    bosTokenId: 50281,
    eosTokenId: 50282,
    tieWordEmbeddings: true,
  }),
  clsTokenId: tokenId("cls_token_id", 50281),
  sepTokenId: tokenId("sep_token_id", 50282),
  hiddenActivation: oneOf("hidden_activation", "gelu", activationNames),
  initializerRange: positive("initializer_range", 0.02),
  initializerCutoffFactor: positiveOrNull("initializer_cutoff_factor", 2),
  normEps: positive("norm_eps", 1e-5),
  normBias: flag("norm_bias", false),
  attentionBias: flag("attention_bias", false),
  mlpBias: flag("mlp_bias", false),
  attentionDropout: rate("attention_dropout", 0),
  embeddingDropout: rate("embedding_dropout", 0),
  mlpDropout: rate("mlp_dropout", 0),
  classifierDropout: rate("classifier_dropout", 0),
  localAttention: whole("local_attention", 128),
  decoderBias: flag("decoder_bias", true),
  classifierBias: flag("classifier_bias", false),
  classifierActivation: oneOf("classifier_activation", "gelu", activationNames),
  classifierPooling: oneOf<"cls" | "mean">("classifier_pooling", "cls", ["cls", "mean"]),
  isCausal: flag("is_causal", true),
};

const derivedKeys = [
  "layer_types",
  "global_attn_every_n_layers",
  "rope_parameters",
  "rope_scaling",
  "global_rope_theta",
  "local_rope_theta",
  "sliding_window",
];

const globalTheta = 160000;
/** Where a file gives none; the decoder's follows transformers 5, not 4.57, which used the global base. */
const localTheta = 10000;

/**
 * Reads a ModernBERT configuration with the keys of transformers 4 or 5, or both.
 *
 * @param file for messages
 * @param as "modernbert-decoder" reads an encoder's file as a decoder's, and the other way round
 */
export function readModernBertConfig(json: Json, file: string, as: ModernBertConfig["modelType"]): ModernBertConfig {
  const read = readFields(plainFields, json, file);
  const { hiddenSize, numAttentionHeads, numHiddenLayers } = read;
  const headDim = hiddenSize / numAttentionHeads;
  checkHeadDim(headDim, "num_attention_heads", numAttentionHeads, file);

  const window = readFields({ sliding: whole("sliding_window", 0, 0) }, json, file).sliding;
  const fromDecoder = json.model_type === "modernbert-decoder";
  const half = json.sliding_window != null ? window : Math.floor(read.localAttention / 2);
  const localAttention =
    json.sliding_window != null && half !== Math.floor(read.localAttention / 2) ? 2 * half : read.localAttention;
  if (half < 1) throw configError(file, "sliding_window", half, "a whole number from 1 on");

  const nested = json.rope_parameters;
  const theta = (key: string) => readFields({ theta: positiveOrNull(key, null) }, json, file).theta;
  const global = theta("global_rope_theta") ?? globalTheta;
  const local = json.local_rope_theta === null ? global : (theta("local_rope_theta") ?? localTheta);
  return {
    ...read,
    ...readShared(json, file),
    modelType: as,
    localAttention,
    slidingWindow: half,
    numKeyValueHeads: numAttentionHeads,
    headDim,
    isCausal: fromDecoder ? read.isCausal : true,
    layerTypes: readLayerTypes(json, file, numHiddenLayers),
    ropeParameters: {
      fullAttention: readRope(nested, "full_attention", json.rope_scaling, global, file),
      slidingAttention: readRope(nested, "sliding_attention", json.rope_scaling, local, file),
    },
    extra: restOf(json, [...Object.values(plainFields).map((field) => field.key), ...sharedKeys, ...derivedKeys]),
  };
}

function readLayerTypes(json: Json, file: string, layers: number): LayerType[] {
  const types = json.layer_types;
  if (types == null) {
    const { every } = readFields({ every: whole("global_attn_every_n_layers", 3) }, json, file);
    return Array.from({ length: layers }, (_, i) => (i % every === 0 ? "full_attention" : "sliding_attention"));
  }
  const known = (type: unknown) => type === "full_attention" || type === "sliding_attention";
  if (!Array.isArray(types) || !types.every(known)) {
    throw configError(file, "layer_types", types, 'a list of "full_attention" and "sliding_attention"');
  }
  if (types.length !== layers) {
    throw configError(
      file,
      "layer_types",
      types,
      `a list of num_hidden_layers = ${layers} entries, not ${types.length}`,
    );
  }
  return [...types];
}
