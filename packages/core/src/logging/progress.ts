import type { TrainerCallback } from "../trainer/callback.ts";
import type { StepReport, TrainerState } from "../trainer/trainer-state.ts";
import type { TrainingArguments } from "../trainer/training-arguments.ts";
import { type ProgressView, progressBar, progressLine, valuesText } from "./progress-text.ts";
import { groupedNumber, shortTime } from "./short-number.ts";

export interface ProgressOptions {
  /** Where it is written. @default the process's error output */
  stream?: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
  /** A bar that is drawn over, in place of a line for each log event. @default whether the stream is a terminal */
  interactive?: boolean;
  /** Milliseconds between two drawings of the bar. @default 100 */
  interval?: number;
}

const CLEAR = "\r\u001b[K";

/**
 * Tells on a terminal how far a run is: a bar with step, loss, learning rate, tokens per second and time left, drawn at
 * most ten times a second. Where nobody watches (a file, a log), a line for each log event, evaluation and checkpoint.
 */
export function progressReporter(options: ProgressOptions = {}): TrainerCallback {
  const { stream = process.stderr, interval = 100 } = options;
  const interactive = options.interactive ?? stream.isTTY === true;
  const clock = runClock();
  let drawn = Number.NEGATIVE_INFINITY;
  let last: StepReport | null = null;
  let shown = false;

  const clear = () => {
    if (shown) stream.write(CLEAR);
    shown = false;
  };
  const say = (line: string) => {
    clear();
    stream.write(`${line}\n`);
  };
  const draw = (args: TrainingArguments, state: TrainerState, busy: string | null, now = false) => {
    if (!interactive || (!now && performance.now() - drawn < interval)) return;
    drawn = performance.now();
    shown = true;
    stream.write(`${CLEAR}${progressBar(clock.view(args, state, last, busy), (stream.columns ?? 80) - 1)}`);
  };

  return {
    onTrainBegin(args, state) {
      clock.start(args, state);
      if (state.globalStep > 0) say(`going on after step ${groupedNumber(state.globalStep)}`);
      draw(args, state, null);
    },
    onStepEnd(args, state, _control, report) {
      last = report;
      clock.count(report);
      draw(args, state, null);
    },
    onLog(args, state, _control, values) {
      if (interactive || !("loss" in values)) return;
      const { num_input_tokens_seen: _, ...told } = values; // the share that is done says as much
      say(progressLine(clock.view(args, state, last, null), told));
    },
    onEvaluateStep(args, state, _control, done, total) {
      draw(args, state, `evaluating ${done}/${total}`);
    },
    onEvaluate(args, state, _control, metrics) {
      say(`step ${groupedNumber(state.globalStep)}  ${valuesText(worthTelling(metrics))}`);
      draw(args, state, null, true);
    },
    onSave(args, state, _control, folder) {
      if (interactive) draw(args, state, null);
      else say(`step ${groupedNumber(state.globalStep)}  saved ${folder}`);
    },
    onNotice(args, state, _control, notice) {
      say(`note: ${notice}`);
      if (clock.started) draw(args, state, null, true);
    },
    onTrainEnd(_args, state, _control, { trainLoss, stopped, checkpoint }) {
      const steps = `${groupedNumber(state.globalStep)} step${state.globalStep === 1 ? "" : "s"}`;
      const loss = Number.isFinite(trainLoss) ? `, mean loss ${trainLoss.toPrecision(4)}` : "";
      const how = stopped ? `stopped (${stopped}) after` : "done:";
      say(`${how} ${steps} in ${shortTime(clock.seconds)}${loss}${checkpoint ? `, saved ${checkpoint}` : ""}`);
    },
    onClose: clear,
  };
}

/** Metrics without how long it took. */
const worthTelling = (metrics: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(metrics).filter(([name]) => !/_per_second$|^epoch$/.test(name)));

/** Time, speed and the way that is left, as this call of `train()` has seen them. */
function runClock() {
  let began = 0;
  let before = 0;
  let speed: number | null = null;

  return {
    started: false,
    get seconds() {
      return (performance.now() - began) / 1000;
    },
    start(args: TrainingArguments, state: TrainerState) {
      this.started = true;
      began = performance.now();
      before = doneOf(args, state) ?? 0;
    },
    count({ tokens, seconds }: StepReport) {
      const now = tokens / Math.max(seconds, 1e-9);
      const keep = Math.exp(-seconds / 10); // about the last ten seconds
      speed = speed === null ? now : keep * speed + (1 - keep) * now;
    },
    view(args: TrainingArguments, state: TrainerState, last: StepReport | null, busy: string | null): ProgressView {
      const done = doneOf(args, state);
      const way = (done ?? 0) - before;
      return {
        done,
        step: state.globalStep,
        steps: args.maxTokens === null && state.maxSteps > 0 ? state.maxSteps : null,
        loss: last?.loss ?? null,
        learningRate: last?.learningRate ?? null,
        tokensPerSecond: speed,
        left: done !== null && way > 0 ? ((1 - done) / way) * this.seconds : null,
        busy,
      };
    },
  };
}

/** The share of a run that is done; null where its end is not known. */
export function doneOf(args: TrainingArguments, state: TrainerState): number | null {
  const byTokens = args.maxTokens ? state.numInputTokensSeen / args.maxTokens : null;
  const bySteps = state.maxSteps > 0 ? state.globalStep / state.maxSteps : null;
  const done = byTokens ?? bySteps;
  return done === null ? null : Math.min(1, done);
}
