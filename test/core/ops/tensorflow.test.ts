/** Ops of plain arrays against TensorFlow.js; those of packed sequences are in tensorflow-packed.test.ts. */

import type { Tensor } from "@ettin/core";
import * as ettin from "@ettin/core";
import * as tf from "@tensorflow/tfjs-core";
import { type Array64, map64, normal, uniform } from "../../support/array64.ts";
import { type Case, checkAgainstTensorflow, type Draw, ids, type Shape, someIds } from "../../support/tensorflow.ts";

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

const comparison = {
  shapes: broadcast,
  values: (shape: Shape, seed: number): Array64 => map64(normal(shape, seed), Math.round),
  gradient: false,
};

/** 1 where an index names the column: `[…indices, columns]`. */
const oneHot = (indices: readonly number[], shape: Shape, columns: number): tf.Tensor =>
  tf.oneHot(tf.tensor(indices as number[], shape, "int32"), columns, 1, 0, "float32");

const rmsNorm = (x: tf.Tensor, weight: tf.Tensor): tf.Tensor =>
  tf.mul(tf.div(x, tf.sqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-6))), weight);

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

  "geluTanh from its formula": unary(ettin.geluTanh, (x) => {
    const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.pow(x, 3))));
    return tf.mul(tf.mul(x, 0.5), tf.add(1, tf.tanh(inner)));
  }),
  abs: unary(ettin.abs, tf.abs),
  affine: unary(
    (x) => ettin.affine(x, -1.5, 0.25),
    (x) => tf.add(tf.mul(x, -1.5), 0.25),
  ),
  neg: unary(ettin.neg, tf.neg),
  "equal, of whole numbers": { ...comparison, ours: ettin.equal, theirs: tf.equal },
  "greater, of whole numbers": { ...comparison, ours: ettin.greater, theirs: tf.greater },

  "swiglu from silu of one half times the other": {
    shapes: (draw) => [[draw(1, 20), 2 * draw(1, 20)]],
    ours: ettin.swiglu,
    theirs: (x) => {
      const [a, b] = tf.split(x, 2, 1) as [tf.Tensor, tf.Tensor];
      return tf.mul(tf.mul(a, tf.sigmoid(a)), b);
    },
  },
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
  "addLayerNorm from sum, mean and variance": {
    shapes: (draw) => {
      const [rows, dim] = [draw(1, 30), draw(8, 60)];
      return [[rows, dim], [rows, dim], [dim]];
    },
    ours: (x, residual, weight) => ettin.addLayerNorm(x!, residual!, weight!).y,
    theirs: (x, residual, weight) => {
      const sum = tf.add(x!, residual!);
      const { mean, variance } = tf.moments(sum, -1, true);
      return tf.mul(tf.div(tf.sub(sum, mean), tf.sqrt(tf.add(variance, 1e-5))), weight!);
    },
  },
  "rmsNorm from the mean square": {
    shapes: (draw) => {
      const dim = draw(1, 60);
      return [[draw(1, 30), dim], [dim]];
    },
    ours: (x, weight) => ettin.rmsNorm(x!, weight!),
    theirs: (x, weight) => rmsNorm(x!, weight!),
  },
  "addRmsNorm from sum and mean square": {
    shapes: (draw) => {
      const [rows, dim] = [draw(1, 30), draw(1, 60)];
      return [[rows, dim], [rows, dim], [dim]];
    },
    ours: (x, residual, weight) => ettin.addRmsNorm(x!, residual!, weight!).y,
    theirs: (x, residual, weight) => rmsNorm(tf.add(x!, residual!), weight!),
  },
  "takeAlong from one-hot indices": {
    shapes: (draw) => [[draw(1, 40), draw(2, 40)]],
    ours: (x) => {
      const [rows, columns] = x.shape as [number, number];
      return ettin.takeAlong(x, ids(someIds(3 * rows, columns), [rows, 3]));
    },
    theirs: (x) => {
      const [rows, columns] = x.shape as [number, number];
      return tf.sum(tf.mul(oneHot(someIds(3 * rows, columns), [rows, 3], columns), tf.expandDims(x, 1)), -1);
    },
  },
  "putAlong from one-hot indices": {
    shapes: matrix,
    ours: (x) => ettin.putAlong(x, ids(someIds(x.size, 7), [...x.shape]), 7),
    theirs: (x) => tf.sum(tf.mul(oneHot(someIds(x.size, 7), x.shape, 7), tf.expandDims(x, -1)), 1),
  },
  "diagonal from the identity": {
    shapes: (draw) => {
      const rows = draw(1, 20);
      return [[rows, rows + 2]];
    },
    ours: (x) => ettin.diagonal(x, 1),
    theirs: (x) => {
      const rows = x.shape[0]!;
      return tf.sum(tf.mul(tf.eye(rows), tf.slice(x, [0, 1], [rows, rows])), -1);
    },
  },
  "linearCrossEntropy from one-hot targets": {
    shapes: (draw) => {
      const [dim, words] = [draw(1, 40), draw(2, 60)];
      return [[draw(1, 30), dim], [words, dim], [words]];
    },
    ours: (x, weight, bias) =>
      ettin.linearCrossEntropy(x!, weight!, { targets: ids(someIds(x!.shape[0]!, weight!.shape[0]!)), bias: bias! }),
    theirs: (x, weight, bias) => {
      const [rows, words] = [x!.shape[0]!, weight!.shape[0]!];
      const scores = tf.add(tf.matMul(x!, weight!, false, true), bias!);
      return tf.neg(tf.mean(tf.sum(tf.mul(oneHot(someIds(rows, words), [rows], words), tf.logSoftmax(scores)), -1)));
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

checkAgainstTensorflow(cases);
