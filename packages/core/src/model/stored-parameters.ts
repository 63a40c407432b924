import type { Device } from "../device.ts";
import { EngineError, shapeText } from "../errors.ts";
import { loadStored } from "../hub/load-stored.ts";
import type { StoredTensor } from "../hub/stored-tensor.ts";
import { drawInitial } from "../nn/draw.ts";
import { partsOf } from "../nn/drawn-parameters.ts";
import type { Initialisation } from "../nn/initialisation.ts";
import { ParameterSet } from "../nn/parameter-set.ts";
import type { FusedOptions, ParameterSource } from "../nn/parameter-source.ts";
import { parameter } from "../tensor/parameter.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { CheckpointTensors } from "./checkpoint-tensors.ts";

export interface StoredOptions {
  dtype: "float32" | "bfloat16";
  device: Device;
  /** Draws what the file lacks. */
  seed: number;
  /** Draw a head's parameter, too, where the file's has another shape. */
  ignoreMismatchedSizes: boolean;
}

type Part = { readonly name: string; readonly rows: number };

/** Parameters read from a checkpoint. A head that it lacks is drawn and reported; the rest has to be there. */
export class StoredParameters implements ParameterSource {
  readonly made: ParameterSet;
  readonly loads: boolean = true;
  readonly prefix: string;
  private readonly tensors: CheckpointTensors;
  private readonly options: StoredOptions;
  /** Prefixes that files may have; the first is this library's. */
  private readonly prefixes: readonly string[];
  private readonly required: boolean;

  constructor(
    tensors: CheckpointTensors,
    options: StoredOptions,
    made: ParameterSet = new ParameterSet(),
    prefixes: readonly string[] = [""],
    required = false,
  ) {
    this.tensors = tensors;
    this.options = options;
    this.made = made;
    this.prefixes = prefixes;
    this.prefix = prefixes[0]!;
    this.required = required;
  }

  tensor(name: string, shape: readonly number[], init: Initialisation): Tensor {
    const stored = this.find(name, shape);
    const tensor = stored ? parameter(this.load(stored)) : this.draw(name, shape, init);
    this.made.add({ name: this.prefix + name, tensor, parts: null });
    return tensor;
  }

  rows(
    name: string,
    parts: readonly Part[],
    tail: readonly number[],
    init: Initialisation,
    { saved = "parts" }: FusedOptions = {},
  ): Tensor {
    const shape = [parts.reduce((sum, part) => sum + part.rows, 0), ...tail];
    // Either form is read; where neither is there, the message speaks of this library's.
    const asWhole = this.lookUp(name) !== null || (saved === "whole" && !parts.some((part) => this.lookUp(part.name)));
    const whole = asWhole ? this.find(name, shape) : null;
    const pieces = asWhole ? [] : parts.map((part) => this.find(part.name, [part.rows, ...tail]));
    const tensor = whole
      ? parameter(this.load(whole))
      : pieces.length > 0 && pieces.every((piece) => piece !== null)
        ? parameter(this.stack(shape, pieces))
        : this.draw(name, shape, init);
    this.made.add({
      name: this.prefix + name,
      tensor,
      parts: saved === "whole" ? null : partsOf(this.prefix, parts),
    });
    return tensor;
  }

  tied(name: string, table: Tensor, tied: boolean, init: Initialisation): Tensor {
    if (tied && !this.lookUp(name)) return table;
    const own = this.tensor(name, table.shape, init);
    if (tied) {
      this.tensors.notice(
        `${this.prefix}${name} and the ${name === "bias" ? "shared bias" : "embedding table"} differ in the file, so they are ` +
          "not tied, though the configuration says so.",
      );
    }
    return own;
  }

  in(prefix: string, { or, required = this.required }: { or?: string; required?: boolean } = {}): ParameterSource {
    const names = or === undefined ? [prefix] : [prefix, or];
    const prefixes = names.flatMap((name) => this.prefixes.map((before) => `${before}${name}.`));
    return new StoredParameters(this.tensors, this.options, this.made, prefixes, required);
  }

  private lookUp(name: string): StoredTensor | null {
    for (const prefix of this.prefixes) {
      const found = this.tensors.get(prefix + name);
      if (found) return found;
    }
    return null;
  }

  /** The tensor of the file, or null where the file may lack it. */
  private find(name: string, shape: readonly number[]): StoredTensor | null {
    const full = this.prefix + name;
    if (this.required) this.tensors.require(full);
    const stored = this.lookUp(name);
    if (!stored) {
      if (this.required) throw this.tensors.lacks(full, shape);
      this.tensors.missing(full);
      return null;
    }
    const fits = stored.shape.length === shape.length && stored.shape.every((size, d) => size === shape[d]);
    if (fits) return stored;
    if (!this.required && this.options.ignoreMismatchedSizes) {
      this.tensors.missing(full);
      this.tensors.notice(`${full} is ${shapeText(stored.shape)} in the file and was drawn as ${shapeText(shape)}.`);
      return null;
    }
    throw this.tensors.contradicts(full, stored, shape, this.required);
  }

  private load(stored: StoredTensor): Tensor {
    const { dtype, device } = this.options;
    return loadStored(stored, { dtype, device });
  }

  private stack(shape: readonly number[], pieces: readonly StoredTensor[]): Tensor {
    const { dtype, device } = this.options;
    const into = Tensor.empty(shape, { device }, dtype);
    let start = 0;
    for (const piece of pieces) {
      loadStored(piece, { dtype, rows: { into, start } });
      start += piece.shape[0]!;
    }
    return into;
  }

  private draw(name: string, shape: readonly number[], init: Initialisation): Tensor {
    const { seed, dtype, device } = this.options;
    if (this.required) throw new EngineError("fromPretrained", `${this.prefix}${name} is missing`, "Use another file.");
    return parameter(drawInitial(shape, init, { seed, name: this.prefix + name, dtype, device }));
  }
}
