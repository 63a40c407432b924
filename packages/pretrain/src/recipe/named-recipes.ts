import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const KINDS = ["ettin-encoder", "ettin-decoder", "ettin-enc-from-dec", "ettin-dec-from-enc"];
const folder = new URL("../../recipes/", import.meta.url);

/** The recipes that come with the package, by the names of the models that they make. */
export const namedRecipes = (): string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => file.slice(0, -".yaml".length))
    .sort((a, b) => KINDS.indexOf(kindOf(a)) - KINDS.indexOf(kindOf(b)) || sizeOf(a) - sizeOf(b));

/** The file of a named recipe; undefined for another name. */
export function namedRecipeFile(name: string): string | undefined {
  return namedRecipes().includes(name) ? fileURLToPath(new URL(`${name}.yaml`, folder)) : undefined;
}

const kindOf = (name: string): string => name.slice(0, name.lastIndexOf("-"));
const sizeOf = (name: string): number => {
  const size = name.slice(name.lastIndexOf("-") + 1);
  return Number.parseInt(size, 10) * (size.endsWith("b") ? 1000 : 1);
};
