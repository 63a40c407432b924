/**
 * One description of an op, from which all its numerical checks follow, at every instruction-set level of the machine:
 *
 * - float32 forward and gradient against the plain formula in float64, within 1e-5 of the tensor's largest magnitude;
 *   the formula's gradient comes from central differences of itself;
 * - bfloat16 against the float32 op on the same rounded inputs, within 2⁻⁷ of the largest magnitude;
 * - the same bits with 1, 2 and 3 threads, in both dtypes.
 */
import { type Device, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, maxAbs, normal } from "./array64.ts";
import { device, levels } from "./devices.ts";

export interface OpCase {
  /** Part of the test's name: "[33, 31]". */
  readonly name: string;
  readonly inputs: readonly Array64[];
}

export interface OpCheck {
  /** The op under test. Integer arguments (offsets, ids) are made inside, on `device`. */
  readonly op: (inputs: Tensor[], device: Device, name: string) => Tensor;
  /** The plain formula, in float64. */
  readonly reference: (inputs: readonly Array64[], name: string) => Array64;
  readonly cases: readonly OpCase[];
  /** Which inputs have gradients. @default all */
  readonly gradients?: readonly number[];
  /** @default 1e-5 */
  readonly tolerance?: number;
  /** @default 2 ** -7 */
  readonly bfloat16Tolerance?: number;
  /** Inputs that stay float32 in the bfloat16 run (norm weights, biases). */
  readonly float32Inputs?: readonly number[];
  /** Whether the op takes bfloat16. @default true */
  readonly bfloat16?: boolean;
}

interface Run {
  y: Float32Array;
  gradients: (Float32Array | null)[];
}

/** Runs an op forward and backward with dy a fixed random tensor. */
async function run(check: OpCheck, { inputs, name }: OpCase, on: Device, dtype: "float32" | "bfloat16"): Promise<Run> {
  const reads = tensorScope(() => {
    const tensors = inputs.map((input, i) => {
      const asFloat32 = dtype === "float32" || check.float32Inputs?.includes(i);
      return Tensor.from(Float32Array.from(input.data), {
        shape: input.shape,
        device: on,
        dtype: asFloat32 ? "float32" : "bfloat16",
        requiresGrad: check.gradients ? check.gradients.includes(i) : true,
      });
    });
    const y = check.op(tensors, on, name);
    const read = y.data() as Promise<Float32Array>;
    if (y.requiresGrad) {
      const dy = cotangent(y.shape);
      y.backward({ gradient: Tensor.from(Float32Array.from(dy.data), { shape: y.shape, device: on, dtype: y.dtype }) });
    }
    return [read, ...tensors.map((t) => (t.grad ? (t.grad.data() as Promise<Float32Array>) : null))];
  });
  const [y, ...gradients] = await Promise.all(reads);
  return { y: y!, gradients: gradients as (Float32Array | null)[] };
}

/** dL/dy: rounded to bfloat16, so that both dtypes see the same. */
const cotangent = (shape: readonly number[]): Array64 => {
  const dy = normal(shape, 99);
  return array64(shape, (i) => roundToBfloat16(dy.data[i]!));
};

export function roundToBfloat16(x: number): number {
  const word = new Uint32Array(new Float32Array([x]).buffer);
  word[0] = ((word[0]! + 0x7fff + ((word[0]! >>> 16) & 1)) >>> 16) << 16;
  return new Float32Array(word.buffer)[0]!;
}

/** Central differences of Σ y·dy with respect to elements of one input; a sample of them where there are many. */
function differences(check: OpCheck, { inputs, name }: OpCase, which: number, sample: readonly number[]): Float64Array {
  const source = inputs[which]!;
  const h = 1e-5;
  const dy = cotangent(check.reference(inputs, name).shape).data;
  const lossAt = (place: number, value: number): number => {
    const moved = source.data.slice();
    moved[place] = value;
    const { data } = check.reference(
      inputs.map((input, i) => (i === which ? { shape: source.shape, data: moved } : input)),
      name,
    );
    return data.reduce((sum, value, i) => sum + value * dy[i]!, 0);
  };
  return Float64Array.from(sample, (place) => {
    const x = source.data[place]!;
    return (lossAt(place, x + h) - lossAt(place, x - h)) / (2 * h);
  });
}

