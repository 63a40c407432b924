import { rotaryFrequencies } from "../ops/rotary.ts";

/** Rotary position embeddings as a configuration describes them. */
export type RopeParameters =
  | { readonly ropeType: "default"; readonly ropeTheta: number }
  /** Positions are divided by `factor`. */
  | { readonly ropeType: "linear"; readonly ropeTheta: number; readonly factor: number }
  /** Slow rotations are divided by `factor`, fast ones are kept, and those between are mixed (Llama 3). */
  | {
      readonly ropeType: "llama3";
      readonly ropeTheta: number;
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositionEmbeddings: number;
    };

const round = Math.fround;

/**
 * The angle per position of each pair of channels, in float32 at each step as transformers computes it.
 *
 * @param dim the head size
 * @returns `[dim / 2]`
 */
export function ropeFrequencies(rope: RopeParameters, dim: number): Float32Array {
  const plain = rotaryFrequencies(dim, rope.ropeTheta);
  if (rope.ropeType === "default") return plain;
  if (rope.ropeType === "linear") return plain.map((frequency) => frequency / rope.factor);
  const { factor, lowFreqFactor: low, highFreqFactor: high, originalMaxPositionEmbeddings: original } = rope;
  return plain.map((frequency) => {
    const wavelength = round((2 * Math.PI) / frequency);
    if (wavelength < original / high) return frequency;
    if (wavelength > original / low) return frequency / factor;
    const share = round(round(round(original / wavelength) - low) / (high - low));
    return round(round(round(1 - share) * frequency) / factor) + round(share * frequency);
  });
}
