/** The runs of trainer.py with our `Trainer`: `node --import ./scripts/typescript.mjs scripts/reference/random/trainer.ts FOLDER`. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EarlyStoppingCallback, parameter, saveWeights, Tensor, Trainer } from "../../../packages/core/src/index.ts";
import { compare } from "./compare.ts";

type Entry = Record<string, number>;
interface Case {
  readonly rows: number;
  readonly args: Record<string, unknown>;
  readonly early: { earlyStoppingPatience: number; earlyStoppingThreshold: number } | null;
  readonly expected: Record<string, unknown> & { history: Entry[]; checkpoints: number[] };
}
type Row = { readonly x: number };

/** (w1 + w2 − x)², as there. */
function twoWeights() {
  const w = parameter(Tensor.zeros([1, 2]));
  const entries = [{ name: "w", tensor: w, parts: null }];
  const model = {
    device: w.device,
    computeDtype: "float32" as const,
    gradientCheckpointing: false,
    entries: () => entries,
    savePretrained: async (folder: string) => {
      const bytes = new Uint8Array(((await w.data()) as Float32Array).buffer);
      await saveWeights(folder, [{ name: "w", dtype: "F32", shape: [1, 2], read: async () => bytes }]);
    },
  };
  const loss = {
    forward: ({ x }: { x: number[] }) => {
      const error = w.sum().sub(Tensor.from(x));
      return error.mul(error).mean();
    },
  };
  return { w, model, loss };
}

const rowsOf = (length: number, x: number) => ({
  length,
  rows: (some: ArrayLike<number>) => Array.from(some, () => ({ x })),
});
const collator = (rows: readonly Row[]) => ({
  x: rows.map(({ x }) => x),
  tokenCount: rows.length,
  sequenceCount: rows.length,
});

/** Entries of one step in one order: losses, evaluations, the end. */
function inOrder(history: readonly Entry[]): Entry[] {
  const kind = (entry: Entry) => ("loss" in entry ? 0 : "eval_loss" in entry ? 1 : 2);
  return [...history].sort((a, b) => a.step! - b.step! || kind(a) - kind(b));
}

await compare<Case>(process.argv[2], async ({ rows, args, early, expected }) => {
  const outputDir = mkdtempSync(join(tmpdir(), "ettin-random-"));
  const { w, model, loss } = twoWeights();
  const evaluates = args.evalStrategy !== "no";
  try {
    const trainer = new Trainer({
      model: model as never,
      loss: loss as never,
      collator: collator as never,
      trainDataset: rowsOf(rows, 1),
      ...(evaluates && { evalDataset: rowsOf(24, 1.5) }),
      ...(early && { callbacks: [new EarlyStoppingCallback(early)] }),
      onNotice: () => {},
      args: { outputDir, report: [], ...args },
    });
    await trainer.train();
    const state = trainer.state as unknown as Record<string, unknown> & { logHistory: Entry[] };
    const places = ["globalStep", "maxSteps", "epoch", "numTrainEpochs", "bestGlobalStep"];
    const keys = new Set(expected.history.flatMap((entry) => Object.keys(entry)));
    const seen = (history: readonly Entry[]) =>
      inOrder(history).map((entry) =>
        Object.fromEntries([...keys].sort().flatMap((key) => (key in entry ? [[key, entry[key]]] : []))),
      );
    const checkpoints = readdirSync(outputDir).flatMap(
      (name) => /^checkpoint-(\d+)$/.exec(name)?.slice(1).map(Number) ?? [],
    );
    return [
      {
        ...Object.fromEntries(places.map((name) => [name, state[name]])),
        history: seen(state.logHistory),
        checkpoints: checkpoints.sort((a, b) => a - b),
      },
      {
        ...Object.fromEntries(places.map((name) => [name, expected[name]])),
        history: seen(expected.history),
        checkpoints: expected.checkpoints,
      },
    ];
  } finally {
    w.dispose();
    rmSync(outputDir, { recursive: true, force: true });
  }
});
