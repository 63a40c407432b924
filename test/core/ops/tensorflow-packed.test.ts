/** Ops of packed sequences against TensorFlow.js, one sequence at a time. */
import * as ettin from "@ettin/core";
import * as tf from "@tensorflow/tfjs-core";
import { type Case, checkAgainstTensorflow, type Draw, ids } from "../../support/tensorflow.ts";

/** Where three sequences of so many tokens start; none is empty from three tokens on. */
const startsOf = (tokens: number): number[] => [0, Math.floor(tokens / 3), Math.floor((2 * tokens + 1) / 3), tokens];
const offsets = (tokens: number): ettin.Tensor => ids(startsOf(tokens));

/** The rows of each sequence. */
function sequences(x: tf.Tensor): tf.Tensor[] {
  const starts = startsOf(x.shape[0]!);
  return starts.slice(1).map((end, b) => {
    const rest = x.shape.slice(1);
    return tf.slice(x, [starts[b]!, ...rest.map(() => 0)], [end - starts[b]!, ...rest]);
  });
}

const pooled = (pool: (rows: tf.Tensor) => tf.Tensor) => (x: tf.Tensor) => tf.stack(sequences(x).map(pool));
const tokens = (draw: Draw): number[][] => [[draw(3, 40), draw(1, 40)]];
const pooling = (
  ours: (x: ettin.Tensor, offsets: ettin.Tensor) => ettin.Tensor,
  pool: (x: tf.Tensor) => tf.Tensor,
): Case => ({
  shapes: tokens,
  ours: (x) => ours(x, offsets(x.shape[0]!)),
  theirs: pooled(pool),
});

interface Mask {
  readonly causal?: boolean;
  readonly window?: readonly [number, number];
}

/** softmax(q·kᵀ / √dim + mask)·v per sequence and head; heads of k and v serve several of q. */
function attend(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, { causal = false, window = [-1, -1] }: Mask): tf.Tensor {
  const [, heads, dim] = q.shape as [number, number, number];
  const shared = Array.from({ length: heads }, (_, h) => Math.floor((h * k.shape[1]!) / heads));
  const byHead = (x: tf.Tensor) => tf.transpose(x, [1, 0, 2]);
  const [keys, values] = [sequences(k), sequences(v)];
  const parts = sequences(q).map((one, b) => {
    const [nq, nk] = [one.shape[0]!, keys[b]!.shape[0]!];
    const seen = (i: number, j: number) => {
      const place = i + nk - nq;
      const [left, right] = [window[0] < 0 ? nk : window[0], window[1] < 0 ? nk : window[1]];
      return j >= place - left && j <= place + right && (!causal || j <= place);
    };
    const mask = Array.from({ length: nq }, (_, i) => Array.from({ length: nk }, (_, j) => (seen(i, j) ? 0 : -1e9)));
    const all = (x: tf.Tensor) => tf.gather(byHead(x), shared, 0);
    const scores = tf.div(tf.matMul(byHead(one), all(keys[b]!), false, true), Math.sqrt(dim));
    return byHead(tf.matMul(tf.softmax(tf.add(scores, tf.tensor2d(mask))), all(values[b]!)));
  });
  return tf.concat(parts, 0);
}

/** Each channel of a head's first half and its partner of the second, turned by the token's place in its sequence. */
function rotated(x: tf.Tensor): tf.Tensor {
  const [count, , dim] = x.shape as [number, number, number];
  const starts = startsOf(count);
  const places = starts.slice(1).flatMap((end, b) => Array.from({ length: end - starts[b]! }, (_, i) => i));
  const angles = tf.tensor3d(
    places.map((p) => [Array.from({ length: dim / 2 }, (_, j) => p / 100 ** ((2 * j) / dim))]),
  );
  const [a, b] = tf.split(x, 2, -1) as [tf.Tensor, tf.Tensor];
  const [cos, sin] = [tf.cos(angles), tf.sin(angles)];
  return tf.concat([tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(b, cos), tf.mul(a, sin))], -1);
}

const table = (dim: number): ettin.RotaryTable => ettin.rotaryTable({ positions: 40, dim, base: 100 });

