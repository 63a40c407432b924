import { Tensor } from "../tensor/tensor.ts";
import type { LossValue } from "./embedding-loss.ts";

/** A loss with each of its parts multiplied by a number. */
export function scaleLoss(value: LossValue, factor: number): LossValue {
  if (factor === 1) return value;
  if (value instanceof Tensor) return value.mul(factor);
  return Object.fromEntries(Object.entries(named(value)).map(([name, part]) => [name, part.mul(factor)]));
}

/** The sum of several values of one loss, part by part. */
export function addLosses(values: readonly LossValue[]): LossValue {
  return values.reduce((sum, value) => {
    if (sum instanceof Tensor && value instanceof Tensor) return sum.add(value);
    const parts = new Map(Object.entries(named(sum)));
    for (const [name, part] of Object.entries(named(value))) parts.set(name, parts.get(name)?.add(part) ?? part);
    return Object.fromEntries(parts);
  });
}

const named = (value: LossValue): Readonly<Record<string, Tensor>> =>
  value instanceof Tensor ? { base_loss: value } : (value as Readonly<Record<string, Tensor>>);
