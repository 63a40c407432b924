import { EngineError, shapeText } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A dimension's number from 0, where negative ones count from the last. */
export function resolveAxis(op: string, x: Tensor, axis: number): number {
  const dims = x.shape.length;
  const resolved = axis < 0 ? axis + dims : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= dims) {
    throw new EngineError(
      op,
      `axis is ${axis}, but x has shape ${shapeText(x.shape)}`,
      dims === 0 ? "A tensor without dimensions has no axis." : `Pass a whole number from ${-dims} to ${dims - 1}.`,
    );
  }
  return resolved;
}

/** What a reduction over some axes works on. */
export interface Reduction {
  /** `[outer, n, inner]`, contiguous; the middle axis is reduced. */
  readonly input: Tensor;
  /** The shape of the result. */
  readonly shape: readonly number[];
  /** How many elements each result takes in. */
  readonly count: number;
  /** Spreads a gradient of the result over x: a view that repeats it. */
  readonly spread: (dy: Tensor) => Tensor;
}

/**
 * Brings the axes of a reduction together, so that one kernel call sees them as one axis and rounds once: a view where
 * they are neighbours, else a copy in which they come last.
 *
 * @param axes one or several, negative ones from the end; undefined for all
 */
export function reduction(
  op: string,
  x: Tensor,
  axes: number | readonly number[] | undefined,
  keepDims: boolean,
): Reduction {
  const listed = axes === undefined ? x.shape.map((_, d) => d) : typeof axes === "number" ? [axes] : axes;
  const reduced = [...new Set(listed.map((axis) => resolveAxis(op, x, axis)))].sort((a, b) => a - b);
  if (reduced.length !== listed.length) {
    throw new EngineError(op, `axes ${shapeText(listed)} name one twice`, "Name each axis once.");
  }
  const kept = x.shape.map((_, d) => d).filter((d) => !reduced.includes(d));
  const size = (dims: readonly number[]) => dims.reduce((product, d) => product * x.shape[d]!, 1);

  const first = reduced[0] ?? 0;
  const neighbours = reduced.every((d, i) => d === first + i);
  const order = neighbours ? x.shape.map((_, d) => d) : [...kept, ...reduced];
  const ordered = x.viewAs(
    order.map((d) => x.shape[d]!),
    order.map((d) => x.strides[d]!),
  );
  const count = size(reduced);
  const outer = neighbours ? size(kept.filter((d) => d < first)) : size(kept);
  const inner = neighbours ? size(kept.filter((d) => d > first)) : 1;

  const { shape: whole } = x;
  const withOnes = whole.map((n, d) => (reduced.includes(d) ? 1 : n));
  return {
    input: contiguous(ordered).viewAs([outer, count, inner]),
    shape: keepDims ? withOnes : kept.map((d) => whole[d]!),
    count,
    spread(dy) {
      let stride = 1;
      const strides = new Array<number>(whole.length).fill(0);
      for (const d of [...kept].reverse()) {
        strides[d] = stride;
        stride *= whole[d]!;
      }
      return dy.viewAs(whole, strides);
    },
  };
}
