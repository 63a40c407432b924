import { EngineError } from "../errors.ts";

const MOST_ROWS = 32;

/** A step whose loss or gradient is infinite or NaN. It changed nothing: the weights are those of the step before. */
export class NonFiniteLossError extends EngineError {
  override readonly name = "NonFiniteLossError";
  /** Counts from 1. */
  readonly step: number;
  readonly loss: number;
  readonly gradNorm: number;
  /** The step's rows of the training set. */
  readonly rows: readonly number[];

  /**
   * @param options `place`: where the dataset has its rows from; `harmed`: a parameter that has values that are not finite,
   *   from a step before
   */
  constructor(
    step: number,
    loss: number,
    gradNorm: number,
    rows: readonly number[],
    {
      bfloat16,
      place,
      harmed = null,
    }: { bfloat16: boolean; place?: ((row: number) => string) | undefined; harmed?: string | null },
  ) {
    const listed = `${rows.slice(0, MOST_ROWS).join(", ")}${rows.length > MOST_ROWS ? ", …" : ""}`;
    super(
      "train",
      `step ${step} has loss ${loss} and gradient norm ${gradNorm}, over the ${rows.length} row${rows.length === 1 ? "" : "s"} ` +
        `${listed}${place && rows.length > 0 ? `; the first is ${place(rows[0]!)}` : ""}`,
      (harmed === null
        ? "The weights are unharmed. Look at those rows for empty texts and scores that are not numbers, lower learningRate, "
        : `${harmed} has values that are not finite, from a step before or from the start: lower learningRate, `) +
        `lengthen the warm-up, or lower maxGradNorm${bfloat16 ? ", or set bf16: false" : ""}; then resume from ${
          harmed === null ? "the last checkpoint" : "a checkpoint whose weights are finite"
        }.`,
    );
    this.step = step;
    this.loss = loss;
    this.gradNorm = gradNorm;
    this.rows = rows;
  }
}
