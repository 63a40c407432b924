/** Steps of training that are not timed, and those that are: as asked (`--steps 1,1`), one and two with `--quick`, or `usual`. */
export function stepCounts(
  { quick, steps }: { quick: boolean; steps?: string },
  usual: readonly [warmup: number, timed: number],
): readonly [warmup: number, timed: number] {
  if (steps === undefined) return quick ? [1, 2] : usual;
  const [, warmup, timed] = /^([1-9]\d*),([1-9]\d*)$/.exec(steps) ?? [];
  if (timed === undefined) throw new Error(`[bench] --steps is "${steps}": give two numbers from 1, such as 1,1`);
  return [Number(warmup), Number(timed)];
}
