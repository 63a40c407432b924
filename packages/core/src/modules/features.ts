import { EngineError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ModuleFeatures } from "./module.ts";

/** The tensor that a module reads, which an earlier one has to have made. */
export function requireTensor(where: string, features: ModuleFeatures, name: string): Tensor {
  const found = features.tensors[name];
  if (found) return found;
  const made = Object.keys(features.tensors);
  throw new EngineError(
    where,
    `it reads "${name}", but the modules before it made ${made.length > 0 ? made.map((each) => `"${each}"`).join(", ") : "nothing"}`,
    "Put the module that makes it first: Transformer, then Pooling, then the others.",
  );
}
