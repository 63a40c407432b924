import { counterGenerator } from "../tensor/philox.ts";
import type { LossPass } from "../trainer/loss.ts";

/** What is drawn: each has numbers of its own. */
export type DrawnThing = "dimensions" | "layers";
const streams: Readonly<Record<DrawnThing, number>> = { dimensions: 1, layers: 2 };

/**
 * Some of the numbers `0 … n − 1` in ascending order, drawn without repetition: by the run's seed, the step and the
 * batch's place in the step, so that a resumed run draws the same. Without a pass (in evaluation) the draw is always the
 * same.
 *
 * @param count how many; all where it is not above 0 or not below `n`
 */
export function drawSubset(thing: DrawnThing, n: number, count: number, pass: LossPass = {}): number[] {
  const all = Array.from({ length: n }, (_, i) => i);
  if (!(count > 0 && count < n)) return all;
  const { seed = 0, step = 0, firstSequence = 0 } = pass.dropout ?? {};
  const generate = counterGenerator(seed, step);
  const words = new Uint32Array(4);
  for (let place = 0; place < count; place++) {
    generate(words, firstSequence, place, streams[thing], 0x105e);
    const from = place + Math.floor((words[0]! / 2 ** 32) * (n - place));
    [all[place], all[from]] = [all[from]!, all[place]!];
  }
  return all.slice(0, count).sort((a, b) => a - b);
}
