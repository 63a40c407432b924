import {
  AdamW,
  clipGradNorm,
  crossEntropy,
  dropout,
  embedding,
  gelu,
  layerNorm,
  linear,
  liveStorages,
  memoryStats,
  parameter,
  segmentMean,
  Tensor,
  tensorScope,
} from "@ettin/core";

export const name = "Memory over 1,000 training steps of a small network (resident memory grows by less than 5 MB)";

const [words, dim, hidden, classes] = [1000, 64, 256, 10];

/** Numbers below `limit` that look random: the same in every run. */
function draws(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

export async function run({ quick }: { quick: boolean }): Promise<void> {
  const draw = draws(1);
  const make = (...shape: number[]) => {
    const size = shape.reduce((product, n) => product * n, 1);
    return parameter(
      Tensor.from(
        Float32Array.from({ length: size }, () => (draw(2000) - 1000) / 1e4),
        { shape },
      ),
    );
  };
  const table = make(words, dim);
  const [weight, bias] = [make(dim), make(dim)];
  const [up, down] = [make(hidden, dim), make(classes, hidden)];
  const parameters = [table, weight, bias, up, down];
  const optimizer = new AdamW(parameters, { learningRate: 1e-3 });

  /** A batch of 16 texts of 1 to 64 words, so that no two steps ask for the same buffers. The first is the longest. */
  const step = async (number: number): Promise<number> => {
    const offsets = [0];
    for (let text = 0; text < 16; text++) offsets.push(offsets[text]! + (number === 1 ? 64 : 1 + draw(64)));
    const ids = Int32Array.from({ length: offsets[16]! }, () => draw(words));
    const { read } = tensorScope(() => {
      const x = layerNorm(embedding(table, Tensor.from(ids)), weight, bias);
      const inner = dropout(gelu(linear(x, up)), { rate: 0.1, seed: 1, step: number, site: 0 });
      const pooled = segmentMean(inner, Tensor.from(Int32Array.from(offsets)));
      const classOf = Int32Array.from({ length: 16 }, (_, text) => ids[offsets[text]!]! % classes); // of its first word
      const loss = crossEntropy(linear(pooled, down), Tensor.from(classOf));
      loss.backward();
      const norm = clipGradNorm(parameters, 1);
      optimizer.step(undefined, norm);
      optimizer.zeroGrad();
      return { read: loss.item() };
    });
    return read;
  };

  const steps = quick ? 100 : 1000;
  const at = new Map<number, { current: number; resident: number }>();
  console.log("     step      current  live storages     reserved     resident    loss");
  for (let number = 1; number <= steps; number++) {
    const loss = await step(number);
    if (![10, 100, 200, 500, 1000].includes(number)) continue;
    globalThis.gc?.();
    const { current, reserved } = memoryStats();
    const resident = process.memoryUsage.rss();
    at.set(number, { current, resident });
    console.log(
      `  ${`${number}`.padStart(7)}${kilobytes(current)}${`${liveStorages()}`.padStart(15)}${kilobytes(reserved)}${kilobytes(resident)}    ${loss.toFixed(4)}`,
    );
  }
  const [first, last] = [at.get(10)!, at.get(steps)!];
  const same = first.current === last.current ? "equals" : "DIFFERS FROM";
  const growth = (last.resident - first.resident) / 1e6;
  console.log(
    `\n  current after step ${steps} ${same} that after step 10; resident memory grew by ${growth.toFixed(2)} MB`,
  );
}

const kilobytes = (bytes: number): string => `${(bytes / 1e3).toFixed(1)} KB`.padStart(13);
