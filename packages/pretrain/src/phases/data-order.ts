import { type BatchSampler, EngineError, NumpyGenerator } from "@ettin/core";

/**
 * The order in which the recipe's loader reads: in each epoch all rows once, permuted by NumPy's PCG64DXSM with
 * `seed + epoch`, cut into batches; an incomplete last batch is left out.
 *
 * @see https://github.com/mosaicml/streaming
 */
export function recipeOrder(rows: number, batchSize: number, seed: number): BatchSampler {
  const batchesPerEpoch = Math.floor(rows / batchSize);
  if (batchesPerEpoch === 0) {
    throw new EngineError(
      "recipeOrder",
      `there are ${rows} rows, but a batch takes ${batchSize}`,
      "Give it more data, or lower microBatchSize or devices.",
    );
  }
  return {
    batchesPerEpoch,
    *batches(epoch) {
      const order = new NumpyGenerator(seed + epoch, "PCG64DXSM").permutation(rows);
      for (let b = 0; b < batchesPerEpoch; b++) yield Array.from(order.subarray(b * batchSize, (b + 1) * batchSize));
    },
  };
}
