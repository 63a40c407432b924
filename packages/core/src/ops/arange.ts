import { EngineError } from "../errors.ts";
import { Tensor, type TensorOptions } from "../tensor/tensor.ts";

/**
 * `[start, start + step, start + 2 · step, …]`, as far as it stays before `end`; with one number, from 0 up to it.
 *
 * @param options `step` (default 1), `dtype` (default int32), `device`
 */
export function arange(end: number, options?: TensorOptions & { step?: number }): Tensor;
export function arange(start: number, end: number, options?: TensorOptions & { step?: number }): Tensor;
export function arange(
  first: number,
  second?: number | (TensorOptions & { step?: number }),
  third?: TensorOptions & { step?: number },
): Tensor {
  const [start, end] = typeof second === "number" ? [first, second] : [0, first];
  const { step = 1, ...options } = (typeof second === "number" ? third : second) ?? {};
  const count = Math.max(0, Math.ceil((end - start) / step));
  if (!Number.isFinite(count)) {
    throw new EngineError(
      "arange",
      `${start} to ${end} in steps of ${step}`,
      "Pass finite numbers and a step other than 0.",
    );
  }
  const y = Tensor.empty([count], options, options.dtype ?? "int32");
  y.backend.arange(y, start, step);
  y.madeBy = "arange";
  return y;
}
