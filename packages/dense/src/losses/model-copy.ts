import {
  type Columns,
  EngineError,
  type LossPass,
  type ParameterEntry,
  type Tensor,
  type TextEncoder,
} from "@ettin/core";

/** A model of which there can be a second one. */
export interface CopyableEncoder extends TextEncoder {
  entries(): readonly ParameterEntry[];
  /** A model of its own with the same weights. */
  clone?(): CopyableEncoder;
}

export interface ModelCopyOptions {
  /**
   * A second model with the same weights, which is trained apart and not saved: the same folder loaded again.
   *
   * @default `model.clone()`
   */
  copy?: CopyableEncoder;
}

/** The second model, and whether the loss made it and has to free it. */
export function copyOf(
  owner: string,
  model: CopyableEncoder,
  { copy }: ModelCopyOptions,
): { copy: CopyableEncoder; made: boolean } {
  if (copy === model) throw new EngineError(owner, "copy is the model itself", "Load its folder a second time.");
  if (copy) return { copy, made: false };
  if (model.clone) return { copy: model.clone(), made: true };
  throw new EngineError(owner, "the model cannot be cloned", "Load its folder a second time, and pass that as copy.");
}

/** The copy's parameters under names of their own. */
export const copyParameters = (copy: CopyableEncoder): [string, Tensor][] =>
  copy.entries().map(({ name, tensor }) => [`model1.${name}`, tensor]);

/** A pass with other dropout masks: the copy's are not the model's. */
export function otherMasks(pass: LossPass): LossPass {
  const { dropout, ...limits } = pass;
  return dropout ? { ...limits, dropout: { ...dropout, seed: dropout.seed + 1 } } : limits;
}

/** Checks the number of text columns before anything is encoded. */
export function expectTexts(owner: string, { columns, names }: Columns, needed: 1 | 2): void {
  if (columns.length === needed) return;
  throw new EngineError(
    owner,
    `${columns.length} input columns (${names.map((name) => JSON.stringify(name)).join(", ")}), but ${needed} ${needed === 1 ? "is" : "are"} needed`,
    needed === 1 ? "Select one column of texts." : "Select two columns: a text, then the same or another text.",
  );
}
