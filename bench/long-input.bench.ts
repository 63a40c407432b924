import { ModernBertModel, memoryStats, noGrad, openCpu, packTokens, synchronize, tensorScope } from "@ettin/core";

export const name = "Memory of one long text through the 150m encoder (linear in tokens)";

const LENGTHS = [1024, 2048, 4096, 8192];

interface Row {
  readonly tokens: number;
  /** Bytes beside the weights, at most. */
  readonly beside: number;
  readonly seconds: number;
}

export async function run({ quick }: { quick: boolean }): Promise<void> {
  const device = openCpu();
  const lengths = quick ? LENGTHS.slice(0, 2) : LENGTHS;
  console.log(`  ${device.name}; megabytes beside the weights at the peak, and per 1,024 tokens`);
  for (const dtype of ["float32", "bfloat16"] as const) {
    const own = openCpu(); // a peak of its own
    const model = ModernBertModel.fromConfig("ettin-encoder-150m", { dtype, device: own, seed: 1 });
    // The published models were trained on 7,999 tokens; the shape takes any number.
    const config = { ...model.config, maxPositionEmbeddings: LENGTHS.at(-1)! };
    model.dispose();
    const long = ModernBertModel.fromConfig(config, { dtype, device: own, seed: 1 });
    await synchronize(own);
    const weights = memoryStats(own).current;
    const rows: Row[] = [];
    for (const tokens of lengths) {
      const ids = Int32Array.from({ length: tokens }, (_, i) => (i * 7919) % config.vocabSize);
      const start = performance.now();
      await tensorScope(() => [noGrad(() => long.forward(packTokens([ids]))).data()])[0];
      const { peak, scratchPeak } = memoryStats(own);
      rows.push({ tokens, beside: peak - weights + scratchPeak, seconds: (performance.now() - start) / 1e3 });
    }
    for (const { tokens, beside, seconds } of rows) {
      const each = beside / (tokens / 1024);
      console.log(
        `  ${dtype.padEnd(9)}${`${tokens}`.padStart(6)} tokens ${megabytes(beside)} ${megabytes(each)} ${seconds.toFixed(2).padStart(8)} s`,
      );
    }
    const growth = rows.at(-1)!.beside / rows[0]!.beside / (rows.at(-1)!.tokens / rows[0]!.tokens);
    console.log(
      `  ${dtype}: ${lengths.at(-1)! / lengths[0]!}× the tokens take ${growth.toFixed(2)} of that many times the memory`,
    );
    long.dispose();
    own.backend.close();
  }
  device.backend.close();
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`.padStart(11);
