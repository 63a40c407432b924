import type { Device, DeviceName } from "../device.ts";
import { EngineError, shapeText } from "../errors.ts";
import { loadStored } from "../hub/load-stored.ts";
import { openWeights } from "../hub/open-weights.ts";
import { quoted } from "../hub/stored-tensor.ts";
import { parameter } from "../tensor/parameter.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What the modules of one model share as they are loaded. */
export interface ModuleLoad {
  /** Of the weights in memory; "auto": as the first module's file has them. */
  readonly dtype: "auto" | "float32" | "bfloat16";
  /** @default the default device */
  readonly device?: Device | DeviceName | undefined;
  readonly onNotice?: ((notice: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The parameters of a module's folder.
 *
 * @param shapes of all that it has; -1 stands for any size
 * @throws EngineError where one is missing, of another shape, or one too many
 */
export async function moduleWeights(
  where: string,
  folder: string,
  { dtype, device }: ModuleLoad,
  shapes: Readonly<Record<string, readonly number[]>>,
): Promise<Map<string, Tensor>> {
  const stored = await openWeights(folder);
  const fail = (what: string): never => {
    throw new EngineError(where, `the weights in ${folder} ${what}`, "Make config.json say what the weights are.");
  };
  for (const [name, shape] of Object.entries(shapes)) {
    const found = stored.get(name);
    if (!found) return fail(`lack ${name} ${shapeText(shape)}`);
    if (found.shape.length !== shape.length || shape.some((size, d) => size !== -1 && found.shape[d] !== size)) {
      fail(`have ${name} ${shapeText(found.shape)}, but ${shapeText(shape)} is needed`);
    }
  }
  for (const name of stored.keys()) {
    if (!Object.hasOwn(shapes, name)) fail(`have ${quoted(name)}, for which there is no place`);
  }
  const made = new Map<string, Tensor>();
  try {
    for (const name of Object.keys(shapes)) {
      const loaded = loadStored(stored.get(name)!, {
        dtype: dtype === "auto" ? "float32" : dtype,
        ...(device && { device }),
      });
      made.set(name, parameter(loaded));
    }
    return made;
  } catch (error) {
    for (const tensor of made.values()) tensor.dispose();
    throw error;
  }
}
