/**
 * An optimizer's memory as a safetensors file: `exp_avg.<parameter>` and `exp_avg_sq.<parameter>`, float32, under the
 * names that the model's own file has. The header's metadata holds the rest as JSON: rates, groups, steps.
 */
import { basename } from "node:path";
import { EngineError } from "../errors.ts";
import { readSafetensorsHeader } from "../hub/safetensors-header.ts";
import { storedWeight } from "../hub/stored-weight.ts";
import type { WeightToSave } from "../hub/weight-shards.ts";
import type { Optimizer, OptimizerState, ParameterState } from "../optim/optimizer.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { fileParts, loadLike, type NamedTensor } from "./load-into.ts";

const MEANS = { first: "exp_avg.", second: "exp_avg_sq." } as const;
const WHERE = "train";

/** The part of the state that is not tensors. */
interface SavedOptions {
  readonly learningRate: number;
  readonly decayPerRate?: number;
  readonly groups: readonly (Omit<OptimizerState["groups"][number], "parameters"> & {
    readonly parameters: string[];
  })[];
  /** Steps that each parameter has taken. */
  readonly steps: Readonly<Record<string, number>>;
}

/** The file's tensors and metadata. Nothing is read before `writeSafetensors` asks for it. */
export function optimizerTensors(
  optimizer: Optimizer,
  parameters: readonly NamedTensor[],
): { tensors: WeightToSave[]; metadata: Record<string, string> } {
  const named = namesOf(optimizer, parameters);
  const { state, groups, learningRate, decayPerRate } = optimizer.stateDict();
  const tensors: WeightToSave[] = [];
  const steps: Record<string, number> = {};
  state.forEach((of, i) => {
    if (!of) return;
    steps[named[i]!.name] = of.step;
    for (const [mean, prefix] of Object.entries(MEANS)) {
      const tensor = of[mean as keyof typeof MEANS];
      for (const { name, rows } of fileParts(named[i]!, prefix)) {
        tensors.push(storedWeight(name, tensor, rows ? { rows } : {}));
      }
    }
  });
  const options: SavedOptions = {
    learningRate,
    ...(decayPerRate !== undefined && { decayPerRate }),
    groups: groups.map((group) => ({ ...group, parameters: group.parameters.map((i) => named[i]!.name) })),
    steps,
  };
  return { tensors, metadata: { format: "pt", optimizer: JSON.stringify(options) } };
}

export interface LoadOptimizerOptions {
  /** Also the rates, betas and weight decay of the file, in place of the optimizer's own. */
  options: boolean;
}

/** Reads what `optimizerTensors` described back into an optimizer with the same parameters. */
export async function loadOptimizer(
  file: string,
  optimizer: Optimizer,
  parameters: readonly NamedTensor[],
  { options }: LoadOptimizerOptions,
): Promise<void> {
  const { tensors, metadata } = await readSafetensorsHeader(file, WHERE);
  const saved = readOptions(file, metadata.get("optimizer"));
  const named = namesOf(optimizer, parameters);
  const mine = optimizer.stateDict();
  const state = (function* (): Generator<ParameterState | null> {
    for (const parameter of named) {
      const step = saved.steps[parameter.name];
      if (step === undefined) {
        yield null;
        continue;
      }
      const means: Tensor[] = [];
      try {
        for (const prefix of Object.values(MEANS)) means.push(loadLike(WHERE, parameter, tensors, file, prefix));
        yield { step, first: means[0]!, second: means[1]! };
      } finally {
        for (const mean of means) mean.dispose();
      }
    }
  })();
  if (!options) {
    optimizer.loadStateDict({ ...mine, state });
    return;
  }
  let i = 0;
  for (const [g, group] of mine.groups.entries()) {
    const names = group.parameters.map(() => named[i++]!.name);
    const theirs = saved.groups[g]?.parameters ?? [];
    if (names.length === theirs.length && names.every((name, j) => name === theirs[j])) continue;
    throw new EngineError(
      WHERE,
      `${basename(file)} has ${theirs.length} parameters in group ${g}, the optimizer ${names.length}: ` +
        `${theirs.find((name) => !names.includes(name)) ?? names.find((name) => !theirs.includes(name)) ?? "another order"}`,
      "Resume with the model, the loss and the optimizer that the run had.",
    );
  }
  const { learningRate, decayPerRate } = saved;
  optimizer.loadStateDict({
    learningRate,
    ...(decayPerRate !== undefined && { decayPerRate }),
    groups: saved.groups.map((group, g) => ({ ...group, parameters: mine.groups[g]!.parameters })),
    state,
  });
}

function namesOf(optimizer: Optimizer, parameters: readonly NamedTensor[]): NamedTensor[] {
  const byTensor = new Map(parameters.map((parameter) => [parameter.tensor, parameter]));
  return optimizer.groups.flatMap((group) =>
    group.parameters.map((tensor) => {
      const found = byTensor.get(tensor);
      if (found) return found;
      throw new EngineError(
        "Trainer",
        `the optimizer moves a parameter [${tensor.shape}] that neither the model nor the loss has`,
        "List it in the loss's namedParameters, so that checkpoints hold it.",
      );
    }),
  );
}

function readOptions(file: string, text: string | undefined): SavedOptions {
  const fail = (cause?: unknown): never => {
    throw new EngineError(
      WHERE,
      `${file} does not say in its header which groups and steps it is of`,
      "Use a checkpoint that this library wrote.",
      { cause },
    );
  };
  if (text === undefined) return fail();
  try {
    const value = JSON.parse(text) as SavedOptions;
    const whole = Array.isArray(value.groups) && typeof value.steps === "object" && value.steps !== null;
    return whole && value.groups.every((group) => Array.isArray(group.parameters)) ? value : fail();
  } catch (error) {
    return error instanceof EngineError ? fail(error.cause) : fail(error);
  }
}
