import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { staysInside } from "../hub/open-weights.ts";

export const MODULES_FILE = "modules.json";

const WHERE = "fromPretrained";
/** More would be no model. */
const MOST_MODULES = 64;

/** One line of `modules.json`. */
export interface ModuleEntry {
  readonly name: string;
  /** The module's folder below the model's; "" for the model's own. */
  readonly path: string;
  /** The dotted name of its class, as the file has it. */
  readonly type: string;
  /** The last component of `type`. */
  readonly className: string;
}

/**
 * Reads the list of modules of a folder: class names of all versions are told by their last component.
 *
 * @returns null if there is no such file
 * @throws EngineError for a list that is damaged, or a path that leaves the folder
 */
export async function readModuleList(folder: string): Promise<ModuleEntry[] | null> {
  const file = join(folder, MODULES_FILE);
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (text === null) return null;
  const fail = (what: string, cause?: unknown): never => {
    throw new EngineError(WHERE, `${file}: ${what}`, "Download the model again, or save it anew.", { cause });
  };
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    return fail("this is not JSON", error);
  }
  if (!Array.isArray(list) || list.length === 0 || list.length > MOST_MODULES) {
    return fail(`a list of 1 to ${MOST_MODULES} modules is needed`);
  }
  const entries = list.map((value: unknown, i): ModuleEntry => {
    const { idx, name = String(i), path, type } = (value ?? {}) as Record<string, unknown>;
    if (typeof type !== "string" || typeof path !== "string" || typeof name !== "string") {
      return fail(`module ${i} has no "type", "path" and "name"`);
    }
    const below = path.replace(/\/+$/, "");
    if (below !== "" && !(staysInside(below) && !below.includes("\\"))) {
      return fail(`module ${i} is in ${JSON.stringify(path)}, which is not below the model's folder`);
    }
    if (idx !== undefined && idx !== i) return fail(`module ${i} has idx ${JSON.stringify(idx)}`);
    const className = type.split(".").at(-1)!;
    return { name, path: below, type, className };
  });
  const paths = entries.map(({ path }) => path);
  const twice = paths.find((path, i) => paths.indexOf(path) !== i && path !== "");
  return twice === undefined ? entries : fail(`two modules are in ${JSON.stringify(twice)}`);
}

/** The text of a list, with class names that all versions read. */
export function moduleListText(modules: readonly { readonly className: string; readonly path: string }[]): string {
  const entries = modules.map(({ className, path }, idx) => ({
    idx,
    name: String(idx),
    path,
    type: `sentence_transformers.models.${className}`,
  }));
  return JSON.stringify(entries, null, 2);
}
