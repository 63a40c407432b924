import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { linear, openCpu, Tensor, tensorScope } from "@ettin/core";

export const name = "Event-loop delay while matrix products run (99th percentile: under 5 ms)";

export async function run({ quick }: { quick: boolean }): Promise<void> {
  const seconds = quick ? 1 : 5;
  const device = openCpu();
  console.log(`  ${device.name}, ${seconds} s each: timers of 1 ms, how late they come\n`);

  print("nothing runs", await delays(() => sleep(1e3 * seconds)));
  // A training step's products; then the smallest, where the compute threads pause between kernels all the time.
  for (const [tokens, out, inner] of [
    [8192, 2304, 768],
    [512, 768, 768],
    [32, 256, 256],
  ] as const) {
    const x = Tensor.ones([tokens, inner], { device });
    const w = Tensor.ones([out, inner], { device });
    let count = 0;
    const histogram = await delays(async () => {
      for (const end = performance.now() + 1e3 * seconds; performance.now() < end; ) {
        // Enough in the queue that the device never waits for JavaScript, little enough to end on time.
        const { read } = tensorScope(() => {
          const products = Math.ceil(2e8 / (tokens * out * inner));
          for (let i = 0; i < products; i++) linear(x, w);
          count += products;
          return { read: Tensor.zeros([1], { device }).data() };
        });
        await read;
      }
    });
    print(`products of ${tokens} × ${inner} by ${inner} × ${out}`, histogram);
    console.log(`${"".padEnd(38)}${count} products, ${gigaflops(count * tokens * out * inner, seconds)} GFLOP/s`);
    x.dispose();
    w.dispose();
  }
  device.backend.close();
}

const gigaflops = (products: number, seconds: number): string => ((2 * products) / seconds / 1e9).toFixed(0);

async function delays(work: () => Promise<void>): Promise<IntervalHistogram> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await work();
  histogram.disable();
  return histogram;
}

function print(what: string, histogram: IntervalHistogram): void {
  const ms = (nanoseconds: number) => `${(nanoseconds / 1e6).toFixed(2)} ms`.padStart(9);
  const [half, most, worst] = [histogram.percentile(50), histogram.percentile(99), histogram.max];
  console.log(`  ${what.padEnd(36)}50 %${ms(half)}   99 %${ms(most)}   worst${ms(worst)}`);
}
