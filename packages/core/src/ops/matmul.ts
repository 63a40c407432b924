import { EngineError, expectFloat, expectSameDevice, expectSameDtype, shapeText } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import type { DType } from "../tensor/dtype.ts";
import { sizeOf } from "../tensor/shape.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { sum } from "./sum.ts";

export interface MatmulOptions {
  /**
   * Reads `a` as `[…, k, m]`.
   *
   * @default false
   */
  transposeA?: boolean;
  /**
   * Reads `b` as `[…, n, k]`.
   *
   * @default false
   */
  transposeB?: boolean;
}

const mostBatchDims = 4;

/**
 * Matrix product over the last two dimensions: `y[…, m, n] = Σ_k a[…, m, k] · b[…, k, n]`, with the dimensions before
 * them broadcast against each other. Sums are float32.
 *
 * @param a `[…, m, k]` float32 or bfloat16
 * @param b `[…, k, n]` of a's dtype
 * @returns `[…, m, n]` of the same dtype
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false } = options;
  checkOperands(a, b);
  const left = transposeA ? transposeLast(a) : a;
  const right = transposeB ? transposeLast(b) : b;
  if (left.shape.at(-1) !== right.shape.at(-2)) {
    const read = (transpose: boolean) => (transpose ? " transposed" : "");
    throw new EngineError(
      "matmul",
      `a ${shapeText(a.shape)}${read(transposeA)} has ${left.shape.at(-1)} columns, but b ${shapeText(b.shape)}${read(transposeB)} has ${right.shape.at(-2)} rows`,
      "The columns of a are the rows of b; transposeA and transposeB read an operand the other way.",
    );
  }
  const y = product(left, right);
  return record("matmul", y, { inputs: [a, b], saved: [left, right] }, (dy, [left, right], context) => {
    const da = context.needs(0) ? productFor(left.shape, dy, transposeLast(right)) : null;
    let db: Tensor | null = null;
    if (context.needs(1)) {
      // One b for the whole batch: its rows are so many more terms of one sum.
      const rows = right.shape.length === 2 && left.isContiguous;
      db = rows ? product(transposeLast(asRows(left)), asRows(dy)) : productFor(right.shape, transposeLast(left), dy);
    }
    return [da && transposeA ? transposeLast(da) : da, db && transposeB ? transposeLast(db) : db];
  });
}

function checkOperands(a: Tensor, b: Tensor): void {
  expectFloat("matmul", "a", a);
  expectSameDtype("matmul", "a", a, "b", b);
  expectSameDevice("matmul", { a, b });
  for (const [name, x] of [
    ["a", a],
    ["b", b],
  ] as const) {
    const dims = x.shape.length;
    if (dims < 2 || dims > mostBatchDims + 2) {
      throw new EngineError(
        "matmul",
        `${name} has shape ${shapeText(x.shape)}, which is ${dims} dimensions`,
        `Two are needed, and at most ${mostBatchDims} before them: reshape it.`,
      );
    }
  }
}

function transposeLast(x: Tensor): Tensor {
  const swap = (list: readonly number[]) => [...list.slice(0, -2), list.at(-1)!, list.at(-2)!];
  return x.viewAs(swap(x.shape), swap(x.strides));
}

const asRows = (x: Tensor): Tensor => x.viewAs([sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!]);

/** a · b off the tape, batch dimensions broadcast. */
function product(a: Tensor, b: Tensor, dtype: DType = a.dtype): Tensor {
  const batch = broadcastBatch(a, b);
  const y = Tensor.empty([...batch, a.shape.at(-2)!, b.shape.at(-1)!], a, dtype);
  y.backend.matmul(y, spread(a, batch), spread(b, batch));
  return y;
}

function broadcastBatch(a: Tensor, b: Tensor): number[] {
  const dims = Math.max(a.shape.length, b.shape.length) - 2;
  return Array.from({ length: dims }, (_, d) => {
    const sizeA = a.shape[a.shape.length - 2 - dims + d] ?? 1;
    const sizeB = b.shape[b.shape.length - 2 - dims + d] ?? 1;
    if (sizeA !== sizeB && sizeA !== 1 && sizeB !== 1) {
      throw new EngineError(
        "matmul",
        `a ${shapeText(a.shape)} and b ${shapeText(b.shape)} have ${sizeA} and ${sizeB} entries in one batch dimension`,
        "Batch dimensions are equal, or one of them is 1.",
      );
    }
    return sizeA === 1 ? sizeB : sizeA;
  });
}

/** x with these batch dimensions: a view with stride 0 where x has one entry, or none. */
function spread(x: Tensor, batch: readonly number[]): Tensor {
  const missing = batch.length + 2 - x.shape.length;
  const strides = batch.map((size, d) =>
    d < missing || (x.shape[d - missing] === 1 && size !== 1) ? 0 : x.strides[d - missing]!,
  );
  const view = x.viewAs([...batch, ...x.shape.slice(-2)], [...strides, ...x.strides.slice(-2)]);
  return x.backend.capabilities.strided ? view : contiguous(view);
}

/** a · b as the gradient of an operand of `shape`: summed in float32 over the batch dimensions that it repeats in. */
function productFor(shape: readonly number[], a: Tensor, b: Tensor): Tensor {
  const batch = broadcastBatch(a, b);
  const own = [...new Array<number>(batch.length + 2 - shape.length).fill(1), ...shape];
  const summed = batch.flatMap((size, d) => (size !== own[d] ? [d] : []));
  if (summed.length === 0) return reshaped(product(a, b), shape);
  const total = sum(product(a, b, "float32"), summed);
  if (a.dtype === "float32") return reshaped(total, shape);
  const rounded = Tensor.empty(shape, a);
  rounded.backend.copy(rounded, reshaped(total, shape));
  return rounded;
}

const reshaped = (x: Tensor, shape: readonly number[]): Tensor =>
  x.shape.length === shape.length ? x : x.viewAs(shape);
