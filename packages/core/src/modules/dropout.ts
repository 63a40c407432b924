import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { readJson } from "../model/read-json.ts";
import type { ParameterEntry } from "../nn/parameter-set.ts";
import { dropout } from "../ops/dropout.ts";
import { Tensor } from "../tensor/tensor.ts";
import { requireTensor } from "./features.ts";
import { type Module, type ModuleFeatures, type ModulePass, withTensor } from "./module.ts";

const NAME = "sentence_embedding";
/** Beyond those of models. */
const SITE = 1 << 20;

export interface DropoutModuleOptions {
  /** The probability of a zero, from 0 to below 1. @default 0.2 */
  dropout?: number;
}

/**
 * Sets numbers of embeddings to zero in training. A text has the same mask whatever the batch around it; two of these in
 * one model, at one width, draw the same.
 */
export class Dropout implements Module {
  readonly className: string = "Dropout";
  readonly savedInRoot: boolean = false;
  readonly embeddingDimension: number | null = null;
  /** The probability of a zero. */
  readonly dropout: number;

  constructor({ dropout: rate = 0.2 }: DropoutModuleOptions = {}) {
    if (!(rate >= 0 && rate < 1)) {
      throw new EngineError("Dropout", `dropout is ${rate}`, "Use a probability from 0 to below 1.");
    }
    this.dropout = rate;
  }

  /** Reads a folder. */
  static async fromFolder(folder: string): Promise<Dropout> {
    const rate = (await readJson("fromPretrained", join(folder, "config.json")))?.dropout;
    return new Dropout(rate === undefined ? {} : { dropout: rate as number });
  }

  forward(features: ModuleFeatures, { dropout: draw }: ModulePass = {}): ModuleFeatures {
    const x = requireTensor("Dropout", features, NAME);
    if (!draw || this.dropout === 0) return withTensor(features, NAME, x);
    const { seed, step, firstSequence = 0, sequences } = draw;
    const { device } = x;
    const offsets = Tensor.from(
      Int32Array.from({ length: x.shape[0]! + 1 }, (_, row) => row),
      { device },
    );
    const place = { seed, step, site: SITE, firstSequence, offsets };
    const numbers = sequences && { sequences: Tensor.from(sequences, { device }) };
    return withTensor(features, NAME, dropout(x, { rate: this.dropout, ...place, ...numbers }));
  }

  entries(): readonly ParameterEntry[] {
    return [];
  }

  async save(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "config.json"), JSON.stringify({ dropout: this.dropout }, null, 2));
  }

  dispose(): void {}
}
