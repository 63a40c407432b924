import { EngineError, expectDtype, shapeText } from "../errors.ts";
import { editDistance, nearestName } from "../nearest-name.ts";
import type { TypedArray } from "../tensor/bytes.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { GradientNorm } from "./clip-grad-norm.ts";

/** What an optimizer may be told for all parameters, or per group. */
export interface GroupOptions {
  /** @default the optimizer's */
  learningRate?: number;
  /** @default the optimizer's */
  weightDecay?: number;
  /** @default the optimizer's */
  betas?: readonly [number, number];
  /** @default the optimizer's */
  eps?: number;
}

/** Parameters that share options. */
export interface ParameterGroup extends GroupOptions {
  parameters: Iterable<Tensor>;
}

/** A group's options with nothing left open. */
export interface FilledGroup extends Required<GroupOptions> {
  readonly parameters: readonly Tensor[];
}

/** What an optimizer remembers of one parameter. */
export interface ParameterState<Values = Tensor> {
  /** Steps that this parameter has taken: those in which it had a gradient. */
  step: number;
  /** Running mean of the gradient, float32, of the parameter's shape. */
  first: Values;
  /** Running mean of its square. */
  second: Values;
}

/**
 * An optimizer's memory, in the order of its parameters; null where a parameter has taken no step. `stateDict()` gives
 * the tensors themselves, which the next step changes: start reading them with `data()` before it.
 */
export interface OptimizerState<Values = Tensor> {
  /** The rate that the groups' own are proportions of. */
  learningRate: number;
  /** Of StableAdamW: what weight decay is multiplied by per unit of learning rate. */
  decayPerRate?: number;
  state: (ParameterState<Values> | null)[];
  groups: (Required<GroupOptions> & { parameters: number[] })[];
}

/** A state that `loadStateDict` takes: the parameters' own come from any iterable. */
export type SavedOptimizerState = Omit<OptimizerState, "state"> & {
  state: Iterable<ParameterState<Tensor | TypedArray> | null>;
};

/** A share of the parameters that a kernel moves in one pass: those of one group that have taken as many steps. */
export interface Update {
  readonly group: FilledGroup;
  readonly parameters: Tensor[];
  readonly first: Tensor[];
  readonly second: Tensor[];
  readonly gradients: Tensor[];
  /** Counts from 1. */
  readonly step: number;
  readonly learningRate: number;
  readonly clip: GradientNorm | null;
}

/** Groups, state and its checkpoint form: what optimizers with two running means share. */
export abstract class Optimizer {
  readonly groups: readonly FilledGroup[];
  private readonly state = new Map<Tensor, ParameterState>();
  private readonly name: string;
  private learningRate: number;

  /**
   * @param defaults of groups
   * @param options as the caller wrote them; their names are checked
   * @param more names that options may have beside a group's
   */
  constructor(
    name: string,
    parameters: Iterable<Tensor> | Iterable<ParameterGroup>,
    defaults: Required<GroupOptions>,
    options: object,
    more: readonly string[] = [],
  ) {
    this.name = name;
    this.learningRate = defaults.learningRate;
    checkNames(name, "there is", options, [...Object.keys(defaults), ...more]);
    this.groups = groupsOf(parameters).map(({ parameters, ...own }) => {
      checkNames(name, "a group has", own, Object.keys(defaults));
      const group = { ...defaults, ...definedOnly(own), parameters: [...parameters] };
      checkGroup(name, group);
      return group;
    });
    const seen = new Set<Tensor>();
    for (const parameter of this.groups.flatMap((group) => group.parameters)) {
      expectDtype(name, "a parameter", parameter, "float32");
      if (!parameter.requiresGrad) {
        throw new EngineError(
          name,
          `parameter ${seen.size} ${shapeText(parameter.shape)} asks for no gradients, so no step would move it`,
          "Make it with requiresGrad: true; leave out what is frozen.",
        );
      }
      if (seen.has(parameter)) {
        throw new EngineError(name, "a parameter appears twice", "List a tied weight once, in one group.");
      }
      seen.add(parameter);
    }
    if (seen.size === 0) throw new EngineError(name, "there are no parameters", "Pass model.parameters().");
  }

  /** The rate that the groups' own are proportions of, and that a step takes by default. */
  get baseLearningRate(): number {
    return this.learningRate;
  }

  /** Moves one share of the parameters. */
  protected abstract update(update: Update): void;

  /**
   * Moves every parameter that has a gradient, in one pass over memory. Returns at once.
   *
   * @param learningRate this step's; a group with a rate of its own keeps its ratio to the optimizer's. Default: the
   *   groups' own rates
   * @param clip from `clipGradNorm`: gradients are scaled down in the same pass, and nothing changes where the norm is
   *   not finite
   */
  step(learningRate: number = this.learningRate, clip: GradientNorm | null = null): void {
    const scale = this.learningRate > 0 ? learningRate / this.learningRate : 1;
    this.move((own) => (own === this.learningRate ? learningRate : own * scale), clip);
  }

  /**
   * `step` with every group's own rate times a factor: what a schedule gives. Unlike a rate it says something of groups
   * whose optimizer has the rate 0.
   */
  scaledStep(factor: number, clip: GradientNorm | null = null): void {
    this.move((own) => own * factor, clip);
  }

