import { EngineError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParameterGroup } from "./optimizer.ts";

/** A parameter, under its name and the names of its parts in a file. */
export interface NamedParameter {
  readonly name: string;
  readonly tensor: Tensor;
  /** Of a fused parameter: what its rows are called. */
  readonly parts?: readonly { readonly name: string }[] | null;
}

export interface ParameterGroupsOptions {
  /** Of the groups that decay. */
  weightDecay: number;
  /** Rates of their own for parameters that a regular expression finds; the first match counts. */
  learningRateMapping?: Readonly<Record<string, number>>;
}

/** Whether weight decay leaves a parameter out: a bias, or a vector, as norms have. */
export const isNotDecayed = (name: string, tensor: Tensor): boolean =>
  tensor.shape.length <= 1 || name.endsWith("bias");

/**
 * Groups for an optimizer: without and with weight decay, and by learning rate. Biases and tensors of at most one
 * dimension are not decayed; frozen parameters (`requiresGrad: false`) are in no group.
 *
 * @throws EngineError where a pattern of `learningRateMapping` finds no parameter, or a part of one only
 */
export function parameterGroups(
  parameters: Iterable<NamedParameter>,
  { weightDecay, learningRateMapping = {} }: ParameterGroupsOptions,
): ParameterGroup[] {
  const patterns = Object.entries(learningRateMapping).map(([source, rate]) => ({
    ...compiled(source),
    rate,
    hits: 0,
  }));
  const groups = new Map<string, ParameterGroup & { parameters: Tensor[] }>();
  const all = [...parameters].filter(({ tensor }) => tensor.requiresGrad);
  for (const { name, tensor, parts } of all) {
    const found = patterns.filter((pattern) => matches(pattern, name, parts));
    for (const pattern of found) pattern.hits++;
    const rate = found[0]?.rate;
    const decay = isNotDecayed(name, tensor) ? 0 : weightDecay;
    const key = `${rate === undefined ? -1 : patterns.indexOf(found[0]!)} ${decay === 0 ? 0 : 1}`;
    const group = groups.get(key);
    if (group) group.parameters.push(tensor);
    else
      groups.set(key, { parameters: [tensor], weightDecay: decay, ...(rate !== undefined && { learningRate: rate }) });
  }
  const idle = patterns.find(({ hits }) => hits === 0);
  if (idle) {
    throw new EngineError(
      "learningRateMapping",
      `"${idle.source}" finds none of ${all.length} parameters, such as ${all[0]?.name}`,
      "Write a regular expression that occurs in their names.",
    );
  }
  return [...groups.entries()].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, group]) => group);
}

interface Pattern {
  readonly source: string;
  readonly pattern: RegExp;
}

function compiled(source: string): Pattern {
  try {
    return { source, pattern: new RegExp(source) };
  } catch (error) {
    throw new EngineError(
      "learningRateMapping",
      `"${source}" is not a regular expression: ${(error as Error).message}`,
      "Escape what is meant literally with a backslash.",
      { cause: error },
    );
  }
}

function matches({ source, pattern }: Pattern, name: string, parts: NamedParameter["parts"]): boolean {
  if (pattern.test(name)) return true;
  const hit = (parts ?? []).filter((part) => pattern.test(part.name));
  if (hit.length === 0) return false;
  if (hit.length === parts!.length) return true;
  throw new EngineError(
    "learningRateMapping",
    `"${source}" finds ${hit.map((part) => part.name).join(", ")}, but ${name} is one parameter with ` +
      parts!.map((part) => part.name).join(", "),
    `Write a pattern that finds all of them, or ${name}.`,
  );
}
