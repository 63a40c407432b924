import { concat } from "../ops/concat.ts";
import { div } from "../ops/div.ts";
import { greater } from "../ops/greater.ts";
import { mul } from "../ops/mul.ts";
import { relu } from "../ops/relu.ts";
import { sub } from "../ops/sub.ts";
import { sum } from "../ops/sum.ts";
import { where } from "../ops/where.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { EmbeddingRanges } from "./ranges.ts";

const STEPS = 255;

/** The step of each number's range that it is in: `[rows, dim]` to int32 of 0 … 255. */
export function toSteps(x: Tensor, { min, max }: EmbeddingRanges): Tensor {
  const { device } = x;
  const row = (values: Float32Array) => Tensor.from(values, { shape: [1, values.length], device });
  // As float32 arithmetic has it at each step: typed arrays round what is stored.
  const steps = min.map((least, c) => {
    const step = Math.fround(Math.fround(max[c]! - least) / STEPS);
    return step === 0 ? 1 : step;
  });
  const places = relu(div(sub(x, row(min)), row(steps)));
  const limit = Tensor.full([], STEPS, { device });
  return where(greater(places, limit), limit, places).to("int32"); // drops the fraction; none is negative
}

/** Whether each number is above 0, 8 to a byte, the first in the highest bit: `[rows, dim]` to int32 `[rows, ⌈dim / 8⌉]`. */
export function packBits(x: Tensor): Tensor {
  const { device } = x;
  const [rows, dim] = x.shape as [number, number];
  const bits = greater(x, 0).to("float32");
  const bytes = Math.ceil(dim / 8);
  const whole = dim % 8 === 0 ? bits : concat([bits, Tensor.zeros([rows, 8 * bytes - dim], { device })], 1);
  const weights = Tensor.from([128, 64, 32, 16, 8, 4, 2, 1], { device });
  return sum(mul(whole.reshape([rows, bytes, 8]), weights), -1).to("int32");
}