/** All places, or 48 spread over them. */
function places(size: number): number[] {
  const count = Math.min(size, 48);
  return Array.from({ length: count }, (_, i) => Math.floor((i * size) / count));
}

export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
  scale: number = maxAbs(expected),
): void {
  expect(actual.length, `${what}: size`).toBe(expected.length);
  let worst = 0;
  let at = -1;
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i]!, expected[i]!];
    if (Object.is(a, e) || a === e || (Number.isNaN(a) && Number.isNaN(e))) continue;
    const error = Math.abs(a - e);
    if (!(error <= worst)) [worst, at] = [error, i];
  }
  const allowed = tolerance * scale;
  if (!(worst <= allowed)) {
    expect.fail(`${what}: ${actual[at]} at ${at}, expected ${expected[at]}; error ${worst}, allowed ${allowed}`);
  }
}

const expectSameBits = (a: Float32Array | null, b: Float32Array | null, what: string): void => {
  const bits = (x: Float32Array | null) => x && Buffer.from(x.buffer, x.byteOffset, x.byteLength);
  expect(bits(a)?.equals(bits(b)!) ?? b === null, `${what}: the bits differ`).toBe(true);
};

export function checkOp(name: string, check: OpCheck): void {
  const tolerance = check.tolerance ?? 1e-5;
  const halfTolerance = check.bfloat16Tolerance ?? 2 ** -7;

  describe.each(levels)(`${name} on %s`, (level) => {
    test.each(check.cases.map((c) => [c.name, c] as const))("%s agrees with the formula in float64", async (_, c) => {
      const { y, gradients } = await run(check, c, device(level), "float32");
      expectClose(y, check.reference(c.inputs, c.name).data, tolerance, "forward");
      for (const [i, gradient] of gradients.entries()) {
        if (!gradient) continue;
        const sample = places(gradient.length);
        const expected = differences(check, c, i, sample);
        const got = sample.map((place) => gradient[place]!);
        // central differences are good to about 1e-9 of the loss's scale: far inside the tolerance
        expectClose(
          got,
          expected,
          tolerance,
          `gradient of input ${i}`,
          Math.max(maxAbs(expected), maxAbs(gradient), 1e-3),
        );
      }
    });

    if (check.bfloat16 !== false) {
      test.each(check.cases.map((c) => [c.name, c] as const))("%s in bfloat16 agrees with float32", async (_, c) => {
        const rounded = {
          name: c.name,
          inputs: c.inputs.map((x, i) =>
            check.float32Inputs?.includes(i) ? x : array64(x.shape, (j) => roundToBfloat16(x.data[j]!)),
          ),
        };
        const half = await run(check, rounded, device(level), "bfloat16");
        const full = await run(check, rounded, device(level), "float32");
        expectClose(half.y, full.y, halfTolerance, "forward");
        for (const [i, gradient] of half.gradients.entries()) {
          if (gradient) expectClose(gradient, full.gradients[i]!, halfTolerance, `gradient of input ${i}`);
        }
      });
    }

    // The GPU has no threads to choose: there it is the same bits at every run.
    const oneDtype = check.bfloat16 === false || level === "cuda";
    test.each(oneDtype ? (["float32"] as const) : (["float32", "bfloat16"] as const))(
      "the bits of %s are the same with 1, 2 and 3 threads",
      async (dtype) => {
        for (const c of check.cases) {
          const one = await run(check, c, device(level, 1), dtype);
          for (const threads of [2, 3]) {
            const many = await run(check, c, device(level, threads), dtype);
            expectSameBits(many.y, one.y, c.name);
            many.gradients.forEach((gradient, i) => {
              expectSameBits(gradient, one.gradients[i]!, `${c.name}, input ${i}`);
            });
          }
        }
      },
    );
  });
}
