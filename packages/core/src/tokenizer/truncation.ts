/** How many tokens of each text stay: the rules of the Python tokenizers library. */
import { EngineError } from "../errors.ts";

/**
 * What gives way when a text or a pair is too long:
 *
 * - `"longest_first"`: the longer one of a pair down to the other's length, then both evenly;
 * - `"only_first"`, `"only_second"`: that text alone;
 * - `false`: nothing; the ids come whole.
 */
export type Truncation = false | "longest_first" | "only_first" | "only_second";

export const TRUNCATIONS: readonly Truncation[] = [false, "longest_first", "only_first", "only_second"];

/**
 * Lengths of a text and its pair after truncation.
 *
 * @param limit the most tokens, special ones included
 * @param added how many of them are special tokens
 * @param second null without a pair
 * @param describe names the row in errors
 */
export function truncatedLengths(
  where: string,
  strategy: Truncation,
  limit: number,
  added: number,
  first: number,
  second: number | null,
  describe: () => string,
): [first: number, second: number] {
  const room = limit - added;
  const total = first + (second ?? 0);
  if (strategy === false || total <= room) return [first, second ?? 0];
  if (room === 0) return [0, 0];

  if (strategy === "longest_first") {
    if (second === null) return [room, 0];
    const short = Math.min(first, second);
    let [newShort, newLong] = [short, Math.max(short, room - short)];
    if (newShort + newLong > room) {
      newShort = Math.floor(room / 2);
      newLong = newShort + (room % 2);
    }
    // An odd token goes to the longer text. The reference first cuts each to the whole limit, so two that reach it are
    // equally long, and then the second has it.
    const secondIsLonger = Math.min(first, limit) <= Math.min(second, limit);
    return secondIsLonger ? [newShort, newLong] : [newLong, newShort];
  }

  if (strategy === "only_second" && second === null) {
    throw new EngineError(
      where,
      `truncation is "only_second", but ${describe()} has no second text`,
      'Pass pairs, or use truncation: "only_first".',
    );
  }
  const excess = total - room;
  const target = strategy === "only_first" ? first : second!;
  if (target <= excess) {
    const which = strategy === "only_first" ? "first" : "second";
    throw new EngineError(
      where,
      `${describe()} is ${excess} tokens too long, but its ${which} text has only ${target}`,
      'Raise maxLength, or use truncation: "longest_first".',
    );
  }
  return strategy === "only_first" ? [first - excess, second ?? 0] : [first, target - excess];
}
