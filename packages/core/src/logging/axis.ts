import { shortNumber } from "./short-number.ts";

/** An axis of a chart: which values it covers, where its labels stand. */
export interface Axis {
  readonly from: number;
  readonly to: number;
  readonly log: boolean;
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
}

/** How far along the axis a value lies, from 0 to 1. */
export function along({ from, to, log }: Pick<Axis, "from" | "to" | "log">, value: number): number {
  return log ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
}

export interface AxisOptions {
  /** "auto" takes logarithms where values are positive and span more than two powers of ten. @default "linear" */
  scale?: "linear" | "log" | "auto";
  /** Begins at 0, if no value is below. @default false */
  fromZero?: boolean;
  /** Space beyond the values, as a share of their range. @default 0.06 */
  padding?: number;
  /** Labels, about so many. @default 5 */
  labels?: number;
  /** Writes a label. @default shortNumber */
  format?: (value: number, digits: number) => string;
}

/** The axis for some values; those that are not finite do not count. */
export function axisFor(values: Iterable<number>, options: AxisOptions = {}): Axis {
  const { scale = "linear", fromZero = false, padding = 0.06, labels = 5, format = shortNumber } = options;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) [low, high] = [0, 1];
  const log = scale !== "linear" && low > 0 && (scale === "log" || high / low > 100);
  if (log) return logAxis(low, high, padding, format);

  const room = padding * (high - low || Math.abs(high) || 1);
  const from = fromZero && low >= 0 ? 0 : low - room;
  const to = high + room > from ? high + room : from + 1;
  const step = niceStep((to - from) / labels);
  const ticks: number[] = [];
  for (let n = Math.ceil(from / step - 1e-9); n * step <= to + step * 1e-9; n++) ticks.push(n * step);
  const digits = digitsFor(ticks, step);
  return { from, to, log: false, ticks: ticks.map((value) => ({ value, text: format(value, digits) })) };
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5].find((n) => n * power >= rough * 0.999) ?? 10);
}

/** Digits that tell each tick exactly. */
function digitsFor(ticks: readonly number[], step: number): number {
  let digits = 2;
  while (digits < 12 && ticks.some((tick) => Math.abs(Number(tick.toPrecision(digits)) - tick) > step * 1e-3)) digits++;
  return digits;
}

function logAxis(low: number, high: number, padding: number, format: NonNullable<AxisOptions["format"]>): Axis {
  const room = (high / low) ** padding;
  const [from, to] = [low / room, high * room > low / room ? high * room : low * 10];
  const decades = Math.log10(to / from);
  const every = Math.max(1, Math.ceil(decades / 6));
  const within = decades < 2 ? [1, 2, 5] : [1];
  const ticks: { value: number; text: string }[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.log10(to); power += every) {
    for (const n of within) {
      const value = n * 10 ** power;
      if (value >= from && value <= to) ticks.push({ value, text: format(value, 2) });
    }
  }
  return { from, to, log: true, ticks };
}
