/** Attention over packed sequences in float64, forward and backward: the plain loops that define the ops. */
import { type Array64, array64 } from "./array64.ts";

export interface Mask64 {
  readonly causal?: boolean;
  readonly window?: readonly [number, number];
  readonly scale?: number;
  /** What remains of probability [head, query row, key row] by dropout: 0, or 1 / (1 − rate). */
  readonly kept?: (head: number, query: number, key: number) => number;
}

export function offsetsOf(lengths: readonly number[]): number[] {
  const offsets = [0];
  for (const n of lengths) offsets.push(offsets.at(-1)! + n);
  return offsets;
}

/** Whether query `i` of `n` sees key `j` of `m`. */
export function sees(i: number, j: number, n: number, m: number, { causal, window = [-1, -1] }: Mask64): boolean {
  const place = i + m - n;
  const [left, right] = window;
  return (left < 0 || j >= place - left) && (right < 0 || j <= place + right) && !(causal && j > place);
}

interface Result {
  y: Array64;
  backward(dy: Array64): { dq: Array64; dk: Array64; dv: Array64 };
}

/** @param q `[queries, heads, dim]`; k, v `[keys, kvHeads, dim]` */
export function attention64(
  q: Array64,
  k: Array64,
  v: Array64,
  queryOffsets: readonly number[],
  keyOffsets: readonly number[],
  mask: Mask64,
): Result {
  const [, heads, dim] = q.shape as [number, number, number];
  const kvHeads = k.shape[1]!;
  const scale = mask.scale ?? 1 / Math.sqrt(dim);
  const y = array64(q.shape);
  const rows: { t: number; h: number; kv: number; keys: number[]; p: number[]; kept: number[] }[] = [];
  const at = (x: Array64, row: number, head: number) => (row * x.shape[1]! + head) * dim;
  const dot = (a: Array64, i: number, b: Array64, j: number) => {
    let sum = 0;
    for (let d = 0; d < dim; d++) sum += a.data[i + d]! * b.data[j + d]!;
    return sum;
  };
  const axpy = (factor: number, a: Array64, i: number, b: Array64, j: number) => {
    for (let d = 0; d < dim; d++) b.data[j + d]! += factor * a.data[i + d]!;
  };

  for (let b = 0; b + 1 < queryOffsets.length; b++) {
    const [q0, k0] = [queryOffsets[b]!, keyOffsets[b]!];
    const [n, m] = [queryOffsets[b + 1]! - q0, keyOffsets[b + 1]! - k0];
    for (let h = 0; h < heads; h++) {
      const kv = Math.floor(h / (heads / kvHeads));
      for (let i = 0; i < n; i++) {
        const keys: number[] = [];
        for (let j = 0; j < m; j++) if (sees(i, j, n, m, mask)) keys.push(k0 + j);
        const scores = keys.map((key) => scale * dot(q, at(q, q0 + i, h), k, at(k, key, kv)));
        const largest = scores.reduce((a, s) => Math.max(a, s), Number.NEGATIVE_INFINITY);
        const total = scores.reduce((a, s) => a + Math.exp(s - largest), 0);
        const p = scores.map((s) => Math.exp(s - largest) / total);
        const kept = keys.map((key) => mask.kept?.(h, q0 + i, key) ?? 1);
        keys.forEach((key, j) => {
          axpy(p[j]! * kept[j]!, v, at(v, key, kv), y, at(y, q0 + i, h));
        });
        rows.push({ t: q0 + i, h, kv, keys, p, kept });
      }
    }
  }

  const backward = (dy: Array64) => {
    const [dq, dk, dv] = [array64(q.shape), array64(k.shape), array64(v.shape)];
    for (const { t, h, kv, keys, p, kept } of rows) {
      const dp = keys.map((key, j) => kept[j]! * dot(dy, at(dy, t, h), v, at(v, key, kv)));
      const delta = dp.reduce((a, d, j) => a + d * p[j]!, 0);
      keys.forEach((key, j) => {
        const ds = scale * p[j]! * (dp[j]! - delta);
        axpy(p[j]! * kept[j]!, dy, at(dy, t, h), dv, at(dv, key, kv));
        axpy(ds, k, at(k, key, kv), dq, at(dq, t, h));
        axpy(ds, q, at(q, t, h), dk, at(dk, key, kv));
      });
    }
    return { dq, dk, dv };
  };
  return { y, backward };
}

/** Rotates rows `[tokens, heads, dim]`, whose positions count from the sequence's start (or from `starts`). */
export function rotary64(
  x: Array64,
  offsets: readonly number[],
  angle: (position: number, j: number) => number,
  starts: readonly number[] = [],
): Array64 {
  const [, heads, dim] = x.shape as [number, number, number];
  const y = array64(x.shape);
  for (let b = 0; b + 1 < offsets.length; b++) {
    for (let t = offsets[b]!; t < offsets[b + 1]!; t++) {
      for (let h = 0; h < heads; h++) {
        const row = (t * heads + h) * dim;
        for (let j = 0; j < dim / 2; j++) {
          const a = angle((starts[b] ?? 0) + t - offsets[b]!, j);
          const [low, high] = [x.data[row + j]!, x.data[row + j + dim / 2]!];
          y.data[row + j] = low * Math.cos(a) - high * Math.sin(a);
          y.data[row + j + dim / 2] = high * Math.cos(a) + low * Math.sin(a);
        }
      }
    }
  }
  return y;
}
