import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { attention, type Device, openCpu, Tensor, tensorScope } from "@ettin/core";
import { median, Peak } from "./support/peak.ts";

export const name = "Attention, forward and backward: 12 heads of 64";

const HEADS = 12;
const DIM = 64;
const ENCODER_WINDOW = [64, 64] as const;

interface Work {
  readonly name: string;
  /** Batches; each is one call, and in PyTorch one padded tensor. */
  readonly batches: readonly (readonly number[])[];
  readonly window?: readonly [number, number];
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Real passages in batches of 32, sorted by length and cut at 512 tokens as encoders do; every `step`-th batch. */
function realBatches(step: number): number[][] {
  const { lengths } = JSON.parse(readFileSync(here("data/lengths.json"), "utf8")) as { lengths: number[] };
  const sorted = lengths.map((n) => Math.min(n, 512)).sort((a, b) => a - b);
  const batches = Array.from({ length: Math.ceil(sorted.length / 32) }, (_, i) => sorted.slice(32 * i, 32 * i + 32));
  return batches.filter((_, i) => i % step === 0);
}

/** Multiplies and adds of the two products forward and the five backward, over the pairs that are seen. */
function operations({ batches, window }: Work): number {
  let pairs = 0;
  for (const n of batches.flat()) {
    for (let i = 0; i < n; i++) {
      const [left, right] = window ?? [n, n];
      pairs += Math.min(n, i + right + 1) - Math.max(0, i - left);
    }
  }
  return 14 * pairs * DIM * HEADS;
}

/** One batch on our side: q, k and v [tokens, heads, dim], already projected and rotated, as leaves. */
class Ours {
  private readonly leaves: readonly [Tensor, Tensor, Tensor];
  private readonly dy: Tensor;
  private readonly offsets: Tensor;

  private readonly device: Device;
  private readonly window: readonly [number, number] | undefined;

  constructor(device: Device, dtype: "float32" | "bfloat16", lengths: readonly number[], { window }: Work) {
    this.device = device;
    this.window = window;
    const offsets = [0];
    for (const n of lengths) offsets.push(offsets.at(-1)! + n);
    const shape = [offsets.at(-1)!, HEADS, DIM];
    const random = (requiresGrad: boolean) =>
      Tensor.from(
        Float32Array.from({ length: shape[0]! * HEADS * DIM }, () => 3.46 * (Math.random() - 0.5)), // variance 1
        { shape, device, dtype, requiresGrad },
      );
    this.leaves = [random(true), random(true), random(true)];
    this.dy = random(false);
    this.offsets = Tensor.from(Int32Array.from(offsets), { device });
  }

  async run(): Promise<number> {
    await this.device.backend.synchronize();
    const begin = performance.now();
    tensorScope(() => {
      const y = attention(...this.leaves, {
        queryOffsets: this.offsets,
        keyOffsets: this.offsets,
        ...(this.window && { window: this.window }),
      });
      y.backward({ gradient: this.dy });
    });
    await this.device.backend.synchronize();
    const took = performance.now() - begin;
    for (const leaf of this.leaves) leaf.zeroGrad();
    return took;
  }

  dispose(): void {
    for (const tensor of [...this.leaves, this.dy, this.offsets]) tensor.dispose();
  }
}

/** bench/peers/attention.py in a process that stays, so that the two sides can take turns. */
class Peer {
  private readonly process;
  private readonly answers: AsyncIterator<string>;

  private constructor() {
    const python = process.env.ETTIN_PYTHON ?? "python3";
    this.process = spawn(python, [here("peers/attention.py")], { stdio: ["pipe", "pipe", "ignore"] });
    this.process.on("error", () => {});
    this.process.stdin.on("error", () => {});
    this.answers = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  /** Null, after saying so, where there is no PyTorch. */
  static async open(): Promise<Peer | null> {
    const peer = new Peer();
    if (await peer.ask({ dtype: "float32", lengths: [2], repeats: 1 })) return peer;
    console.log("PyTorch: skipped, not installed. Set ETTIN_PYTHON to a Python that has it.\n");
    return null;
  }

  async ask(task: object): Promise<number[] | null> {
    this.process.stdin.write(`${JSON.stringify({ heads: HEADS, dim: DIM, threads: 2, ...task })}\n`);
    const { value, done } = await this.answers.next();
    return done ? null : (JSON.parse(value) as { ms: number[] }).ms;
  }

  close(): void {
    this.process.kill();
  }
}

export async function run({ quick }: { quick: boolean }): Promise<void> {
  const repeat = (n: number, length: number) => [Array.from({ length: n }, () => length)];
  const works: Work[] = [
    { name: "global, 16 × 128", batches: repeat(16, 128) },
    { name: "global, 4 × 512", batches: repeat(4, 512) },
    { name: "global, 2 × 1024", batches: repeat(2, 1024) },
    { name: "window 64 + 64, 2 × 1024", batches: repeat(2, 1024), window: ENCODER_WINDOW },
    { name: "window 64 + 64, 1 × 8192", batches: repeat(1, 8192), window: ENCODER_WINDOW },
    { name: "global, real lengths", batches: realBatches(quick ? 8 : 3) },
    { name: "window 64 + 64, real lengths", batches: realBatches(quick ? 8 : 3), window: ENCODER_WINDOW },
  ];
  const rounds = quick ? 3 : 7;

  const device = openCpu({ threads: 2 });
  console.log(device.name);
  const peer = await Peer.open();
  console.log(
    [
      "Ours: attention() and its backward pass, packed sequences. PyTorch: scaled_dot_product_attention and backward on",
      "padded batches with a mask where there is padding or a window. On both sides q, k and v are given, projected and",
      `rotated. Turns alternate; medians of ${rounds}. Share: of the dtype's peak, over the multiply-adds of pairs that are seen.\n`,
    ].join("\n"),
  );
  console.log(`${"".padEnd(30)} ${"dtype".padEnd(9)} µs/token  share   PyTorch µs/token  times`);

  for (const dtype of ["float32", "bfloat16"] as const) {
    const peak = new Peak(device, 2, dtype === "bfloat16");
    await peak.settled();
    for (const work of works) {
      const tokens = work.batches.flat().reduce((a, b) => a + b, 0);
      let [ours, theirs] = [0, 0];
      const peaks: number[] = [];
      // PyTorch computes all pairs of 8192 tokens: seconds
      const peerTurns = !work.batches.flat().includes(8192) ? rounds : quick ? 0 : 1;
      for (const lengths of work.batches) {
        const batch = new Ours(device, dtype, lengths, work);
        await batch.run();
        const [a, b]: [number[], number[]] = [[], []];
        for (let i = 0; i < rounds; i++) {
          peaks.push(await peak.slice());
          a.push(await batch.run());
          peaks.push(await peak.slice());
          if (i >= peerTurns) continue;
          const answer = await peer?.ask({ dtype, lengths, window: work.window ?? null, repeats: 1 });
          if (answer) b.push(...answer);
        }
        batch.dispose();
        ours += median(a);
        if (b.length > 0) theirs += median(b);
      }
      const share = (100 * operations(work)) / (ours / 1e3) / median(peaks);
      const perToken = (ms: number) => ((1e3 * ms) / tokens).toFixed(2);
      console.log(
        `${work.name.padEnd(30)} ${dtype.padEnd(9)} ${perToken(ours).padStart(8)} ${`${share.toFixed(0)} %`.padStart(6)}` +
          (theirs > 0 ? `   ${perToken(theirs).padStart(16)}  ${(theirs / ours).toFixed(2).padStart(5)}` : ""),
      );
    }
  }
  peer?.close();
  device.backend.close();
}
