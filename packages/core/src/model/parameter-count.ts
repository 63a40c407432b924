import { partsOf } from "../nn/drawn-parameters.ts";
import { ParameterSet } from "../nn/parameter-set.ts";
import type { ParameterSource } from "../nn/parameter-source.ts";
import { sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import type { ModelClass, PreTrainedModel } from "./pretrained-model.ts";

/** Parameters that are shapes without memory. */
class ShapeParameters implements ParameterSource {
  readonly made: ParameterSet;
  readonly loads: boolean = false;
  readonly prefix: string;

  constructor(made: ParameterSet = new ParameterSet(), prefix = "") {
    this.made = made;
    this.prefix = prefix;
  }

  tensor(name: string, shape: readonly number[]): Tensor {
    const tensor = Tensor.empty([0]).viewAs(shape);
    this.made.add({ name: this.prefix + name, tensor, parts: null });
    return tensor;
  }

  rows(
    name: string,
    parts: readonly { readonly name: string; readonly rows: number }[],
    tail: readonly number[],
  ): Tensor {
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    const tensor = Tensor.empty([0]).viewAs([rows, ...tail]);
    this.made.add({ name: this.prefix + name, tensor, parts: partsOf(this.prefix, parts) });
    return tensor;
  }

  tied(name: string, table: Tensor, tied: boolean): Tensor {
    return tied ? table : this.tensor(name, table.shape);
  }

  in(prefix: string): ParameterSource {
    return new ShapeParameters(this.made, `${this.prefix}${prefix}.`);
  }
}

/**
 * The number of weights that a class of models has at a configuration, without making them; tied ones count once.
 *
 * @param config a configuration, a part of one, or a name such as "ettin-encoder-17m"
 */
export function parameterCount<M extends PreTrainedModel<C>, C extends ModelConfig>(
  model: ModelClass<M, C>,
  config: Partial<C> | string,
): number {
  const made = new model(model.kind.complete(config), new ShapeParameters());
  const count = made.parameters().reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  made.dispose();
  return count;
}
