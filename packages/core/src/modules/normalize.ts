import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readJson } from "../model/read-json.ts";
import type { ParameterEntry } from "../nn/parameter-set.ts";
import { l2Normalize } from "../ops/l2-normalize.ts";
import { type Module, type ModuleFeatures, withTensor } from "./module.ts";

export interface NormalizeOptions {
  /** The tensor that it reads. @default "sentence_embedding" */
  inputName?: string;
  /** The tensor that it makes. @default inputName */
  outputName?: string;
}

/** Brings each row to length 1. Where no module before it made the tensor, it does nothing, as in the reference. */
export class Normalize implements Module {
  readonly className: string = "Normalize";
  readonly savedInRoot: boolean = false;
  readonly embeddingDimension: number | null = null;
  readonly inputName: string;
  readonly outputName: string;

  constructor({ inputName = "sentence_embedding", outputName = inputName }: NormalizeOptions = {}) {
    this.inputName = inputName;
    this.outputName = outputName;
  }

  /** Reads a folder, which may be absent: it used to hold nothing. */
  static async fromFolder(folder: string): Promise<Normalize> {
    return new Normalize(tensorNames(await readJson("fromPretrained", join(folder, "config.json"))));
  }

  forward(features: ModuleFeatures): ModuleFeatures {
    const found = features.tensors[this.inputName];
    return found ? withTensor(features, this.outputName, l2Normalize(found)) : features;
  }

  entries(): readonly ParameterEntry[] {
    return [];
  }

  /** An object without entries: a folder without a file would not survive an upload. */
  async save(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "config.json"), JSON.stringify(savedNames(this), null, 2));
  }

  dispose(): void {}
}

/** The names of the tensors that a module's file gives. */
export function tensorNames(json: Readonly<Record<string, unknown>> | null): NormalizeOptions {
  const name = (key: string) => (typeof json?.[key] === "string" ? (json[key] as string) : undefined);
  const inputName = name("module_input_name");
  const outputName = name("module_output_name");
  return { ...(inputName !== undefined && { inputName }), ...(outputName !== undefined && { outputName }) };
}

/** The names as a file has them: none where they are the usual ones, which every version knows. */
export function savedNames({ inputName, outputName }: Required<NormalizeOptions>): Record<string, string> {
  if (inputName === "sentence_embedding" && outputName === inputName) return {};
  return { module_input_name: inputName, module_output_name: outputName };
}
