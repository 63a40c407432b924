/** Checkpoints under test/fixtures/models: the folder, the case, and the numbers that transformers gave. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Case {
  readonly class: string;
  readonly texts: readonly (readonly number[])[];
  readonly types?: readonly (readonly number[])[];
  readonly labels?: readonly number[] | readonly (readonly number[])[];
  readonly rows?: readonly number[];
  readonly ids?: readonly number[];
  /** How far PyTorch's bfloat16 runs are from its float32 run: root mean square, and relative to the gradients' norm. */
  readonly bfloat16: { readonly logits: number; readonly gradients: number };
}

const folder = fileURLToPath(new URL("../fixtures/models", import.meta.url));

export const checkpointNames: readonly string[] = readdirSync(folder).sort();

export const checkpointFolder = (name: string): string => join(folder, name);

export const readCase = (name: string): Case => JSON.parse(readFileSync(join(folder, name, "case.json"), "utf8"));

/** The float32 tensors of a safetensors file, read plainly. */
export function readFloats(path: string): Map<string, Float32Array> {
  const file = readFileSync(path);
  const length = Number(file.readBigUInt64LE());
  const header = JSON.parse(file.subarray(8, 8 + length).toString()) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const start = 8 + length;
  return new Map(
    Object.entries(header)
      .filter(([name]) => name !== "__metadata__")
      .map(
        ([
          name,
          {
            data_offsets: [first, end],
          },
        ]) => [name, new Float32Array(Uint8Array.from(file.subarray(start + first, start + end)).buffer)],
      ),
  );
}

export const readExpected = (name: string): Map<string, Float32Array> =>
  readFloats(join(folder, name, "expected.safetensors"));
