import type { Device } from "../device.ts";
import { EngineError } from "../errors.ts";
import { Linear } from "../nn/linear.ts";
import { parameter } from "../tensor/parameter.ts";
import { uniformGenerator } from "../tensor/random.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * A projection of a loss's own: weight `[out, in]` and bias `[out]` drawn uniformly from ±1/√in, float32 parameters.
 *
 * @param seed a whole number; the same seed draws the same
 */
export function uniformLinear(
  owner: string,
  sizes: { readonly in: number; readonly out: number },
  { seed, device }: { readonly seed: number; readonly device?: Device | undefined },
): Linear {
  for (const [name, size] of Object.entries(sizes)) {
    if (Number.isSafeInteger(size) && size >= 1) continue;
    throw new EngineError(owner, `the projection has ${name} size ${size}`, "Give a whole number from 1 on.");
  }
  const bound = 1 / Math.sqrt(sizes.in);
  const next = uniformGenerator(seed);
  const draw = (shape: readonly number[]) => {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
    for (let i = 0; i < values.length; i++) values[i] = bound * (2 * next() - 1);
    return parameter(Tensor.from(values, { shape, ...(device && { device }) }));
  };
  return new Linear(draw([sizes.out, sizes.in]), draw([sizes.out]));
}
