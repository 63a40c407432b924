import { EngineError } from "../errors.ts";
import { geglu } from "../ops/geglu.ts";
import { gelu } from "../ops/gelu.ts";
import { geluTanh } from "../ops/gelu-tanh.ts";
import { mul } from "../ops/mul.ts";
import { relu } from "../ops/relu.ts";
import { sigmoid } from "../ops/sigmoid.ts";
import { silu } from "../ops/silu.ts";
import { split } from "../ops/split.ts";
import { swiglu } from "../ops/swiglu.ts";
import { tanh } from "../ops/tanh.ts";
import type { Tensor } from "../tensor/tensor.ts";

type Unary = (x: Tensor) => Tensor;

/** By the names that configurations use. */
const activations: ReadonlyMap<string, Unary> = new Map([
  ["gelu", gelu],
  ["gelu_python", gelu],
  ["gelu_new", geluTanh],
  ["gelu_fast", geluTanh],
  ["gelu_pytorch_tanh", geluTanh],
  ["relu", relu],
  ["sigmoid", sigmoid],
  ["silu", silu],
  ["swish", silu],
  ["tanh", tanh],
]);

/** The names that `activation` knows. */
export const activationNames: readonly string[] = [...activations.keys()];

/**
 * The activation that a configuration names.
 *
 * @throws EngineError if there is none of that name
 */
export function activation(name: string): Unary {
  const found = activations.get(name);
  if (!found) {
    throw new EngineError("activation", `"${name}" is unknown`, `Use one of ${activationNames.join(", ")}.`);
  }
  return found;
}

/**
 * The gated form: with the last dimension in two halves, `act(first) · second`. One kernel for gelu and silu.
 *
 * @throws EngineError if there is no activation of that name
 */
export function gatedActivation(name: string): Unary {
  const act = activation(name);
  if (act === gelu) return geglu;
  if (act === silu) return swiglu;
  return (x) => {
    const half = x.shape.at(-1)! / 2;
    const [first, second] = split(x, [half, half], -1);
    return mul(act(first!), second!);
  };
}
