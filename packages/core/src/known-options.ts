import { EngineError } from "./errors.ts";
import { closeName } from "./nearest-name.ts";

/** The names of all options of a type: the compiler sees to it that none is missing. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/**
 * Refuses options that there are not: one that is misspelt, or that Python has and this has not, would be passed over.
 *
 * @param given what the caller passed
 * @param known the options that there are
 * @param instead what to do in place of options that there are elsewhere, by name
 * @returns what was given
 * @throws EngineError naming the option, and what stands in its place or the nearest
 */
export function checkOptions<Given extends object>(
  where: string,
  given: Given,
  known: Readonly<Record<string, true>>,
  instead: Readonly<Record<string, string>> = {},
): Given {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    const shown = Array.isArray(given) ? "a list" : String(given);
    throw new EngineError(where, `the options are ${shown}`, "Pass an object: { name: value }.");
  }
  checkOptionNames(where, given, Object.keys(known), instead);
  return given;
}

/** The same, of names alone. */
export function checkOptionNames(
  where: string,
  options: object,
  known: readonly string[],
  instead: Readonly<Record<string, string>> = {},
): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const near = closeName(unknown, known) ?? known.find((name) => isPartOf(name, unknown) || isPartOf(unknown, name));
  const wayOut = near ? `The nearest is ${near}.` : `Options are ${known.join(", ")}.`;
  const what = `there is no option ${unknown}`;
  throw new EngineError(where, what, Object.hasOwn(instead, unknown) ? instead[unknown]! : wayOut);
}

/** "dtype" of "torch_dtype". */
function isPartOf(part: string, whole: string): boolean {
  const [a, b] = [part, whole].map((name) => name.toLowerCase().replaceAll("_", "")) as [string, string];
  return a.length > 3 && b.includes(a);
}
