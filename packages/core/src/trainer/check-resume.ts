import { EngineError } from "../errors.ts";
import { ARGUMENT_RULES, type ArgumentRules } from "./argument-rules.ts";
import type { TrainingArguments } from "./training-arguments.ts";

/**
 * Checks that a run goes on as it began: only arguments that decide nothing about the numbers may differ, and its end may
 * move away.
 *
 * @param saved `training_args.json` of the checkpoint
 * @throws EngineError naming each argument that differs, with both values
 */
export function checkSameArguments(
  folder: string,
  saved: Readonly<Record<string, unknown>>,
  args: TrainingArguments,
  rules: ArgumentRules = {},
): void {
  const differing: string[] = [];
  for (const [name, rule] of Object.entries({ ...ARGUMENT_RULES, ...rules })) {
    if (rule.onResume === "free" || !(name in saved)) continue;
    const [was, now] = [saved[name], args[name as keyof TrainingArguments]];
    const same = JSON.stringify(sorted(was)) === JSON.stringify(sorted(now));
    const longer = rule.onResume === "larger" && endOf(now) >= endOf(was);
    if (!same && !longer) differing.push(`${name} is ${JSON.stringify(now)}, was ${JSON.stringify(was)}`);
  }
  if (differing.length === 0) return;
  throw new EngineError(
    "train",
    `${folder} was made with other arguments: ${differing.join("; ")}`,
    "Resume with those of the run, or start a new one in another outputDir.",
  );
}

/** Of an argument that ends a run: none (-1, null) is no end. */
const endOf = (value: unknown): number => (typeof value === "number" && value > 0 ? value : Number.POSITIVE_INFINITY);

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}
