import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TrainerCallback } from "../trainer/callback.ts";
import { type AppendFile, openAppendFile } from "./append-file.ts";
import { cutLinesAfter, setAside } from "./metrics-lines.ts";
import { type Notify, warn } from "./notify.ts";
import { stepMeter } from "./step-meter.ts";

export interface MetricsFileOptions {
  /** @default "metrics.jsonl" in `outputDir` */
  path?: string;
  /** Called with a sentence when something stood in the way. @default a warning of the process */
  onNotice?: Notify;
}

/**
 * Writes what a run logs to a file, a JSON object per line: `step`, `epoch`, `time` (ISO 8601, UTC), the trainer's values,
 * `tokens_per_second`, and in bytes `rss`, `memory` and `memory_peak` (of tensors). A number that is not
 * finite is null.
 *
 * A run that goes on from a checkpoint first cuts off the lines of steps that it takes again, and a line that a crash cut
 * short. A new run sets an earlier file aside, as `metrics.1.jsonl`. Where the disk is full, lines wait in memory.
 */
export function metricsFile(options: MetricsFileOptions = {}): TrainerCallback {
  const { onNotice = warn } = options;
  const meter = stepMeter();
  let file: AppendFile | null = null;
  const write = (values: object) => file?.append(Buffer.from(`${JSON.stringify(values)}\n`));

  return {
    onTrainBegin(args, state) {
      const path = options.path ?? join(args.outputDir, "metrics.jsonl");
      mkdirSync(dirname(path), { recursive: true });
      if (state.globalStep > 0) {
        const { tornBytes } = cutLinesAfter(path, state.globalStep);
        if (tornBytes > 0) onNotice(`The last line of ${path} had no end: its ${tornBytes} bytes were cut off.`);
      } else setAside(path);
      file = openAppendFile(path, onNotice);
    },
    onStepEnd(_args, _state, _control, report) {
      meter.count(report);
    },
    onLog(_args, { globalStep, epoch }, _control, values) {
      write({ step: globalStep, epoch, time: new Date().toISOString(), ...values, ...meter.take() });
    },
    onEvaluate(_args, { globalStep, epoch, numInputTokensSeen }, _control, metrics) {
      const time = new Date().toISOString();
      write({ step: globalStep, epoch, time, ...metrics, num_input_tokens_seen: numInputTokensSeen });
    },
    onSave() {
      file?.sync();
    },
    onClose() {
      file?.sync();
      file?.close();
      file = null;
    },
  };
}