const attention = (mask: Mask, kvHeads: (heads: number) => number, more: number): Case => ({
  shapes: (draw) => {
    const [queries, heads, dim] = [draw(3, 30), 2 * draw(1, 2), 8 * draw(1, 3)];
    const keys = [queries + more, kvHeads(heads), dim];
    return [[queries, heads, dim], keys, keys];
  },
  ours: (q, k, v) =>
    ettin.attention(q!, k!, v!, {
      queryOffsets: offsets(q!.shape[0]!),
      keyOffsets: offsets(k!.shape[0]!),
      ...mask,
    }),
  theirs: (q, k, v) => attend(q!, k!, v!, mask),
});

checkAgainstTensorflow({
  attention: attention({}, (heads) => heads, 0),
  "attention to more keys than queries": attention({}, (heads) => heads, 6),
  "causal attention, key heads shared": attention({ causal: true }, (heads) => heads / 2, 0),
  "attention through a window": attention({ window: [3, 2] }, (heads) => heads, 0),

  "selfAttention, rotated, causal, key heads shared": {
    shapes: (draw) => [[draw(3, 30), 8 * 8 * draw(1, 3)]],
    ours: (qkv) => {
      const [count, width] = qkv.shape as [number, number];
      const options = { heads: 4, kvHeads: 2, causal: true, rotary: table(width / 8) };
      return ettin.selfAttention(qkv, { offsets: offsets(count), ...options });
    },
    theirs: (qkv) => {
      const [count, width] = qkv.shape as [number, number];
      const heads = tf.reshape(qkv, [count, 8, width / 8]);
      const [q, k, v] = tf.split(heads, [4, 2, 2], 1) as [tf.Tensor, tf.Tensor, tf.Tensor];
      return tf.reshape(attend(rotated(q), rotated(k), v, { causal: true }), [count, width / 2]);
    },
  },
  rotary: {
    shapes: (draw) => [[draw(3, 40), draw(1, 4), 2 * draw(1, 20)]],
    ours: (x) => ettin.rotary(x, table(x.shape[2]!), offsets(x.shape[0]!)),
    theirs: rotated,
  },

  segmentMean: pooling(ettin.segmentMean, (x) => tf.mean(x, 0)),
  segmentMax: pooling(ettin.segmentMax, (x) => tf.max(x, 0)),
  segmentFirst: pooling(ettin.segmentFirst, (x) => tf.gather(x, 0)),
  segmentLast: pooling(ettin.segmentLast, (x) => tf.gather(x, x.shape[0]! - 1)),
  segmentWeightedMean: pooling(ettin.segmentWeightedMean, (x) => {
    const weights = tf.range(1, x.shape[0]! + 1);
    return tf.div(tf.sum(tf.mul(x, tf.expandDims(weights, 1)), 0), tf.sum(weights));
  }),
  spladePool: {
    shapes: (draw) => {
      const [dim, words] = [draw(1, 30), draw(1, 50)];
      return [[draw(3, 30), dim], [words, dim], [words]];
    },
    ours: (x, weight, bias) => ettin.spladePool(x!, weight!, offsets(x!.shape[0]!), { bias: bias! }),
    theirs: (x, weight, bias) => {
      const scores = tf.add(tf.matMul(x!, weight!, false, true), bias!);
      return pooled((rows) => tf.max(rows, 0))(tf.log1p(tf.relu(scores)));
    },
  },
  maxSim: {
    shapes: (draw) => {
      const dim = draw(1, 40);
      return [
        [draw(3, 30), dim],
        [draw(3, 40), dim],
      ];
    },
    ours: (queries, documents) =>
      ettin.maxSim(queries!, documents!, offsets(queries!.shape[0]!), offsets(documents!.shape[0]!)),
    theirs: (queries, documents) => {
      const best = (query: tf.Tensor, document: tf.Tensor) =>
        tf.sum(tf.max(tf.matMul(query, document, false, true), -1));
      return tf.stack(
        sequences(queries!).map((query) => tf.stack(sequences(documents!).map((document) => best(query, document)))),
      );
    },
  },
});
