import { linearCrossEntropy, openCpu, Tensor, tensorScope } from "@ettin/core";
import { Peak, shareOfPeak } from "./support/peak.ts";
import { peer } from "./support/peer.ts";

export const name = "Linear + cross-entropy, forward and backward: 2,048 rows, vocabulary 50,368, 768 wide";

export async function run({ quick }: { quick: boolean }): Promise<void> {
  const [rows, vocabulary, dim] = quick ? [256, 50368, 64] : [2048, 50368, 768];
  for (const dtype of ["float32", "bfloat16"] as const) {
    const device = openCpu();
    const { backend } = device;
    const peak = new Peak(device, 2, dtype === "bfloat16");
    console.log(`  peak, 2 threads, ${dtype}: ${((await peak.settled()) / 1e9).toFixed(0)} GFLOP/s`);

    const random = (shape: number[], scale: number, type: "float32" | "bfloat16") =>
      Tensor.from(
        Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => scale * (Math.random() - 0.5)),
        { shape, device, dtype: type, requiresGrad: true },
      );
    const x = random([rows, dim], 2, dtype);
    const weight = random([vocabulary, dim], 0.04, "float32");
    const bias = random([vocabulary], 0, "float32");
    const targets = Tensor.from(
      Int32Array.from({ length: rows }, () => Math.floor(Math.random() * vocabulary)),
      { device },
    );
    const step = () => {
      for (const leaf of [x, weight, bias]) leaf.zeroGrad();
      tensorScope(() => linearCrossEntropy(x, weight, { bias, targets }).backward());
    };

    await backend.synchronize();
    const inputs = backend.memoryStats().current;
    const { seconds, rate, share } = await shareOfPeak(peak, device, 6 * rows * vocabulary * dim, step, { repeats: 3 });
    const stats = backend.memoryStats();
    const gradients = 4 * (vocabulary * dim + vocabulary) + (dtype === "float32" ? 4 : 2) * rows * dim;
    const extra = stats.peak - inputs - gradients + stats.scratchPeak + stats.packed;
    const ms = 1e3 * seconds;
    console.log(
      `  ${dtype}: ${ms.toFixed(0)} ms, ${(rate / 1e9).toFixed(0)} GFLOP/s of three products, ` +
        `${(100 * share).toFixed(0)} % of peak, ${(extra / 1e6).toFixed(1)} MB beside inputs and gradients`,
    );
    backend.close();

    if (dtype === "bfloat16" && !backend.capabilities.bfloat16Products && !quick) {
      console.log(
        "  PyTorch, bfloat16: skipped, it takes minutes a step on a processor without bfloat16 instructions.",
      );
      continue;
    }
    const shape = [rows, vocabulary, dim].map(String);
    const other = peer("heads.py", "linear-cross-entropy", "--dtype", dtype, "--shape", ...shape);
    if (other) {
      const memory = `${other.extra_mb!.toFixed(0)} MB beside them`;
      console.log(`  PyTorch, ${dtype}: ${other.ms!.toFixed(0)} ms, ${memory}; ratio ${(other.ms! / ms).toFixed(2)}`);
    }
  }
}
