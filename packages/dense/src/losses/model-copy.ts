import {
  type Columns,
  EngineError,
  type LossPass,
  type ParameterEntry,
  type Tensor,
  type TextEncoder,
} from "@ettin/core";

/** A model whose parameters can be named. */
export interface CopyableEncoder extends TextEncoder {
  entries(): readonly ParameterEntry[];
  computeDtype?: "float32" | "bfloat16";
  gradientCheckpointing?: boolean;
  /** A second model with the same weights. */
  copy?(): CopyableEncoder & { dispose(): void };
}

export interface ModelCopyOptions {
  /**
   * A second model with the same weights, such as the same folder loaded again: yours to dispose. It is trained apart, and
   * saved with the loss in checkpoints.
   *
   * @default the model's `copy()`, which the loss disposes
   */
  copy?: CopyableEncoder;
}

/** The copy that was given, or one of the loss's own, which `dispose` frees. */
export function copyOf(
  owner: string,
  model: CopyableEncoder,
  given: CopyableEncoder | undefined,
): { copy: CopyableEncoder; dispose: () => void } {
  if (given === undefined && typeof model?.copy === "function") {
    const copy = model.copy();
    return { copy, dispose: () => copy.dispose() };
  }
  return { copy: expectCopy(owner, model, given), dispose: () => {} };
}

/** Refuses a copy that is the model itself, or another model. */
function expectCopy(owner: string, model: CopyableEncoder, copy: CopyableEncoder | undefined): CopyableEncoder {
  const wayOut = "Load the model's folder a second time, and pass that as copy.";
  if (!copy) throw new EngineError(owner, "copy is missing", wayOut);
  if (copy === model) throw new EngineError(owner, "copy is the model itself", wayOut);
  const [mine, its] = [model.entries(), copy.entries()];
  if (mine.length !== its.length || mine.some(({ name }, i) => name !== its[i]!.name)) {
    throw new EngineError(owner, `the model has ${mine.length} parameters, and copy ${its.length} or others`, wayOut);
  }
  return copy;
}

/** The copy's parameters under names of their own. */
export const copyParameters = (copy: CopyableEncoder): [string, Tensor][] =>
  copy.entries().map(({ name, tensor }) => [`model1.${name}`, tensor]);

/** Makes the copy compute as the model does, which the trainer may have changed. */
export function computeAlike(model: CopyableEncoder, copy: CopyableEncoder): void {
  if (model.computeDtype !== undefined) copy.computeDtype = model.computeDtype;
  if (model.gradientCheckpointing !== undefined) copy.gradientCheckpointing = model.gradientCheckpointing;
}

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
    `${columns.length} input column${columns.length === 1 ? "" : "s"} (${names.map((name) => JSON.stringify(name)).join(", ")}), but ${needed} ${needed === 1 ? "is" : "are"} needed`,
    needed === 1 ? "Select one column of texts." : "Select two columns: a text, then the same or another text.",
  );
}
