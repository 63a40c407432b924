import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "@ettin/core";
import type { Recipe } from "../recipe/recipe.ts";

/** What a finished phase left. */
export interface FinishedPhase {
  readonly steps: number;
  readonly tokens: number;
  /** Its last checkpoint, below the run's folder. */
  readonly checkpoint: string;
  /** The last evaluation. */
  readonly evaluation: Readonly<Record<string, number>>;
}

/** `pretraining.json` of a run's folder: its recipe and how far it is. */
export interface RunRecord {
  readonly recipe: Recipe;
  readonly startFrom: string | null;
  /** The tokenizer's fingerprint; null in records that have none. */
  readonly tokenizer: string | null;
  readonly finished: Readonly<Record<string, FinishedPhase>>;
}

const FILE = "pretraining.json";

export async function readRunRecord(output: string): Promise<RunRecord | null> {
  const path = join(output, FILE);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (text === null) return null;
  try {
    const { recipe, startFrom = null, tokenizer = null, finished } = JSON.parse(text) as RunRecord;
    if (Array.isArray(recipe?.phases) && typeof finished === "object") {
      return { recipe, startFrom, tokenizer, finished };
    }
  } catch {
    // said below
  }
  throw new EngineError(
    "runRecipe",
    `${path} is not the record of a run`,
    "Remove it, or choose another output folder.",
  );
}

/** Written whole, and renamed. */
export async function writeRunRecord(output: string, record: RunRecord): Promise<void> {
  const path = join(output, FILE);
  const beside = `${path}.${process.pid}.partial`;
  const file = await open(beside, "w");
  try {
    await file.writeFile(`${JSON.stringify(record, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
}

/**
 * Refuses to go on with another recipe. Values of phases that have not begun may differ.
 *
 * @param begun names of phases with a checkpoint
 */
export function checkSameRecipe(output: string, before: RunRecord, recipe: Recipe, begun: readonly string[]): void {
  const [was, now] = [valuesOf(before.recipe), valuesOf(recipe)];
  const differing = [...new Set([...was.keys(), ...now.keys()])].filter((path) => {
    const phase = /^phases\.([^.]+)/.exec(path)?.[1];
    return was.get(path) !== now.get(path) && (phase === undefined || begun.includes(phase));
  });
  if (differing.length === 0) return;
  const list = differing.map((path) => `${path} is ${now.get(path) ?? "missing"}, was ${was.get(path) ?? "missing"}`);
  throw new EngineError(
    "runRecipe",
    `${output} has a run of another recipe: ${list.join("; ")}`,
    "Go on with the recipe of that run, or choose another output folder.",
  );
}

/** Refuses to go on with weights or a tokenizer that the run did not begin with. */
export function checkSameStart(output: string, before: RunRecord, now: RunRecord): void {
  const name = (startFrom: string | null) => startFrom ?? "new weights";
  if (before.startFrom !== now.startFrom) {
    throw new EngineError(
      "runRecipe",
      `${output} has a run that began with ${name(before.startFrom)}, now startFrom is ${name(now.startFrom)}`,
      "Go on with the same startFrom, or choose another output folder.",
    );
  }
  if (before.tokenizer === null || before.tokenizer === now.tokenizer) return;
  throw new EngineError(
    "runRecipe",
    `${output} has a run with another tokenizer: ${before.tokenizer}, now ${now.tokenizer}`,
    "Go on with the tokenizer of that run, which lies beside its checkpoints, or choose another output folder.",
  );
}

/** A recipe's values by path, as JSON. */
function valuesOf(recipe: Recipe): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) found.set(path, JSON.stringify(value));
    else for (const [key, below] of Object.entries(value)) walk(below, path ? `${path}.${key}` : key);
  };
  const { phases, ...others } = recipe;
  walk({ ...others, phases: Object.fromEntries(phases.map((phase) => [phase.name, phase])) }, "");
  return found;
}
