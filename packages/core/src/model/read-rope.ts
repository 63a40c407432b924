import type { RopeParameters } from "../nn/rope.ts";
import { configError, expectObject, type Json, positive, readFields } from "./config-fields.ts";

/**
 * The rotary embeddings of one type of layer.
 *
 * @param nested `rope_parameters` of the file: per type of layer, or for all
 * @param type the layer type in it; null where a model has only one
 * @param scaling `rope_scaling`, the older key, for all types
 * @param theta the base where `nested` gives none
 */
export function readRope(
  nested: unknown,
  type: string | null,
  scaling: unknown,
  theta: number,
  file: string,
): RopeParameters {
  const outer = nested == null ? {} : expectObject(nested, file, "rope_parameters");
  const inner = type !== null && outer[type] != null ? expectObject(outer[type], file, `rope_parameters.${type}`) : {};
  const old = scaling == null ? {} : expectObject(scaling, file, "rope_scaling");
  const flat = Object.fromEntries(Object.entries(outer).filter(([, value]) => typeof value !== "object"));
  const all: Json = { ...flat, ...inner, ...old };
  const key = nested == null ? "rope_scaling" : type === null ? "rope_parameters" : `rope_parameters.${type}`;

  const number = (name: string, fallback?: number): number => {
    const field = positive(name, fallback ?? 0);
    const value = all[name];
    if (value == null && fallback === undefined) throw configError(file, `${key}.${name}`, value, field.expected);
    try {
      return readFields({ value: field }, all, file).value;
    } catch {
      throw configError(file, `${key}.${name}`, value, field.expected);
    }
  };

  const ropeType: unknown = all.rope_type ?? all.type ?? "default";
  const ropeTheta = number("rope_theta", theta);
  switch (ropeType) {
    case "default":
      return { ropeType: "default", ropeTheta };
    case "linear":
      return { ropeType: "linear", ropeTheta, factor: number("factor") };
    case "llama3": {
      const rope = {
        ropeType: "llama3",
        ropeTheta,
        factor: number("factor"),
        lowFreqFactor: number("low_freq_factor"),
        highFreqFactor: number("high_freq_factor"),
        originalMaxPositionEmbeddings: number("original_max_position_embeddings"),
      } as const;
      if (rope.highFreqFactor <= rope.lowFreqFactor) {
        throw configError(
          file,
          `${key}.high_freq_factor`,
          rope.highFreqFactor,
          `above low_freq_factor = ${rope.lowFreqFactor}`,
        );
      }
      return rope;
    }
    default:
      throw configError(file, `${key}.rope_type`, ropeType, '"default", "linear" or "llama3"');
  }
}

/** As a file has it. */
export function writeRope(rope: RopeParameters): Record<string, unknown> {
  const json: Record<string, unknown> = { rope_type: rope.ropeType, rope_theta: rope.ropeTheta };
  if (rope.ropeType === "default") return json;
  json.factor = rope.factor;
  if (rope.ropeType === "llama3") {
    json.low_freq_factor = rope.lowFreqFactor;
    json.high_freq_factor = rope.highFreqFactor;
    json.original_max_position_embeddings = rope.originalMaxPositionEmbeddings;
  }
  return json;
}
