import { EngineError } from "@ettin/core";
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from "yaml";
import { RECIPE_KEYS, ruleOf, starredPath } from "./recipe-keys.ts";
import { refuseKey } from "./refuse-key.ts";

/** A value of a recipe and where it was written: a file and line, or an option. */
export interface RecipeEntry {
  readonly value: unknown;
  readonly at: string;
}

/** The values of a recipe by their paths: "phases.decay.tokens". null as a phase's value takes the phase away. */
export type RecipeEntries = Map<string, RecipeEntry>;

/** What a recipe file says, and the recipe that it changes. */
export interface RecipeFile {
  readonly extends: string | null;
  readonly entries: RecipeEntries;
}

/**
 * Reads a recipe's YAML (JSON is YAML, too), key by key.
 *
 * @param file for messages
 * @throws EngineError naming file and line: what does not parse, an unknown key and the nearest one, a value of the wrong
 *   kind, a key that is given twice
 */
export function recipeEntries(text: string, file: string): RecipeFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const at = (node: { range?: readonly number[] | null | undefined } | null | undefined): string =>
    `${file}:${lines.linePos(node?.range?.[0] ?? 0).line}`;
  const [error] = document.errors;
  if (error) {
    const line = lines.linePos(error.pos[0]).line;
    throw new EngineError("readRecipe", `${file}:${line} ${firstLine(error.message)}`, "Correct the file's YAML.");
  }
  const root = document.contents as Node | null;
  if (!isMap(root)) {
    throw new EngineError("readRecipe", `${file} has no keys`, "Write a recipe: name, model, objective, phases.");
  }
  let base: string | null = null;
  const entries: RecipeEntries = new Map();
  const walk = (node: Node, path: string): void => {
    if (!isMap(node)) return;
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const key = isScalar(pair.key) ? String(pair.key.value) : refuseAlias(at(pair.key));
      const here = path ? `${path}.${key}` : key;
      const value = pair.value;
      if (isAlias(value)) refuseAlias(at(value));
      if (here === "extends") {
        base =
          isScalar(value) && typeof value.value === "string" ? value.value : refuseValue(at(pair.key), here, value);
        continue;
      }
      if (isMap(value) && hasKeysBelow(here)) walk(value, here);
      else {
        const plain = value === null ? null : (value.toJS(document) as unknown);
        entries.set(here, checkedEntry(here, plain, at(pair.key)));
      }
    }
  };
  walk(root, "");
  return { extends: base, entries };
}

/** A value of an option, "pretraining.tokens=1e6": a phase's key may leave out "phases.". */
export function optionEntry(option: string, phases: readonly string[]): [path: string, entry: RecipeEntry] {
  const equals = option.indexOf("=");
  const given = equals > 0 ? option.slice(0, equals).trim() : "";
  if (!given)
    throw new EngineError("readRecipe", `"${option}" is not key=value`, "Write it as pretraining.tokens=1e6.");
  const head = given.split(".", 1)[0]!;
  const ofPhase = phases.includes(head);
  if (!ofPhase && !hasKeysBelow(head) && !ruleOf(head)) throw refuseKey(`${given}=…`, head, phases);
  const path = ofPhase ? `phases.${given}` : given;
  const document = parseDocument(option.slice(equals + 1));
  const value = document.errors.length > 0 ? option.slice(equals + 1) : (document.toJS() as unknown);
  return [path, checkedEntry(path, value, `${given}=…`, given)];
}

function checkedEntry(path: string, value: unknown, at: string, name = path): RecipeEntry {
  if (/^phases\.[^.]+$/.test(path) && value === null) return { value, at };
  const rule = ruleOf(path);
  if (!rule) {
    if (hasKeysBelow(path)) refuseValue(at, name, value);
    throw refuseKey(at, path);
  }
  if (!rule.fits(value)) {
    throw new EngineError("readRecipe", `${at} ${name} is ${shown(value)}`, `It has to be ${rule.expected}.`);
  }
  return { value, at };
}

/** Whether a path stands for a group of keys. */
function hasKeysBelow(path: string): boolean {
  const prefix = `${starredPath(path)}.`;
  return path === "phases" || Object.keys(RECIPE_KEYS).some((key) => key.startsWith(prefix));
}

function refuseValue(at: string, name: string, value: unknown): never {
  const plain = isScalar(value) ? value.value : isSeq(value) ? "a list" : value;
  throw new EngineError(
    "readRecipe",
    `${at} ${name} is ${shown(plain)}`,
    name === "extends" ? "Give a recipe's name or file." : "It has keys of its own.",
  );
}

function refuseAlias(at: string): never {
  throw new EngineError("readRecipe", `${at} has an alias or a key that is no word`, "Write the values out.");
}

const shown = (value: unknown): string => JSON.stringify(value) ?? String(value);
const firstLine = (text: string): string => text.split("\n", 1)[0]!.replace(/ at line \d+, column \d+:?$/, "");
