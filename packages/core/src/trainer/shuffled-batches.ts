import { uniformGenerator } from "../tensor/random.ts";
import type { BatchSource } from "./collator.ts";

/** A new random order each epoch, cut into batches. */
export function shuffledBatches(rows: number, batchSize: number, seed: number, dropLast: boolean): BatchSource {
  const batchesPerEpoch = dropLast ? Math.floor(rows / batchSize) : Math.ceil(rows / batchSize);
  return {
    batchesPerEpoch,
    *batches(epoch) {
      const uniform = uniformGenerator(seed + epoch);
      const order = Int32Array.from({ length: rows }, (_, i) => i);
      for (let i = rows - 1; i > 0; i--) {
        const j = Math.floor(uniform() * (i + 1));
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
      for (let b = 0; b < batchesPerEpoch; b++) yield Array.from(order.subarray(b * batchSize, (b + 1) * batchSize));
    },
  };
}
