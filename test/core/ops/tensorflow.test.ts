/**
 * Our ops against TensorFlow.js, an implementation that shares nothing with ours, on random shapes: forward, and the
 * gradient where TensorFlow.js has one.
 */
import * as ettin from "@ettin/core";
import { type Tensor, tensorScope } from "@ettin/core";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, describe, expect, test } from "vitest";
import { type Array64, generator, normal, uniform } from "../../support/array64.ts";
import { expectClose } from "../../support/check-op.ts";

type Shape = number[];
type Draw = (low: number, high: number) => number;

interface Case {
  /** Shapes of the float inputs, drawn anew in every round. */
  readonly shapes: (draw: Draw) => Shape[];
  readonly ours: (...inputs: Tensor[]) => Tensor;
  readonly theirs: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** @default standard normal */
  readonly values?: (shape: Shape, seed: number) => Array64;
  /** @default true */
  readonly gradient?: boolean;
}

const ids = (values: readonly number[]): Tensor => ettin.Tensor.from(Int32Array.from(values));
/** Whole numbers below `limit` that only depend on `count`. */
const someIds = (count: number, limit: number): number[] => {
  const next = generator(count + 31 * limit);
  return Array.from({ length: count }, () => Math.floor(next() * limit));
};
const positive = (shape: Shape, seed: number): Array64 => uniform(shape, 0.1, 3, seed);
const matrix = (draw: Draw): Shape[] => [[draw(1, 40), draw(1, 40)]];
const anyRank = (draw: Draw): Shape[] => [Array.from({ length: draw(1, 4) }, () => draw(1, 9))];

/** Two shapes that broadcast: sizes of the second are the first's or 1, and leading ones may be missing. */
const broadcast = (draw: Draw): Shape[] => {
  const [shape] = anyRank(draw) as [Shape];
  return [shape, shape.map((size) => (draw(0, 2) ? size : 1)).slice(draw(0, shape.length))];
};

const unary = (ours: (x: Tensor) => Tensor, theirs: (x: tf.Tensor) => tf.Tensor, values?: Case["values"]): Case => ({
  shapes: anyRank,
  ours,
  theirs,
  ...(values && { values }),
});

