import { activationNames } from "../../nn/activation.ts";
import { checkHeadDim, readShared, sharedKeys, sizeFields, writeShared } from "../config.ts";
import {
  type Fields,
  type Json,
  oneOf,
  positive,
  rate,
  rateOrNull,
  readFields,
  restOf,
  whole,
  writeFields,
} from "../config-fields.ts";
import type { ModelKind } from "../model-kind.ts";
import { refuseName } from "../refuse-name.ts";
import type { BertConfig } from "./config.ts";

type Plain = Omit<
  BertConfig,
  "modelType" | "numKeyValueHeads" | "headDim" | "id2label" | "problemType" | "dtype" | "extra"
>;

const plainFields: Fields<Plain> = {
  ...sizeFields({
    vocabSize: 30522,
    hiddenSize: 768,
    intermediateSize: 3072,
    numHiddenLayers: 12,
    numAttentionHeads: 12,
    maxPositionEmbeddings: 512,
    padTokenId: 0,
    bosTokenId: null,
    eosTokenId: null,
    tieWordEmbeddings: true,
  }),
  typeVocabSize: whole("type_vocab_size", 2),
  hiddenAct: oneOf("hidden_act", "gelu", activationNames),
  initializerRange: positive("initializer_range", 0.02),
  layerNormEps: positive("layer_norm_eps", 1e-12),
  hiddenDropoutProb: rate("hidden_dropout_prob", 0.1),
  attentionProbsDropoutProb: rate("attention_probs_dropout_prob", 0.1),
  classifierDropout: rateOrNull("classifier_dropout"),
};

/** Variants of the architecture that are not made here: their other values are refused. */
const refused = {
  position: oneOf("position_embedding_type", "absolute", ["absolute"]),
  decoder: { key: "is_decoder", fallback: false, accepts: (value: unknown) => value === false, expected: "false" },
};

function readBertConfig(json: Json, file: string): BertConfig {
  const read = readFields(plainFields, json, file);
  readFields(refused, json, file);
  const headDim = read.hiddenSize / read.numAttentionHeads;
  checkHeadDim(headDim, "num_attention_heads", read.numAttentionHeads, file);
  return {
    ...read,
    ...readShared(json, file),
    modelType: "bert",
    numKeyValueHeads: read.numAttentionHeads,
    headDim,
    extra: restOf(json, [...Object.values(plainFields).map((field) => field.key), ...sharedKeys]),
  };
}

function writeBertConfig(config: Partial<BertConfig>): Record<string, unknown> {
  return { ...writeShared(config), ...writeFields(plainFields, config), model_type: "bert" };
}

export const bertKind: ModelKind<BertConfig> = {
  modelType: "bert",
  related: [],
  basePrefix: "bert",
  readConfig: readBertConfig,
  writeConfig: writeBertConfig,
  complete(config) {
    if (typeof config === "string") throw refuseName(config);
    return readBertConfig(writeBertConfig(config), "the configuration");
  },
  decidedBy: [
    [/position_embeddings/, ["max_position_embeddings", "hidden_size"]],
    [/token_type_embeddings/, ["type_vocab_size", "hidden_size"]],
    [/word_embeddings|predictions\.(decoder|bias)/, ["vocab_size", "hidden_size"]],
    [/attention\./, ["num_hidden_layers", "hidden_size"]],
    [/layer\.\d+\./, ["num_hidden_layers", "hidden_size", "intermediate_size"]],
    [/^classifier\./, ["id2label", "hidden_size"]],
    [/./, ["hidden_size"]],
  ],
  tied: [
    { target: "cls.predictions.decoder.weight", table: "bert.embeddings.word_embeddings.weight" },
    { target: "cls.predictions.decoder.bias", table: "cls.predictions.bias" },
  ],
  rename: (name) => name.replace(/LayerNorm\.gamma$/, "LayerNorm.weight").replace(/LayerNorm\.beta$/, "LayerNorm.bias"),
};
