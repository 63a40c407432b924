import { EngineError } from "../errors.ts";

/** What makes vectors of documents. */
export interface DocumentEncoder {
  encodeDocument(texts: readonly string[]): Promise<readonly ArrayLike<number>[]>;
}

/** Any text: what counts is that models differ about it. */
const PROBE = "The quick brown fox jumps over the lazy dog, while 42 red balloons drift across a quiet harbour.";
const NUMBERS = 64;
const SAME = 0.999;

/**
 * What tells a model from others: how it encodes one fixed text as a document. Another model, pooling, prompt or
 * dimension gives another fingerprint; the same model on another machine or in bfloat16 gives one that counts as equal.
 *
 * @returns `dim:` and the probe's first 64 numbers as int8 in base64
 */
export async function modelFingerprint(model: DocumentEncoder): Promise<string> {
  const [vector] = await model.encodeDocument([PROBE]);
  const numbers = Array.from(vector!).slice(0, NUMBERS);
  const greatest = Math.max(...numbers.map(Math.abs));
  if (!(greatest > 0) || !Number.isFinite(greatest)) {
    throw new EngineError(
      "modelFingerprint",
      `the model's greatest number for a text is ${greatest}`,
      "Check its weights.",
    );
  }
  const bytes = Int8Array.from(numbers, (value) => Math.round((127 * value) / greatest));
  return `${vector!.length}:${Buffer.from(bytes.buffer).toString("base64")}`;
}

/** Whether two fingerprints are one model's: equal, or those of `modelFingerprint` that differ by rounding only. */
export function isSameModel(a: string, b: string): boolean {
  if (a === b) return true;
  const [first, second] = [probeOf(a), probeOf(b)];
  if (!first || !second || first.dim !== second.dim || first.numbers.length !== second.numbers.length) return false;
  let [dot, squaresA, squaresB] = [0, 0, 0];
  first.numbers.forEach((x, i) => {
    const y = second.numbers[i]!;
    dot += x * y;
    squaresA += x * x;
    squaresB += y * y;
  });
  return dot >= SAME * Math.sqrt(squaresA * squaresB);
}

function probeOf(fingerprint: string): { dim: string; numbers: Int8Array } | null {
  const match = /^(\d+):([A-Za-z0-9+/]+=*)$/.exec(fingerprint);
  return match && { dim: match[1]!, numbers: new Int8Array(Buffer.from(match[2]!, "base64")) };
}