const cases: Record<string, Case> = {
  add: { shapes: broadcast, ours: ettin.add, theirs: tf.add },
  sub: { shapes: broadcast, ours: ettin.sub, theirs: tf.sub },
  mul: { shapes: broadcast, ours: ettin.mul, theirs: tf.mul },
  div: { shapes: broadcast, ours: ettin.div, theirs: tf.div, values: positive },

  relu: unary(ettin.relu, tf.relu),
  sigmoid: unary(ettin.sigmoid, tf.sigmoid),
  tanh: unary(ettin.tanh, tf.tanh),
  exp: unary(ettin.exp, tf.exp),
  log: unary(ettin.log, tf.log, positive),
  log1p: unary(ettin.log1p, tf.log1p, positive),
  sqrt: unary(ettin.sqrt, tf.sqrt, positive),
  softplus: unary(ettin.softplus, tf.softplus),
  silu: unary(ettin.silu, (x) => tf.mul(x, tf.sigmoid(x))),
  "gelu from erf": unary(ettin.gelu, (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1))),

  "geglu from gelu of one half times the other": {
    shapes: (draw) => [[draw(1, 20), 2 * draw(1, 20)]],
    ours: ettin.geglu,
    theirs: (x) => {
      const [a, b] = tf.split(x, 2, 1) as [tf.Tensor, tf.Tensor];
      return tf.mul(tf.mul(tf.mul(a, 0.5), tf.add(tf.erf(tf.mul(a, Math.SQRT1_2)), 1)), b);
    },
  },
  "sum over the last axis": { shapes: anyRank, ours: (x) => ettin.sum(x, -1), theirs: (x) => tf.sum(x, -1) },
  "sum over the first axis": { shapes: anyRank, ours: (x) => ettin.sum(x, 0), theirs: (x) => tf.sum(x, 0) },
  "mean of all": { shapes: anyRank, ours: (x) => ettin.mean(x), theirs: (x) => tf.mean(x) },
  "mean over the first axis": { shapes: anyRank, ours: (x) => ettin.mean(x, 0), theirs: (x) => tf.mean(x, 0) },
  "max over the last axis": { shapes: anyRank, ours: (x) => ettin.max(x, -1), theirs: (x) => tf.max(x, -1) },
  "max over the first axis": { shapes: matrix, ours: (x) => ettin.max(x, 0), theirs: (x) => tf.max(x, 0) },
  logsumexp: { shapes: matrix, ours: (x) => ettin.logsumexp(x), theirs: (x) => tf.logSumExp(x, -1) },
  "logsumexp over the first axis": {
    shapes: matrix,
    ours: (x) => ettin.logsumexp(x, 0),
    theirs: (x) => tf.logSumExp(x, 0),
  },
  softmax: { shapes: anyRank, ours: (x) => ettin.softmax(x), theirs: (x) => tf.softmax(x) },
  logSoftmax: { shapes: anyRank, ours: (x) => ettin.logSoftmax(x), theirs: (x) => tf.logSoftmax(x) },
  "topK's values": {
    shapes: matrix,
    ours: (x) => ettin.topK(x, Math.ceil(x.shape[1]! / 2)).values,
    theirs: (x) => tf.topk(x, Math.ceil(x.shape[1]! / 2)).values,
    gradient: false,
  },
  "topK's indices": {
    shapes: matrix,
    ours: (x) => ettin.topK(x, x.shape[1]!).indices,
    theirs: (x) => tf.topk(x, x.shape[1]).indices,
    gradient: false,
  },

  matmul: {
    shapes: (draw) => {
      const k = draw(1, 50);
      return [
        [draw(1, 50), k],
        [k, draw(1, 50)],
      ];
    },
    ours: (a, b) => ettin.matmul(a, b),
    theirs: (a, b) => tf.matMul(a, b),
  },
  "matmul, both transposed, in batches": {
    shapes: (draw) => {
      const [batch, k] = [draw(1, 5), draw(1, 30)];
      return [
        [batch, k, draw(1, 30)],
        [batch, draw(1, 30), k],
      ];
    },
    ours: (a, b) => ettin.matmul(a, b, { transposeA: true, transposeB: true }),
    theirs: (a, b) => tf.matMul(a, b, true, true),
  },
  "matmul of batches with one matrix": {
    shapes: (draw) => {
      const k = draw(1, 30);
      return [
        [draw(2, 5), draw(1, 30), k],
        [1, k, draw(1, 30)],
      ];
    },
    ours: (a, b) => ettin.matmul(a, b),
    theirs: (a, b) => tf.matMul(a!, tf.tile(b!, [a!.shape[0]!, 1, 1])), // its own broadcasting has no gradient
  },
  "linear with bias": {
    shapes: (draw) => {
      const [k, n] = [draw(1, 50), draw(1, 50)];
      return [[draw(1, 40), k], [n, k], [n]];
    },
    ours: ettin.linear,
    theirs: (x, w, bias) => tf.add(tf.matMul(x!, w!, false, true), bias!),
  },
  "embedding from one-hot rows": {
    shapes: (draw) => [[draw(2, 30), draw(1, 20)]],
    ours: (w) => ettin.embedding(w, ids(someIds(25, w.shape[0]!))),
    theirs: (w) =>
      tf.matMul(tf.oneHot(tf.tensor1d(someIds(25, w.shape[0]!), "int32"), w.shape[0]!, 1, 0, "float32"), w),
  },
  gather: {
    shapes: matrix,
    ours: (x) => ettin.gather(x, ids(someIds(12, x.shape[0]!))),
    theirs: (x) => tf.gather(x, tf.tensor1d(someIds(12, x.shape[0]!), "int32")),
  },
  scatterAdd: {
    shapes: matrix,
    ours: (x) => ettin.scatterAdd(x, ids(someIds(x.shape[0]!, 6)), 6),
    theirs: (x) => tf.unsortedSegmentSum(x, tf.tensor1d(someIds(x.shape[0]!, 6), "int32"), 6),
  },
  concat: {
    shapes: (draw) => {
      const rows = draw(1, 9);
      return [
        [rows, draw(1, 9)],
        [rows, draw(1, 9)],
        [rows, draw(1, 9)],
      ];
    },
    ours: (...xs) => ettin.concat(xs, 1),
    theirs: (...xs) => tf.concat(xs, 1),
  },
  slice: {
    shapes: (draw) => [[draw(3, 20), draw(1, 9)]],
    ours: (x) => ettin.slice(x, 1, x.shape[0]! - 1),
    theirs: (x) => tf.slice(x, [1, 0], [x.shape[0]! - 2, x.shape[1]!]),
  },
  "transpose, then reshape": {
    shapes: matrix,
    ours: (x) => ettin.reshape(ettin.transpose(x, 0, 1), [-1]),
    theirs: (x) => tf.reshape(tf.transpose(x), [-1]),
  },
  "where, as the larger of two": {
    shapes: (draw) => {
      const shape = anyRank(draw)[0]!;
      return [shape, shape];
    },
    ours: (a, b) => ettin.where(ettin.greater(a, b), a, b),
    theirs: tf.maximum, // its comparison has no gradient
  },
  "layerNorm from mean and variance": {
    shapes: (draw) => {
      const dim = draw(2, 60);
      return [[draw(1, 30), dim], [dim], [dim]];
    },
    ours: (x, weight, bias) => ettin.layerNorm(x!, weight!, bias!),
    theirs: (x, weight, bias) => {
      const { mean, variance } = tf.moments(x!, -1, true);
      return tf.add(tf.mul(tf.div(tf.sub(x!, mean), tf.sqrt(tf.add(variance, 1e-5))), weight!), bias!);
    },
  },
  "l2Normalize from its norm": {
    shapes: (draw) => [[draw(1, 20), draw(1, 40)]],
    ours: (x) => ettin.l2Normalize(x),
    theirs: (x) => tf.div(x, tf.sqrt(tf.sum(tf.square(x), -1, true))),
  },
  "crossEntropy from one-hot targets": {
    shapes: (draw) => [[draw(1, 30), draw(2, 40)]],
    ours: (x) => ettin.crossEntropy(x, ids(someIds(x.shape[0]!, x.shape[1]!))),
    theirs: (x) => {
      const targets = tf.tensor1d(someIds(x.shape[0]!, x.shape[1]!), "int32");
      const chosen = tf.mul(tf.oneHot(targets, x.shape[1]!, 1, 0, "float32"), tf.logSoftmax(x));
      return tf.neg(tf.mean(tf.sum(chosen, -1)));
    },
  },
};

