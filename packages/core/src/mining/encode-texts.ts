import { EngineError } from "../errors.ts";
import { l2Normalize } from "../ops/l2-normalize.ts";
import { sum } from "../ops/sum.ts";
import { type Rows, rowsOf } from "../similarity/vector-rows.ts";
import { tensorScope } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Texts that are encoded before progress is told and the signal looked at. */
const TEXTS_AT_ONCE = 16_384;

/** Encodes texts a part at a time into one array, each embedding at length 1. */
export async function encodeTexts(
  where: string,
  texts: readonly string[],
  encode: (texts: readonly string[]) => Promise<readonly ArrayLike<number>[]>,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal | undefined,
): Promise<Rows> {
  let data = new Float32Array(0);
  let dim = 0;
  for (let start = 0; start < texts.length; start += TEXTS_AT_ONCE) {
    signal?.throwIfAborted();
    const some = texts.slice(start, start + TEXTS_AT_ONCE);
    const found = await encode(some);
    if (found.length !== some.length) {
      throw new EngineError(where, `the model gave ${found.length} embeddings for ${some.length} texts`, "Mend it.");
    }
    const part = rowsOf(where, "embedding", found as readonly Float32Array[]); // it looks at each
    if (start === 0) {
      dim = part.dim;
      data = new Float32Array(texts.length * dim);
    } else if (part.dim !== dim) {
      throw new EngineError(where, `embeddings have ${part.dim} numbers, after ${dim}`, "Use one model.");
    }
    data.set(await unitRows(where, part, (i) => JSON.stringify(some[i]!.slice(0, 80))), start * dim);
    onProgress(start + some.length, texts.length);
  }
  return { data, rows: texts.length, dim };
}

/** The rows at length 1. @param called a row for the message where it has a number that is not finite */
export async function unitRows(
  where: string,
  { data, rows, dim }: Rows,
  called: (row: number) => string,
): Promise<Float32Array> {
  const [reading, sums] = noGrad(() =>
    tensorScope(() => {
      const unit = l2Normalize(Tensor.from(data, { shape: [rows, dim] }));
      return [unit.data(), sum(unit, -1).data()] as const;
    }),
  );
  const found = (await sums).findIndex((total) => !Number.isFinite(total));
  if (found < 0) return (await reading) as Float32Array;
  throw new EngineError(where, `the embedding of ${called(found)} has numbers that are not finite`, "Check the model.");
}
