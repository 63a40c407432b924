import { type Device, type DeviceName, resolveDevice } from "../device.ts";
import { EngineError } from "../errors.ts";
import { rowsOf } from "../similarity/vector-rows.ts";
import { tensorScope } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { packBits, toSteps } from "./kernels.ts";
import { type EmbeddingOf, type Precision, precisions } from "./precision.ts";
import { type EmbeddingRanges, rangesOf } from "./ranges.ts";

export interface QuantizeOptions {
  /** Of "int8" and "uint8": the least and the largest of each dimension. @default those of the calibration embeddings */
  ranges?: EmbeddingRanges | undefined;
  /** Of "int8" and "uint8": embeddings that stand for all. @default the embeddings themselves */
  calibrationEmbeddings?: readonly Float32Array[] | undefined;
  /** @default the default device */
  device?: Device | DeviceName | undefined;
  /** Takes a sentence where ranges come from fewer than 100 embeddings. */
  onNotice?: ((notice: string) => void) | undefined;
  /** For messages: what the caller wrote. */
  where?: string;
}

/** Numbers that are on the device at a time. */
const AT_ONCE = 1 << 20;
const FEW = 100;

/**
 * Embeddings in a smaller form, computed by the engine:
 *
 * - "uint8": `floor((x − least) / step)` within 0 … 255, with `step` a 255th of the dimension's range (1 where it has
 *   none); "int8": the same less 128;
 * - "ubinary": a bit for each dimension, 1 where the number is above 0, 8 to a byte from the highest bit on, an embedding's
 *   last byte filled up with zeros; "binary": the same bytes less 128.
 *
 * @returns one array for each, views of one buffer; "float32" gives back what it got
 */
export async function quantizeEmbeddings<P extends Precision>(
  embeddings: readonly Float32Array[],
  precision: P,
  options: QuantizeOptions = {},
): Promise<EmbeddingOf<P>[]> {
  const { where = "quantizeEmbeddings" } = options;
  if (!precisions.includes(precision)) {
    throw new EngineError(where, `precision ${JSON.stringify(precision)} is unknown`, `Use ${precisions.join(", ")}.`);
  }
  if (precision === "float32") return [...embeddings] as EmbeddingOf<P>[];
  const source = rowsOf(where, "embeddings", embeddings);
  const device = resolveDevice(options.device);
  const bits = precision === "binary" || precision === "ubinary";
  const width = bits ? Math.ceil(source.dim / 8) : source.dim;
  const shift = precision === "int8" || precision === "binary" ? 128 : 0;
  const all = shift ? new Int8Array(source.rows * width) : new Uint8Array(source.rows * width);
  const ranges = bits || source.rows === 0 ? null : await rangesFor(where, embeddings, device, options);
  const most = Math.max(1, Math.floor(AT_ONCE / Math.max(1, source.dim)));
  for (let first = 0; first < source.rows; first += most) {
    const count = Math.min(most, source.rows - first);
    const some = source.data.subarray(first * source.dim, (first + count) * source.dim);
    const [numbers] = noGrad(() =>
      tensorScope(() => {
        const x = Tensor.from(some, { shape: [count, source.dim], device });
        const whole = ranges ? toSteps(x, ranges) : packBits(x);
        return [whole.sub(Tensor.full([], shift, whole)).data()];
      }),
    );
    all.set(await numbers!, first * width);
  }
  return Array.from(embeddings, (_, i) => all.subarray(i * width, (i + 1) * width)) as EmbeddingOf<P>[];
}

async function rangesFor(
  where: string,
  embeddings: readonly Float32Array[],
  device: Device,
  { ranges, calibrationEmbeddings, onNotice }: QuantizeOptions,
): Promise<EmbeddingRanges> {
  const dim = embeddings[0]!.length;
  const found = ranges ?? (await rangesOf(calibrationEmbeddings ?? embeddings, { device, where }));
  if (!ranges && !calibrationEmbeddings && embeddings.length < FEW) {
    onNotice?.(
      `Ranges for ${embeddings.length} embeddings are taken from themselves: pass ranges or calibrationEmbeddings of ${FEW} or more.`,
    );
  }
  if (found.min.length === dim && found.max.length === dim) return found;
  throw new EngineError(
    where,
    `ranges have ${found.min.length} and ${found.max.length} dimensions, but embeddings ${dim}`,
    "Take them from embeddings of the same model, cut to the same length.",
  );
}
