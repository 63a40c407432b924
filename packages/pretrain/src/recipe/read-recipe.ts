import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { EngineError, editDistance, nearestName } from "@ettin/core";
import { checkRecipe } from "./check-recipe.ts";
import { namedRecipeFile, namedRecipes } from "./named-recipes.ts";
import type { Recipe, RecipePhase } from "./recipe.ts";
import { optionEntry, type RecipeEntries, recipeEntries } from "./recipe-entries.ts";
import { RECIPE_KEYS, ruleOf } from "./recipe-keys.ts";

export interface ReadRecipeOptions {
  /**
   * Values to use in place of the recipe's, as "key=value": "globalBatchSize=64", "model.numHiddenLayers=4",
   * "pretraining.tokens=1e6", "decay=null" to leave a phase out.
   *
   * @default []
   */
  set?: readonly string[];
  /**
   * Multiplies all counts of tokens (phases, warm-ups, falls, checkpoints) that `set` does not give: 1e-6 makes a run of
   * 1.7 million tokens of one of 1.7e12.
   *
   * @default 1
   */
  scale?: number;
}

/**
 * Reads a recipe: one of `namedRecipes`, or a YAML or JSON file. A file may say `extends: ettin-encoder-17m` (or another
 * file, relative to itself) and give only what differs.
 *
 * @throws EngineError naming file and line of a key that is unknown (and the nearest one) or has a wrong value, or what
 *   contradicts what
 */
export async function readRecipe(nameOrFile: string, { set = [], scale = 1 }: ReadRecipeOptions = {}): Promise<Recipe> {
  if (!(scale > 0 && Number.isFinite(scale))) {
    throw new EngineError(
      "readRecipe",
      `scale is ${scale}`,
      "Give a number above 0: 1e-6 makes a run a million times shorter.",
    );
  }
  const entries = await allEntries(nameOrFile, process.cwd(), []);
  for (const [path, entry] of entries) {
    if (scale !== 1 && ruleOf(path)?.scales && typeof entry.value === "number" && entry.value > 0) {
      entries.set(path, { ...entry, value: Math.max(1, Math.round(entry.value * scale)) });
    }
  }
  for (const option of set) entries.set(...optionEntry(option, phaseNames(entries)));
  for (const [path, { value }] of [...entries])
    if (/^phases\.[^.]+$/.test(path) && value === null) dropPhase(entries, path);
  const recipe = withinSteps(assemble(entries, nameOrFile));
  checkRecipe(recipe, (path) => entries.get(path)?.at ?? nameOrFile);
  return recipe;
}

/** A device's micro-batches are no larger than what it has of a step. */
function withinSteps(recipe: Recipe): Recipe {
  const most = recipe.globalBatchSize / recipe.devices;
  if (!Number.isInteger(most)) return recipe; // checkRecipe says what is wrong
  const phases = recipe.phases.map((phase) => ({ ...phase, microBatchSize: Math.min(phase.microBatchSize, most) }));
  return { ...recipe, phases };
}

/** The values of a recipe and of those that it extends, the farthest first. */
async function allEntries(nameOrFile: string, folder: string, seen: readonly string[]): Promise<RecipeEntries> {
  const named = namedRecipeFile(nameOrFile);
  const file = named ?? resolve(folder, nameOrFile);
  if (seen.includes(file)) {
    throw new EngineError("readRecipe", `${file} extends itself`, "Extend a recipe that stands on its own.");
  }
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    const near = nearestName(nameOrFile, namedRecipes());
    const known =
      editDistance(nameOrFile, near) <= near.length / 3
        ? `The nearest recipe is ${near}`
        : `Give the path of a YAML file, or ${namedRecipes()[0]} and its like`;
    throw new EngineError("readRecipe", `${nameOrFile} cannot be read: ${error.code ?? error.message}`, `${known}.`);
  });
  const own = recipeEntries(text, named ? nameOrFile : file);
  if (own.extends === null) return own.entries;
  const base = await allEntries(own.extends, dirname(file), [...seen, file]);
  return new Map([...base, ...own.entries]);
}

function phaseNames(entries: RecipeEntries): string[] {
  const names = [...entries.keys()].flatMap((path) => /^phases\.([^.]+)/.exec(path)?.[1] ?? []);
  return [...new Set(names)];
}

function dropPhase(entries: RecipeEntries, phase: string): void {
  for (const path of [...entries.keys()]) if (path === phase || path.startsWith(`${phase}.`)) entries.delete(path);
}

/** The recipe as an object, with defaults. */
function assemble(entries: RecipeEntries, from: string): Recipe {
  const names = phaseNames(entries);
  const recipe: Record<string, unknown> = {};
  const phases = new Map<string, Record<string, unknown>>(names.map((name) => [name, { name }]));
  for (const [starred, rule] of Object.entries(RECIPE_KEYS)) {
    const ofPhase = starred.startsWith("phases.*.");
    for (const name of ofPhase ? names : [""]) {
      const path = starred.replace("*", name);
      const value = entries.has(path) ? entries.get(path)!.value : rule.default;
      if (value === undefined && !("default" in rule)) {
        throw new EngineError("readRecipe", `${from} has no ${path}`, `Give it: ${rule.expected}.`);
      }
      if (value === undefined) continue;
      const [into, key] = ofPhase ? [phases.get(name)!, starred.slice("phases.*.".length)] : [recipe, starred];
      put(into, key.split("."), value);
    }
  }
  return { ...recipe, phases: [...phases.values()] as unknown as RecipePhase[] } as unknown as Recipe;
}

function put(into: Record<string, unknown>, [key, ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) into[key!] = value;
  else {
    into[key!] ??= {};
    put(into[key!] as Record<string, unknown>, rest, value);
  }
}
