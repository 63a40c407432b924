import type { LogEntry } from "@ettin/core";
import type { TrainingLogLine } from "./card-facts.ts";

/**
 * The log of a run as a card shows it: by step the training loss, the losses of evaluation data, and evaluators' primary
 * metrics.
 */
export function trainingLog(history: readonly LogEntry[], primaryMetrics: readonly string[]): TrainingLogLine[] {
  const lines = new Map<number, TrainingLogLine>();
  for (const { step, epoch, ...values } of history) {
    const line = lines.get(step) ?? { step, epoch, trainingLoss: null, metrics: {} };
    const evaluated = Object.entries(values)
      .filter(([key]) => key.startsWith("eval_"))
      .map(([key, value]) => [key.slice("eval_".length), value] as const)
      .filter(([key]) => key === "loss" || key.endsWith("_loss") || primaryMetrics.includes(key));
    const trainingLoss = values.loss ?? line.trainingLoss;
    if (evaluated.length === 0 && trainingLoss === null) continue;
    lines.set(step, { ...line, trainingLoss, metrics: { ...line.metrics, ...Object.fromEntries(evaluated) } });
  }
  return [...lines.values()].sort((a, b) => a.step - b.step);
}
