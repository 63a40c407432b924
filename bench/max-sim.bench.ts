import { maxSim, openCpu, Tensor, tensorScope } from "@ettin/core";
import { Peak, shareOfPeak } from "./support/peak.ts";
import { peer } from "./support/peer.ts";

export const name = "MaxSim, forward and backward: 16 queries of 32 tokens, 32 documents of 180, 128 wide";

export async function run(): Promise<void> {
  const [queries, queryTokens, documents, documentTokens, dim] = [16, 32, 32, 180, 128];
  const device = openCpu();
  const peak = new Peak(device, 2);
  console.log(`  peak, 2 threads, float32: ${((await peak.settled()) / 1e9).toFixed(0)} GFLOP/s`);

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

  const { seconds, share } = await shareOfPeak(peak, device, 2 * q.size * documents * documentTokens, () => {
    for (const leaf of [q, d]) leaf.zeroGrad();
    tensorScope(() => maxSim(q, d, qStarts, dStarts).backward({ gradient: dscores }));
  });
  const ms = 1e3 * seconds;
  console.log(`  float32: ${ms.toFixed(2)} ms, ${(100 * share).toFixed(0)} % of peak for its one product`);
  device.backend.close();

  const other = peer("heads.py", "max-sim", "--repeats", "9");
  if (other) console.log(`  PyTorch: ${other.ms!.toFixed(2)} ms; ratio ${(other.ms! / ms).toFixed(2)}`);
}
