import { groupedNumber, shortNumber, shortTime } from "./short-number.ts";

/** Where a run stands, for its line on a terminal. */
export interface ProgressView {
  /** The share that is done, from 0 to 1; null where the end is not known. */
  readonly done: number | null;
  readonly step: number;
  /** Steps of the whole run; null where tokens end it. */
  readonly steps: number | null;
  readonly loss: number | null;
  readonly learningRate: number | null;
  readonly tokensPerSecond: number | null;
  /** Seconds. */
  readonly left: number | null;
  /** What is going on beside training: "evaluating 3/12". */
  readonly busy: string | null;
}

const [LONGEST_BAR, SHORTEST_BAR] = [30, 8];

/** What a narrow line leaves out, in this order. */
const LEFT_OUT = ["rate", "speed", "bar", "left", "step"] as const;

/** One line of at most `columns` characters: what fits, the bar as long as there is room. */
export function progressBar(view: ProgressView, columns: number): string {
  const share = Math.min(1, Math.max(0, view.done ?? 0));
  const parts = partsOf(view);
  const shown = () => [...parts.values()].filter((part) => part !== "").join("  ");
  if (view.done !== null) parts.set("bar", barText(share, SHORTEST_BAR));
  for (const part of LEFT_OUT) if (shown().length > columns) parts.delete(part);
  if (parts.get("bar")) {
    const room = columns - shown().length + SHORTEST_BAR;
    parts.set("bar", barText(share, Math.min(LONGEST_BAR, room)));
  }
  return shown().slice(0, columns);
}

function barText(share: number, width: number): string {
  const eighths = Math.floor(share * (width - 2) * 8);
  const part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]!;
  return `▕${("█".repeat(Math.floor(eighths / 8)) + part).padEnd(width - 2)}▏`;
}

/** The parts of a line by what they tell, in their order. */
function partsOf(view: ProgressView): Map<string, string> {
  const { step, steps, loss, learningRate, tokensPerSecond, left, busy, done } = view;
  const unless = (value: number | null, text: (value: number) => string) => (value === null ? "" : text(value));
  return new Map([
    ["share", unless(done, (value) => `${String(Math.floor(100 * value)).padStart(3)}%`)],
    ["bar", ""],
    ["step", `step ${groupedNumber(step)}${steps === null ? "" : `/${groupedNumber(steps)}`}`],
    ["busy", busy ?? ""],
    ["loss", unless(loss, (value) => `loss ${value.toPrecision(4)}`)],
    ["rate", unless(learningRate, (value) => `lr ${shortNumber(value)}`)],
    ["speed", unless(tokensPerSecond, (value) => `${shortNumber(value)} tok/s`)],
    ["left", unless(left, (value) => `${shortTime(value)} left`)],
  ]);
}

/** A line of a log file: where the run stands, then all values. */
export function progressLine(view: ProgressView, values: Readonly<Record<string, number>>): string {
  const { step, steps, done, left } = view;
  const place = `step ${groupedNumber(step)}${steps === null ? "" : `/${groupedNumber(steps)}`}`;
  const share = done === null ? "" : ` (${(100 * done).toFixed(1)} %)`;
  return [
    `${place}${share}`,
    valuesText(values),
    ...(view.tokensPerSecond === null ? [] : [`${groupedNumber(view.tokensPerSecond)} tokens/s`]),
    ...(left === null ? [] : [`${shortTime(left)} left`]),
  ].join("  ");
}

/** "loss 2.345  grad_norm 0.81": names and values. */
export const valuesText = (values: Readonly<Record<string, number>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${shortNumber(value, 4)}`)
    .join("  ");
