import { mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { TrainerCallback } from "../trainer/callback.ts";
import { type AppendFile, openAppendFile } from "./append-file.ts";
import { type Notify, warn } from "./notify.ts";
import { safeArguments } from "./run-environment.ts";
import { stepMeter } from "./step-meter.ts";
import { encodeEvent, type TensorBoardEvent } from "./tensorboard-event.ts";
import { tfRecord } from "./tf-record.ts";

export interface TensorBoardOptions {
  /** @default `outputDir` */
  folder?: string;
  /** Called with a sentence when the file could not be written. @default a warning of the process */
  onNotice?: Notify;
}

let files = 0;

/**
 * Writes what a run logs for TensorBoard: an events file `events.out.tfevents.…`, with the reference's tags, `train/loss`,
 * `eval/loss` and so on, and the arguments as a text. A run that goes on from a checkpoint writes a file of its own that
 * begins by taking back the steps after it.
 */
export function tensorBoard(options: TensorBoardOptions = {}): TrainerCallback {
  const { onNotice = warn } = options;
  const meter = stepMeter();
  let file: AppendFile | null = null;
  const write = (event: TensorBoardEvent) => file?.append(tfRecord(encodeEvent(event)));
  const now = () => Date.now() / 1000;

  return {
    onTrainBegin(args, { globalStep }) {
      const folder = options.folder ?? args.outputDir;
      mkdirSync(folder, { recursive: true });
      const name = `events.out.tfevents.${Math.floor(now())}.${hostname()}.${process.pid}.${files++}`;
      file = openAppendFile(join(folder, name), onNotice);
      write({ wallTime: now(), step: 0, fileVersion: "brain.Event:2" });
      if (globalStep > 0) write({ wallTime: now(), step: globalStep + 1, sessionStart: true });
      const text = `\`\`\`json\n${JSON.stringify(safeArguments(args), null, 2)}\n\`\`\``;
      write({ wallTime: now(), step: globalStep, texts: { "args/text_summary": text } });
    },
    onStepEnd(_args, _state, _control, report) {
      meter.count(report);
    },
    onLog(_args, { globalStep, epoch }, _control, values) {
      write({ wallTime: now(), step: globalStep, scalars: tagged({ ...values, ...meter.take(), epoch }) });
    },
    onEvaluate(_args, { globalStep }, _control, metrics) {
      write({ wallTime: now(), step: globalStep, scalars: tagged(metrics) });
    },
    onSave() {
      file?.sync();
    },
    onClose() {
      file?.close();
      file = null;
    },
  };
}

/** Values under the reference's tags. */
function tagged(values: Readonly<Record<string, number>>): Record<string, number> {
  const numbers = Object.entries(values).filter(([, value]) => typeof value === "number");
  return Object.fromEntries(
    numbers.map(([name, value]) => [name.startsWith("eval_") ? `eval/${name.slice(5)}` : `train/${name}`, value]),
  );
}
