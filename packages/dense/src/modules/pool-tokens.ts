import {
  gather,
  mul,
  type PackedTexts,
  segmentFirst,
  segmentLast,
  segmentMax,
  segmentMean,
  segmentWeightedMean,
  Tensor,
  tensorScope,
} from "@ettin/core";

/** How a text's token states become one vector. */
export type PoolingMode = "cls" | "max" | "mean" | "mean_sqrt_len_tokens" | "weightedmean" | "lasttoken";

export const poolingModes: readonly PoolingMode[] = [
  "cls",
  "max",
  "mean",
  "mean_sqrt_len_tokens",
  "weightedmean",
  "lasttoken",
];

/**
 * Pools the token states of packed texts. Rows before a text's start are left out: "cls" is the first row that counts
 * (the text's first where none does), weights of "weightedmean" count from the text's first row. Where nothing counts the
 * other modes give zeros.
 *
 * @param states `[T, D]`
 * @param batch its offsets and, where prompts are left out, its starts
 * @returns `[B, D]`
 */
export function poolTokens(mode: PoolingMode, states: Tensor, batch: PackedTexts): Tensor {
  const { device } = states;
  return tensorScope(() => {
    const offsets = Tensor.from(batch.offsets, { device });
    const starts = batch.starts ? Tensor.from(batch.starts, { device }) : undefined;
    switch (mode) {
      case "mean":
        return segmentMean(states, offsets, { starts });
      case "max":
        return segmentMax(states, offsets, { starts });
      case "mean_sqrt_len_tokens":
        return mul(segmentMean(states, offsets, { starts }), perText(batch, states, Math.sqrt));
      case "cls":
        return batch.starts ? firstSeen(states, batch) : segmentFirst(states, offsets);
      case "lasttoken": {
        const last = segmentLast(states, offsets);
        const gone = batch.starts?.some((start, b) => start >= batch.offsets[b + 1]!);
        return gone
          ? mul(
              last,
              perText(batch, states, (count) => (count > 0 ? 1 : 0)),
            )
          : last;
      }
      case "weightedmean":
        return starts ? weightedFrom(states, batch, offsets, starts) : segmentWeightedMean(states, offsets);
    }
  });
}

/** A number for each text from the tokens that it pools: `[B, 1]` of the states' dtype. */
function perText(
  { offsets, starts }: PackedTexts,
  like: Tensor,
  of: (count: number, skipped: number) => number,
): Tensor {
  const values = Float32Array.from({ length: offsets.length - 1 }, (_, b) => {
    const from = starts?.[b] ?? offsets[b]!;
    return of(Math.max(0, offsets[b + 1]! - from), from - offsets[b]!);
  });
  return Tensor.from(values, { shape: [values.length, 1], device: like.device, dtype: like.dtype });
}

function firstSeen(states: Tensor, { offsets, starts }: PackedTexts): Tensor {
  const counts = Array.from(starts!, (start, b) => (start < offsets[b + 1]! ? start : offsets[b]!));
  const full = counts.every((row, b) => row < offsets[b + 1]!);
  const last = Math.max(0, states.shape[0]! - 1);
  const rows = Int32Array.from(counts, (row) => Math.min(row, last));
  const found = gather(states, Tensor.from(rows, { device: states.device }));
  if (full) return found;
  const batch = { tokens: new Int32Array(0), offsets };
  return mul(
    found,
    perText(batch, states, (count) => (count > 0 ? 1 : 0)),
  );
}

/** Σ w x / Σ w over the rows from `starts` on, with w = 1, 2, 3 … from the text's first row. */
function weightedFrom(states: Tensor, batch: PackedTexts, offsets: Tensor, starts: Tensor): Tensor {
  const weights = new Float32Array(states.shape[0]!);
  for (let b = 0; b + 1 < batch.offsets.length; b++) {
    for (let t = batch.offsets[b]!; t < batch.offsets[b + 1]!; t++) weights[t] = t - batch.offsets[b]! + 1;
  }
  const { device, dtype } = states;
  const weighted = mul(states, Tensor.from(weights, { shape: [weights.length, 1], device, dtype }));
  const mean = segmentMean(weighted, offsets, { starts });
  // n rows whose weights are skipped + 1 … skipped + n add up to n · (skipped + (n + 1) / 2).
  return mul(
    mean,
    perText(batch, states, (count, skipped) => 1 / (skipped + (count + 1) / 2)),
  );
}