  private move(rateOf: (own: number) => number, clip: GradientNorm | null): void {
    for (const group of this.groups) {
      const rate = rateOf(group.learningRate);
      for (const [step, parameters] of this.bySteps(group)) {
        const states = parameters.map((parameter) => this.state.get(parameter)!);
        this.update({
          group,
          parameters,
          first: states.map((state) => state.first),
          second: states.map((state) => state.second),
          gradients: parameters.map((parameter) => parameter.grad!.contiguous()),
          step,
          learningRate: rate,
          clip,
        });
      }
    }
  }

  /** The group's parameters that have a gradient, by the step that they take now. */
  private bySteps(group: FilledGroup): Map<number, Tensor[]> {
    const found = new Map<number, Tensor[]>();
    for (const parameter of group.parameters) {
      if (!parameter.grad) continue;
      let state = this.state.get(parameter);
      if (!state) {
        state = { step: 0, first: zerosLike(parameter), second: zerosLike(parameter) };
        this.state.set(parameter, state);
      }
      state.step++;
      const share = found.get(state.step);
      if (share) share.push(parameter);
      else found.set(state.step, [parameter]);
    }
    return found;
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const { parameters } of this.groups) for (const parameter of parameters) parameter.zeroGrad();
  }

  stateDict(): OptimizerState {
    const parameters = this.groups.flatMap((group) => group.parameters);
    return {
      learningRate: this.learningRate,
      state: parameters.map((parameter) => {
        const state = this.state.get(parameter);
        return state ? { ...state } : null;
      }),
      groups: this.groups.map((group) => ({
        ...group,
        parameters: group.parameters.map((parameter) => parameters.indexOf(parameter)),
      })),
    };
  }

  /**
   * Takes over a saved state: copies the values, and the groups' options. The parameters' states are taken one by one, so
   * that they may be read from a file as they are asked for.
   */
  loadStateDict(saved: SavedOptimizerState): void {
    const parameters = this.groups.flatMap((group) => group.parameters);
    const sizes = (groups: readonly { parameters: readonly unknown[] }[]) => groups.map((g) => g.parameters.length);
    if (String(sizes(saved.groups)) !== String(sizes(this.groups))) {
      throw new EngineError(
        `${this.name}.loadStateDict`,
        `the saved groups have [${sizes(saved.groups)}] parameters, the optimizer's [${sizes(this.groups)}]`,
        "Build the optimizer with the groups that it was saved with.",
      );
    }
    this.learningRate = saved.learningRate;
    this.groups.forEach((group, i) => {
      const { parameters: _, ...options } = saved.groups[i]!;
      Object.assign(group, options);
    });
    let i = 0;
    for (const state of saved.state) {
      const parameter = parameters[i++]!;
      this.forget(parameter);
      if (!state) continue;
      this.state.set(parameter, {
        step: state.step,
        first: copied(this.name, state.first, parameter),
        second: copied(this.name, state.second, parameter),
      });
    }
  }

  private forget(parameter: Tensor): void {
    const state = this.state.get(parameter);
    state?.first.dispose();
    state?.second.dispose();
    this.state.delete(parameter);
  }

  /** Gives up the running means; the parameters stay. */
  dispose(): void {
    for (const parameter of [...this.state.keys()]) this.forget(parameter);
  }
}

function groupsOf(parameters: Iterable<Tensor> | Iterable<ParameterGroup>): ParameterGroup[] {
  const items: (Tensor | ParameterGroup)[] = [...parameters];
  if (items.every((item) => item instanceof Tensor)) return [{ parameters: items }];
  return items as ParameterGroup[];
}

function checkNames(name: string, what: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((option) => !known.includes(option));
  if (unknown === undefined) return;
  const near = nearestName(unknown, known);
  const wayOut =
    editDistance(unknown, near) < unknown.length / 2 ? `The nearest is ${near}.` : `There are ${known.join(", ")}.`;
  throw new EngineError(name, `${what} no option ${unknown}`, wayOut);
}

const definedOnly = (options: GroupOptions): GroupOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));

function checkGroup(name: string, { learningRate, weightDecay, betas, eps }: FilledGroup): void {
  const check = (ok: boolean, what: string, wayOut: string) => {
    if (!ok) throw new EngineError(name, what, wayOut);
  };
  check(learningRate >= 0, `learningRate is ${learningRate}`, "Use 0 or more.");
  check(weightDecay >= 0, `weightDecay is ${weightDecay}`, "Use 0 or more.");
  check(eps >= 0, `eps is ${eps}`, "Use 0 or more.");
  check(
    betas.every((beta) => beta >= 0 && beta < 1),
    `betas are [${betas}]`,
    "Use numbers from 0 up to, but not including, 1.",
  );
}

/** A tensor of no scope: the optimizer disposes it. */
function keep(x: Tensor): Tensor {
  const held = x.hold();
  held.adopt(undefined);
  x.dispose();
  return held;
}

const zerosLike = (x: Tensor): Tensor => keep(Tensor.zeros(x.shape, { device: x.device }));

function copied(name: string, values: Tensor | TypedArray, parameter: Tensor): Tensor {
  if (values instanceof Tensor ? values.size !== parameter.size : values.length !== parameter.size) {
    throw new EngineError(
      `${name}.loadStateDict`,
      `a saved mean has ${values instanceof Tensor ? values.size : values.length} values, its parameter ${parameter.size}`,
      "Load the state of the same model.",
    );
  }
  if (!(values instanceof Tensor)) {
    return keep(Tensor.from(Float32Array.from(values), { shape: parameter.shape, device: parameter.device }));
  }
  const y = Tensor.empty(parameter.shape, parameter);
  y.backend.copy(y, values);
  return keep(y);
}
