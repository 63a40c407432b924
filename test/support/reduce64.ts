import { type Array64, array64, sizeOf } from "./array64.ts";

/** Reduces axes of a float64 array: `of` gets the elements that meet in one place, in order. */
export function reduce64(
  x: Array64,
  axes: number | readonly number[] | undefined,
  of: (values: number[]) => number,
): Array64 {
  const dims = x.shape.length;
  const listed = axes === undefined ? x.shape.map((_, d) => d) : typeof axes === "number" ? [axes] : axes;
  const reduced = new Set(listed.map((axis) => (axis + dims) % dims));
  const kept = x.shape.map((_, d) => d).filter((d) => !reduced.has(d));
  const shape = kept.map((d) => x.shape[d]!);
  const groups: number[][] = Array.from({ length: sizeOf(shape) }, () => []);
  for (const [i, value] of x.data.entries()) {
    let rest = i;
    const index = new Array<number>(dims);
    for (let d = dims - 1; d >= 0; d--) {
      index[d] = rest % x.shape[d]!;
      rest = Math.floor(rest / x.shape[d]!);
    }
    groups[kept.reduce((at, d) => at * x.shape[d]! + index[d]!, 0)]!.push(value);
  }
  return array64(shape, (i) => of(groups[i]!));
}

/** Replaces the elements along one axis by as many others. */
export function along64(x: Array64, axis: number, of: (values: number[]) => number[]): Array64 {
  const dims = x.shape.length;
  const d = (axis + dims) % dims;
  const n = x.shape[d]!;
  const inner = sizeOf(x.shape.slice(d + 1));
  const y = array64(x.shape);
  for (let start = 0; start < x.data.length; start += n * inner) {
    for (let i = start; i < start + inner; i++) {
      of(Array.from({ length: n }, (_, k) => x.data[i + k * inner]!)).forEach((value, k) => {
        y.data[i + k * inner] = value;
      });
    }
  }
  return y;
}

export const softmax64 = (x: readonly number[]): number[] => {
  const shift = Math.max(...x);
  const powers = x.map((value) => Math.exp(value - shift));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
};

export const logsumexp64 = (x: readonly number[]): number => {
  const shift = Math.max(...x);
  return shift + Math.log(x.reduce((total, value) => total + Math.exp(value - shift), 0));
};
