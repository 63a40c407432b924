import { maxSim, openCpu, Tensor, tensorScope } from "@ettin/core";
import { peer } from "./support/peer.ts";

export const name = "MaxSim, forward and backward: 16 queries of 32 tokens, 32 documents of 180, 128 wide";

export async function run(): Promise<void> {
  const [queries, queryTokens, documents, documentTokens, dim] = [16, 32, 32, 180, 128];
  const device = openCpu();
  const { backend } = device;
  const random = (rows: number) =>
    Tensor.from(
      Float32Array.from({ length: rows * dim }, () => Math.random() - 0.5),
      { shape: [rows, dim], device, requiresGrad: true },
    );
  const starts = (count: number, tokens: number) =>
    Tensor.from(
      Int32Array.from({ length: count + 1 }, (_, i) => i * tokens),
      { device },
    );
  const [q, d] = [random(queries * queryTokens), random(documents * documentTokens)];
  const [qStarts, dStarts] = [starts(queries, queryTokens), starts(documents, documentTokens)];
  const dscores = Tensor.ones([queries, documents], { device });

  let best = Infinity;
  for (let i = 0; i < 20; i++) {
    for (const leaf of [q, d]) leaf.zeroGrad();
    const begin = performance.now();
    tensorScope(() => maxSim(q, d, qStarts, dStarts).backward({ gradient: dscores }));
    await backend.synchronize();
    best = Math.min(best, performance.now() - begin);
  }
  const flops = 2 * q.size * documents * documentTokens;
  console.log(`  float32: ${best.toFixed(2)} ms, ${(flops / best / 1e6).toFixed(0)} GFLOP/s of one product`);
  backend.close();
  const other = peer("heads.py", "max-sim", "--repeats", "20");
  if (other) console.log(`  PyTorch: ${other.ms!.toFixed(2)} ms; ratio ${(other.ms! / best).toFixed(2)}`);
}
