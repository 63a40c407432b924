import { EngineError } from "../errors.ts";
import { copiedParameter } from "../tensor/parameter.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Initialisation } from "./initialisation.ts";
import { ParameterSet } from "./parameter-set.ts";
import type { ParameterSource } from "./parameter-source.ts";

/** Copies of another model's parameters, by their names. */
export class CopiedParameters implements ParameterSource {
  readonly made: ParameterSet;
  readonly loads: boolean = true;
  readonly prefix: string;
  private readonly from: ParameterSet;

  constructor(from: ParameterSet, prefix = "", made: ParameterSet = new ParameterSet()) {
    this.from = from;
    this.prefix = prefix;
    this.made = made;
  }

  tensor(name: string): Tensor {
    const full = this.prefix + name;
    const entry = this.from.under("").find((each) => each.name === full);
    if (!entry) throw new EngineError("copy", `the model has no parameter ${full}`, "Load its folder a second time.");
    const tensor = copiedParameter(entry.tensor);
    this.made.add({ ...entry, tensor });
    return tensor;
  }

  rows(name: string): Tensor {
    return this.tensor(name);
  }

  tied(name: string, table: Tensor, tied: boolean, _init: Initialisation): Tensor {
    return tied ? table : this.tensor(name);
  }

  in(prefix: string): ParameterSource {
    return new CopiedParameters(this.from, `${this.prefix}${prefix}.`, this.made);
  }
}
