/**
 * Schedules: plain functions of time that give a factor for the learning rate. Time counts whatever `total` counts:
 * steps or tokens, from 0.
 */
import { EngineError } from "../errors.ts";

export type Schedule = (time: number) => number;

/** The share of the way from `begin` to `end`, from 0 to 1; past a way of length 0 it is 1. */
export const share = (time: number, begin: number, end: number): number =>
  time >= end ? 1 : Math.max(0, (time - begin) / (end - begin));

export function checkTimes(name: string, times: Readonly<Record<string, number>>): void {
  for (const [key, value] of Object.entries(times)) {
    if (!(value >= 0)) throw new EngineError(name, `${key} is ${value}`, "Use 0 or more.");
  }
}

/** Throws where a factor that a schedule ends with is not one. */
export function checkFloor(name: string, floor: number): void {
  if (!(floor >= 0 && floor <= 1)) throw new EngineError(name, `floor is ${floor}`, "Use a factor from 0 to 1.");
}

/** A linear rise from 0 to 1 over `warmup`, and 1 after it. */
export const warmedUp = (time: number, warmup: number): number =>
  warmup > 0 ? Math.min(1, Math.max(0, time) / warmup) : 1;

export type Fall = "linear" | "one-minus-sqrt" | "cosine";

/** The rise, then what comes behind it; `then` takes times from `warmup` on. */
export const afterWarmup =
  (warmup: number, then: Schedule): Schedule =>
  (time) =>
    time < warmup ? warmedUp(time, warmup) : then(time);

/** How a fall goes over its share s: `1 − s`, `1 − √s`, or half a wave, `(1 + cos πs) / 2`. */
export const FALLS: Readonly<Record<Fall, (s: number) => number>> = {
  linear: (s) => 1 - s,
  "one-minus-sqrt": (s) => 1 - Math.sqrt(s),
  cosine: (s) => 0.5 * (1 + Math.cos(Math.PI * s)),
};

/** The fall of a name; throws for another. */
export function fallOf(name: string, shape: Fall): (s: number) => number {
  const fall = FALLS[shape];
  if (fall) return fall;
  throw new EngineError(name, `shape is "${shape}"`, `Use one of ${Object.keys(FALLS).join(", ")}.`);
}
