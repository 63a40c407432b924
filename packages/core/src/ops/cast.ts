import { expectTensorDtype } from "../errors.ts";
import { type DType, isFloat } from "../tensor/dtype.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * The same values in another dtype, rounded to nearest; float to int32 drops the fraction. The gradient is cast back.
 * A tensor that has the dtype already is returned as it is.
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  expectTensorDtype("cast", dtype);
  const y = Tensor.empty(x.shape, x, dtype);
  x.backend.copy(y, x);
  if (!isFloat(dtype)) {
    y.madeBy = "cast";
    return y;
  }
  return record("cast", y, { inputs: [x], saved: [] }, (dy) => {
    const dx = Tensor.empty(dy.shape, dy, x.dtype);
    dy.backend.copy(dx, dy);
    return [dx];
  });
}
