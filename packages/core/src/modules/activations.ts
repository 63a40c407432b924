import { EngineError } from "../errors.ts";
import { gelu } from "../ops/gelu.ts";
import { relu } from "../ops/relu.ts";
import { sigmoid } from "../ops/sigmoid.ts";
import { silu } from "../ops/silu.ts";
import { softplus } from "../ops/softplus.ts";
import { tanh } from "../ops/tanh.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Activations of modules, by the names that PyTorch's classes have. */
export type ModuleActivation = "Identity" | "Tanh" | "ReLU" | "GELU" | "Sigmoid" | "SiLU" | "Softplus";

const functions: ReadonlyMap<string, (x: Tensor) => Tensor> = new Map<ModuleActivation, (x: Tensor) => Tensor>([
  ["Identity", (x) => x],
  ["Tanh", tanh],
  ["ReLU", relu],
  ["GELU", gelu],
  ["Sigmoid", sigmoid],
  ["SiLU", silu],
  ["Softplus", softplus],
]);

/** The function of an activation. */
export function moduleActivation(where: string, name: string): (x: Tensor) => Tensor {
  const found = functions.get(name);
  if (found) return found;
  throw new EngineError(where, `activation "${name}" is unknown`, `Use one of ${[...functions.keys()].join(", ")}.`);
}

/** "Tanh" from "torch.nn.modules.activation.Tanh"; null for a class that is not PyTorch's. */
export function readActivation(where: string, dotted: string): ModuleActivation | null {
  if (!dotted.startsWith("torch.")) return null;
  const name = dotted.split(".").at(-1)!;
  moduleActivation(where, name);
  return name as ModuleActivation;
}

/** The dotted name that files have. */
export const activationPath = (name: ModuleActivation): string =>
  `torch.nn.modules.${name === "Identity" ? "linear" : "activation"}.${name}`;
