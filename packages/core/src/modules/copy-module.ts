import { EngineError } from "../errors.ts";
import type { Module } from "./module.ts";

/** A module with weights of its own; one that has none is its own copy. */
export function copyModule(module: Module): Module {
  if (module.copy) return module.copy();
  if (module.entries().length === 0) return module;
  throw new EngineError("copy", `a ${module.className} has no copy()`, "Load the model's folder a second time.");
}