async function runOurs({ ours, gradient = true }: Case, inputs: readonly Array64[], dy: (shape: Shape) => Array64) {
  const reads = tensorScope(() => {
    const make = (x: Array64, requiresGrad: boolean) =>
      ettin.Tensor.from(Float32Array.from(x.data), { shape: x.shape, requiresGrad });
    const tensors = inputs.map((x) => make(x, gradient));
    const y = ours(...tensors);
    if (gradient) y.backward({ gradient: make(dy([...y.shape]), false) });
    return { shape: y.shape, y: y.data(), gradients: gradient ? tensors.map((x) => x.grad!.data()) : [] };
  });
  return { shape: [...reads.shape], y: await reads.y, gradients: await Promise.all(reads.gradients) };
}

function runTheirs({ theirs, gradient = true }: Case, inputs: readonly Array64[], dy: (shape: Shape) => Array64) {
  return tf.tidy(() => {
    const make = (x: Array64) => tf.tensor(Float32Array.from(x.data), [...x.shape]);
    const tensors = inputs.map(make);
    const y = theirs(...tensors);
    const gradients = gradient ? tf.grads((...xs: tf.Tensor[]) => theirs(...xs))(tensors, make(dy(y.shape))) : [];
    return { shape: y.shape, y: y.dataSync(), gradients: gradients.map((g) => g.dataSync()) };
  });
}

describe("agrees with TensorFlow.js on random shapes", () => {
  beforeAll(async () => {
    tf.env().set("IS_TEST", true); // no banner
    await tf.setBackend("cpu");
  });

  test.each(Object.entries(cases))("%s", async (_, check) => {
    for (let round = 1; round <= 4; round++) {
      const next = generator(round);
      const draw: Draw = (low, high) => low + Math.floor(next() * (high - low + 1));
      const inputs = check.shapes(draw).map((shape, i) => (check.values ?? normal)(shape, 10 * round + i));
      const dy = (shape: Shape) => normal(shape, 77);
      const [ours, theirs] = [await runOurs(check, inputs, dy), runTheirs(check, inputs, dy)];

      const where = inputs.map(({ shape }) => `[${shape.join(", ")}]`).join(" ");
      expect(ours.shape, where).toEqual(theirs.shape);
      expectClose(ours.y, theirs.y, 1e-5, `${where}: forward`);
      for (const [i, gradient] of theirs.gradients.entries()) {
        const scale = Math.max(0.1, ...gradient.map(Math.abs));
        expectClose(ours.gradients[i]!, gradient, 1e-5, `${where}: gradient of input ${i}`, scale);
      }
    }
  });
});
