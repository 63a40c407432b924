import { EngineError } from "./errors.ts";
import { nearestName } from "./nearest-name.ts";

/** Refuses an option that there is none of, with the nearest that there is. */
export function checkOptionNames(where: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new EngineError(where, `there is no option ${name}`, `The nearest is ${nearestName(name, known)}.`);
  }
}
