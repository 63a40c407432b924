import { EngineError, nearestName } from "@ettin/core";
import { RECIPE_KEYS, starredPath } from "./recipe-keys.ts";

/**
 * The error for a key that recipes do not have: it names the nearest one at its place.
 *
 * @param others names that would be right there, too
 */
export function refuseKey(at: string, path: string, others: readonly string[] = []): EngineError {
  const [phases, phase] = path.split(".");
  const known = Object.keys(RECIPE_KEYS).map((key) => (phases === "phases" && phase ? key.replace("*", phase) : key));
  const parent = path.slice(0, path.lastIndexOf(".") + 1);
  const beside = known
    .filter((key) => key.startsWith(parent) && (parent !== "" || !starredPath(key).startsWith("phases.")))
    .map((key) => key.slice(parent.length).split(".")[0]!);
  const candidates = [...new Set([...beside, ...(parent === "" ? ["phases", "extends", ...others] : [])])];
  const name = path.slice(parent.length);
  const near = candidates.length > 0 ? nearestName(name, candidates) : "phases";
  return new EngineError(
    "readRecipe",
    `${at} there is no key ${name}${parent ? ` in ${parent.slice(0, -1)}` : ""}`,
    `The nearest is ${near}.`,
  );
}
