import { type FileHandle, open } from "node:fs/promises";
import { EngineError, shapeText } from "../errors.ts";
import { quoted } from "./stored-tensor.ts";
import { layOut, type WeightToSave, weightBytes } from "./weight-shards.ts";

const WRITE_AT_ONCE = 1 << 26; // one write call takes less than 2 GiB

/** Writes one safetensors file, which must not be there yet, and flushes it. One tensor is in memory at a time. */
export function writeSafetensors(
  path: string,
  tensors: readonly WeightToSave[],
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Promise<void> {
  return writeFileWhole(path, async (file) => {
    const { header, ordered } = layOut(tensors, metadata);
    await writeAll(file, header);
    for (const tensor of ordered) {
      const bytes = await tensor.read();
      if (bytes.byteLength !== weightBytes(tensor)) {
        throw new EngineError(
          "saveWeights",
          `tensor ${quoted(tensor.name)} ${tensor.dtype} ${shapeText(tensor.shape)} takes ${weightBytes(tensor)} bytes, ` +
            `but its read() gave ${bytes.byteLength}`,
          "Give all its bytes, in that element type.",
        );
      }
      await writeAll(file, bytes);
    }
  });
}

/** Writes a new file and flushes it. */
export async function writeFileWhole(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, "wx");
  try {
    await write(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

export async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, done, Math.min(WRITE_AT_ONCE, bytes.byteLength - done));
    done += bytesWritten;
  }
}
