import { EngineError, expectFloat, expectSameDevice, expectSameDtype, shapeText } from "../errors.ts";
import { record } from "../tensor/tape.ts";
import { contiguousStrides, sizeOf, Tensor } from "../tensor/tensor.ts";

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
    const read = (transpose: boolean) => (transpose ? ", read transposed" : "");
    throw new EngineError(
      "matmul",
      `a ${shapeText(a.shape)}${read(transposeA)} has ${left.shape.at(-1)} columns, but b ${shapeText(b.shape)}${read(transposeB)} has ${right.shape.at(-2)} rows`,
      "The columns of a are the rows of b; transposeA and transposeB read an operand the other way.",
    );
  }
  const y = product(left, right);
  return record("matmul", y, { inputs: [a, b], saved: [left, right] }, (dy, [left, right], context) => {
    const da = context.needs(0) ? productFor(left.shape, dy, transposeLast(right)) : null;
    const db = context.needs(1) ? productFor(right.shape, transposeLast(left), dy) : null;
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

/** a · b off the tape, batch dimensions broadcast. */
function product(a: Tensor, b: Tensor): Tensor {
  const batch = broadcastBatch(a, b);
  const y = Tensor.empty([...batch, a.shape.at(-2)!, b.shape.at(-1)!], a);
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

/** A view with these batch dimensions: stride 0 where x has one entry, or none. */
function spread(x: Tensor, batch: readonly number[]): Tensor {
  const missing = batch.length + 2 - x.shape.length;
  const strides = batch.map((size, d) =>
    d < missing || (x.shape[d - missing] === 1 && size !== 1) ? 0 : x.strides[d - missing]!,
  );
  return x.viewAs([...batch, ...x.shape.slice(-2)], [...strides, ...x.strides.slice(-2)]);
}

/**
 * a · b as the gradient of an operand of `shape`: summed over the batch dimensions in which that operand was broadcast.
 * Where it had no batch at all, the sum is part of the product: the batch's inner dimensions, one after the other.
 */
function productFor(shape: readonly number[], a: Tensor, b: Tensor): Tensor {
  const batch = broadcastBatch(a, b);
  const dims = batch.length + 2;
  const own = [...new Array<number>(dims - shape.length).fill(1), ...shape];
  const summed = batch.map((size, d) => size !== 1 && own[d] === 1);
  if (!summed.includes(true)) return product(a, b).viewAs(shape);

  const whole = product(a, b);
  let current = whole;
  for (let d = 0; d < batch.length; d++) {
    if (!summed[d]) continue;
    const next = current.shape.map((size, i) => (i === d ? 1 : size));
    const y = Tensor.empty(next, current);
    y.backend.sum(y, current, d);
    current = y;
  }
  return current.viewAs(shape, contiguousStrides(shape));
}
