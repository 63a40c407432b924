/** Calls of attention, and the formula beside them. */
import { type AttentionDropout, attention, type Device, Tensor, tensorScope } from "@ettin/core";
import { type Array64, array64, normal } from "./array64.ts";
import { attention64, type Mask64, offsetsOf } from "./attention64.ts";
import { expectClose, roundToBfloat16 } from "./check-op.ts";

export interface Setting extends Mask64 {
  readonly queries: readonly number[];
  readonly keys?: readonly number[];
  readonly heads?: readonly [heads: number, kvHeads: number];
  readonly dim?: number;
  readonly step?: number;
}

export function inputsOf({ queries, keys = queries, heads: [heads, kvHeads] = [2, 2], dim = 8 }: Setting): Array64[] {
  const total = (lengths: readonly number[]) => lengths.reduce((a, b) => a + b, 0);
  return [
    normal([total(queries), heads, dim], 1),
    normal([total(keys), kvHeads, dim], 2),
    normal([total(keys), kvHeads, dim], 3),
  ];
}

export const options = ({ queries, keys = queries, causal, window, scale }: Setting, on: Device) => ({
  queryOffsets: Tensor.from(Int32Array.from(offsetsOf(queries)), { device: on }),
  keyOffsets: Tensor.from(Int32Array.from(offsetsOf(keys)), { device: on }),
  ...(causal && { causal }),
  ...(window && { window }),
  ...(scale && { scale }),
});

export const reference = (inputs: readonly Array64[], setting: Setting) => {
  const [q, k, v] = inputs as [Array64, Array64, Array64];
  const { queries, keys = queries } = setting;
  return attention64(q, k, v, offsetsOf(queries), offsetsOf(keys), setting);
};

export type Dtype = "float32" | "bfloat16";

export const tensor = (x: Array64, on: Device, requiresGrad = false, dtype: Dtype = "float32") =>
  Tensor.from(Float32Array.from(x.data), { shape: x.shape, device: on, requiresGrad, dtype });

export const rounded = (x: Array64): Array64 => array64(x.shape, (i) => roundToBfloat16(x.data[i]!));

/** Forward and backward, with dy normal. In bfloat16 the inputs must be rounded. */
export async function run(
  inputs: readonly Array64[],
  on: Device,
  call: (q: Tensor, k: Tensor, v: Tensor) => Tensor,
  dtype: Dtype = "float32",
) {
  const dy = dtype === "float32" ? normal(inputs[0]!.shape, 9) : rounded(normal(inputs[0]!.shape, 9));
  const reads = tensorScope(() => {
    const [q, k, v] = inputs.map((x) => tensor(x, on, true, dtype)) as [Tensor, Tensor, Tensor];
    const y = call(q, k, v);
    const read = y.data();
    y.backward({ gradient: tensor(dy, on, false, dtype) });
    return [read, ...[q, k, v].map((x) => x.grad!.data())];
  });
  const [y, dq, dk, dv] = (await Promise.all(reads)) as [Float32Array, Float32Array, Float32Array, Float32Array];
  return { y, dq, dk, dv, dyUsed: dy };
}

/** Forward and backward in both dtypes against the formula. */
export async function expectFormula(setting: Setting, on: Device, dropout?: AttentionDropout): Promise<void> {
  for (const dtype of ["float32", "bfloat16"] as const) {
    const inputs = dtype === "float32" ? inputsOf(setting) : inputsOf(setting).map(rounded);
    const more = dropout ? { dropout } : {};
    const got = await run(inputs, on, (q, k, v) => attention(q, k, v, { ...options(setting, on), ...more }), dtype);
    const expected = reference(inputs, setting);
    const gradients = expected.backward(got.dyUsed);
    const tolerance = dtype === "float32" ? 1e-5 : 2 ** -7;
    expectClose(got.y, expected.y.data, tolerance, `y in ${dtype}`);
    expectClose(got.dq, gradients.dq.data, tolerance, `dq in ${dtype}`);
    expectClose(got.dk, gradients.dk.data, tolerance, `dk in ${dtype}`);
    expectClose(got.dv, gradients.dv.data, tolerance, `dv in ${dtype}`);
  }
}
