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
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return given;
  const names = Object.keys(known);
  const near = closeName(unknown, names);
  const wayOut = Object.hasOwn(instead, unknown)
    ? instead[unknown]!
    : near
      ? `The nearest is ${near}.`
      : `Options are ${names.join(", ")}.`;
  throw new EngineError(where, `there is no option ${unknown}`, wayOut);
}
