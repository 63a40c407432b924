import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { openWeights } from "../hub/open-weights.ts";
import type { ParameterEntry } from "../nn/parameter-set.ts";
import { loadInto } from "../trainer/load-into.ts";
import { type InputModule, isInputModule, type Module } from "./module.ts";
import type { ModuleEntry } from "./module-list.ts";
import type { ModuleLoad } from "./module-weights.ts";

/** Reads a module from its folder. */
export type ModuleReader = (folder: string, load: ModuleLoad) => Promise<Module>;

/**
 * Reads the modules of a list, in order. Those after the first have the first one's dtype.
 *
 * @param readers by class name
 * @throws EngineError for a class that there is no reader for
 */
export async function loadModules(
  folder: string,
  list: readonly ModuleEntry[],
  readers: ReadonlyMap<string, ModuleReader>,
  load: ModuleLoad,
): Promise<Module[]> {
  const where = "fromPretrained";
  for (const { className, type } of list) {
    if (readers.has(className)) continue;
    throw new EngineError(
      where,
      `${folder} has a module of class ${JSON.stringify(type)}`,
      `This model is made of ${[...readers.keys()].join(", ")}.`,
    );
  }
  const modules: Module[] = [];
  try {
    for (const { className, path } of list) {
      load.signal?.throwIfAborted();
      const [first] = modules;
      const dtype = first && isInputModule(first) ? first.weightDtype : load.dtype;
      modules.push(await readers.get(className)!(path === "" ? folder : join(folder, path), { ...load, dtype }));
    }
    return modules;
  } catch (error) {
    for (const module of modules) module.dispose();
    throw error;
  }
}

/**
 * The first of a model's modules, which takes texts.
 *
 * @throws EngineError where there is no list of them, the first is none of that kind, or another one is
 */
export function inputOf(where: string, modules: readonly Module[]): InputModule {
  if (!Array.isArray(modules)) {
    const wayOut = "Pass { modules: [new Transformer(…), new Pooling(…)] }, or open a folder with fromPretrained.";
    throw new EngineError(where, `modules is ${modules}, and not a list`, wayOut);
  }
  const [first] = modules as readonly Module[];
  if (first && isInputModule(first) && modules.filter(isInputModule).length === 1) return first;
  const names = modules.map(({ className }) => className).join(", ");
  throw new EngineError(
    where,
    `its modules are ${names || "none"}`,
    "The first one takes texts, such as a Transformer, and no other one does.",
  );
}

/** Parameters of all modules, under the names of a state dict: "0.model.…", "2.linear.weight". */
export function moduleEntries(modules: readonly Module[]): ParameterEntry[] {
  return modules.flatMap((module, i) => {
    const prefix = `${i}.${isInputModule(module) ? module.stateDictPrefix : ""}`;
    return module.entries().map(({ name, tensor, parts }) => ({
      name: prefix + name,
      tensor,
      parts: parts?.map((part) => ({ ...part, name: prefix + part.name })) ?? null,
    }));
  });
}

/** Where a module lies below the model's folder. */
export const modulePath = (module: Module, index: number): string =>
  index === 0 && module.savedInRoot ? "" : `${index}_${module.className}`;

/** Takes over the weights of a folder that `saveModules` wrote of the same modules. */
export async function loadModuleWeights(folder: string, modules: readonly Module[]): Promise<void> {
  for (const [i, module] of modules.entries()) {
    const entries = module.entries();
    if (entries.length === 0) continue;
    const below = join(folder, modulePath(module, i));
    const stored = await openWeights(below);
    for (const entry of entries) loadInto("loadWeights", entry, stored, below);
  }
}
