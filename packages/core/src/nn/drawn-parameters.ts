import type { Device, DeviceName } from "../device.ts";
import { parameter } from "../tensor/parameter.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { drawInitial } from "./draw.ts";
import type { Initialisation } from "./initialisation.ts";
import { ParameterSet } from "./parameter-set.ts";
import type { FusedOptions, ParameterSource } from "./parameter-source.ts";

export interface DrawOptions {
  /** The same seed draws the same weights. */
  seed: number;
  dtype: "float32" | "bfloat16";
  device?: Device | DeviceName | undefined;
}

/** Parameters drawn at random, as each module says. A base model draws the same whether it stands under a head or alone. */
export class DrawnParameters implements ParameterSource {
  readonly made: ParameterSet;
  readonly loads: boolean = false;
  readonly prefix: string;
  private readonly options: DrawOptions;
  private readonly base: string;

  /** @param base what heads put before the base model's names: "model." */
  constructor(options: DrawOptions, base = "", made: ParameterSet = new ParameterSet(), prefix = "") {
    this.options = options;
    this.base = base;
    this.made = made;
    this.prefix = prefix;
  }

  tensor(name: string, shape: readonly number[], init: Initialisation): Tensor {
    const tensor = this.draw(name, shape, init);
    this.made.add({ name: this.prefix + name, tensor, parts: null });
    return tensor;
  }

  rows(
    name: string,
    parts: readonly { readonly name: string; readonly rows: number }[],
    tail: readonly number[],
    init: Initialisation,
    { saved = "parts" }: FusedOptions = {},
  ): Tensor {
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    const tensor = this.draw(name, [rows, ...tail], init);
    this.made.add({
      name: this.prefix + name,
      tensor,
      parts: saved === "whole" ? null : partsOf(this.prefix, parts),
    });
    return tensor;
  }

  tied(name: string, table: Tensor, tied: boolean, init: Initialisation): Tensor {
    return tied ? table : this.tensor(name, table.shape, init);
  }

  in(prefix: string): ParameterSource {
    return new DrawnParameters(this.options, this.base, this.made, `${this.prefix}${prefix}.`);
  }

  private draw(name: string, shape: readonly number[], init: Initialisation): Tensor {
    const full = this.prefix + name;
    const { seed, dtype, device } = this.options;
    const bare = this.base && full.startsWith(this.base) ? full.slice(this.base.length) : full;
    return parameter(drawInitial(shape, init, { seed, name: bare, dtype, ...(device && { device }) }));
  }
}

/** Parts one below the other, with their full names. */
export function partsOf(
  prefix: string,
  parts: readonly { readonly name: string; readonly rows: number }[],
): { name: string; start: number; rows: number }[] {
  let start = 0;
  return parts.map(({ name, rows }) => {
    const part = { name: prefix + name, start, rows };
    start += rows;
    return part;
  });
}
