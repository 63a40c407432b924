/**
 * The tape: reverse mode, define by run. An op records the tensors that its gradient needs (`saved`, owned by the tape
 * until the gradient has run) and where its inputs came from. References are counted: a graph that nobody can reach any
 * more, because its results were disposed without a backward pass, gives its tensors back at once.
 *
 * What is cheap to make again is not kept: an op that only passes over its input (a norm, an activation) says how
 * (`remake`), and an op that saves such a result makes it again in the backward pass, with the same bits, from what the
 * first op saved anyway.
 */
import { EngineError, shapeText } from "../errors.ts";
import { refusePromise, Scope, withScope } from "./scope.ts";
import { releaseTogether } from "./storage.ts";
import { Tensor } from "./tensor.ts";

export interface GradientContext {
  /** Whether input `i` wants a gradient; return null for it otherwise. */
  needs(i: number): boolean;
  /**
   * The float32 gradient that input `i` already has and that may be added to in place, or null. A kernel that takes
   * `accumulate` adds to it; return that same tensor then.
   */
  into(i: number): Tensor | null;
}

type Gradient = (dys: (Tensor | null)[], saved: (Tensor | null)[], context: GradientContext) => (Tensor | null)[];
type Remake = (saved: (Tensor | null)[]) => Tensor;
type Edge = { readonly node: TapeNode; readonly output: number } | { readonly leaf: Tensor } | null;

/** Below it, in elements, a result is kept rather than made again: starting a kernel would cost more than its memory. */
const LEAST_REMADE = 1 << 14;

let recording = true;
let sequence = 0;

/** How many ops have been recorded. */
export const tapePosition = (): number => sequence;

export const isRecording = (): boolean => recording;

/**
 * Runs a synchronous function without recording: its results have no gradient and keep nothing alive.
 *
 * @throws EngineError if the function returns a promise
 */
export function noGrad<T>(run: () => T): T {
  return withRecording(false, "noGrad", run);
}

/** Runs a synchronous function with recording on, inside `noGrad` too. */
export function enableGrad<T>(run: () => T): T {
  return withRecording(true, "enableGrad", run);
}

function withRecording<T>(on: boolean, where: string, run: () => T): T {
  const before = recording;
  recording = on;
  try {
    const result = run();
    refusePromise(where, result);
    return result;
  } finally {
    recording = before;
  }
}

/**
 * What a node keeps for its gradient, counted by those who could still ask for it: results and later nodes. Apart from
 * the node, because a finalizer holds it: a gradient may capture its op's result, which then must not be reachable here.
 */
export class TapeMemory {
  private references = 0;
  private readonly inputs: readonly TapeMemory[];
  /** Null once it was given back. */
  saved: (Saved | null)[] | null;

  constructor(saved: (Saved | null)[], inputs: readonly TapeMemory[]) {
    this.saved = saved;
    this.inputs = inputs;
    for (const input of inputs) input.retain();
  }

  retain(): void {
    this.references++;
  }

  release(): void {
    const unreachable: TapeMemory[] = [this]; // a list, not recursion: a graph may be deeper than the stack
    for (let memory = unreachable.pop(); memory; memory = unreachable.pop()) {
      if (--memory.references > 0) continue;
      memory.drop();
      unreachable.push(...memory.inputs);
    }
  }

  drop(): void {
    for (const saved of this.saved ?? []) if (saved instanceof Tensor) saved.dispose();
    this.saved = null;
  }
}

/** A result of an earlier op that is made again when it is needed. It is that op's memory that lives on. */
interface Remade {
  readonly node: TapeNode;
  readonly shape: readonly number[];
}

type Saved = Tensor | Remade;

export class TapeNode {
  readonly sequence: number = sequence++;
  readonly op: string;
  readonly edges: readonly Edge[];
  /** How many tensors the op made. */
  readonly outputs: number;
  readonly memory: TapeMemory;
  /** How to make the first output again. */
  readonly remake: Remake | null;
  private readonly versions: (number | null)[];
  private readonly gradient: Gradient;

  constructor(
    op: string,
    edges: readonly Edge[],
    saved: (Saved | null)[],
    gradient: Gradient,
    outputs: number,
    remake: Remake | null,
  ) {
    this.op = op;
    this.edges = edges;
    this.outputs = outputs;
    this.remake = remake;
    this.memory = new TapeMemory(
      saved,
      edges.flatMap((edge) => (edge && "node" in edge ? edge.node.memory : [])),
    );
    this.gradient = gradient;
    this.versions = saved.map((t) => (t instanceof Tensor ? t.storage.version : null));
  }

  /** Runs the gradient once; what was saved is given back unless `keep`. */
  run(dys: (Tensor | null)[], context: GradientContext, keep: boolean): (Tensor | null)[] {
    const gradients = this.gradient(dys, this.savedNow(), context);
    if (!keep) this.memory.drop();
    return gradients;
  }

  /** What was saved, as it was. Made in the open scope where it was not kept. */
  private savedNow(): (Tensor | null)[] {
    const { saved } = this.memory;
    if (!saved) {
      throw new EngineError(
        "backward",
        `the tape of ${this.op} has been used already`,
        "Call backward once for each forward pass, or the first time with { keepTape: true }.",
      );
    }
    saved.forEach((tensor, i) => {
      if (tensor instanceof Tensor && tensor.storage.version !== this.versions[i]) {
        throw new EngineError(
          "backward",
          `a tensor ${shapeText(tensor.shape)} that ${this.op} saved was changed in place after the forward pass`,
          "Run backward before the optimizer's step, or pass a copy to the op.",
        );
      }
    });
    return saved.map((one) =>
      one === null || one instanceof Tensor ? one : one.node.remake!(one.node.savedNow()).viewAs(one.shape),
    );
  }
}

interface Links<S extends readonly (Tensor | null)[]> {
  readonly inputs: readonly (Tensor | null)[];
  readonly saved: S;
  readonly remake?: ((saved: { -readonly [K in keyof S]: S[K] }) => Tensor) | null;
}

/**
 * Records one op, where recording is on and an input wants a gradient.
 *
 * @param y what the op made: one tensor, or several
 * @param links `inputs` in the order of the gradients that `gradient` returns; `saved`: what it needs to see again;
 *   `remake`, for ops that cost no more than a pass over their input: makes the first result again from what was saved
 * @param gradient sees `dy` (contiguous; for several results an array, null where none reached that result), what was
 *   saved, and plain numbers; returns one gradient per input, null where there is none. It runs in a scope, without
 *   recording
 * @returns y
 */
export function record<const S extends readonly (Tensor | null)[]>(
  op: string,
  y: Tensor,
  links: Links<S>,
  gradient: (dy: Tensor, saved: { -readonly [K in keyof S]: S[K] }, context: GradientContext) => (Tensor | null)[],
): Tensor;
export function record<const S extends readonly (Tensor | null)[], const Y extends readonly Tensor[]>(
  op: string,
  y: Y,
  links: Links<S>,
  gradient: (
    dys: { -readonly [K in keyof Y]: Tensor | null },
    saved: { -readonly [K in keyof S]: S[K] },
    context: GradientContext,
  ) => (Tensor | null)[],
): Y;
export function record(
  op: string,
  y: Tensor | readonly Tensor[],
  links: Links<readonly (Tensor | null)[]>,
  gradient: (dy: never, saved: never, context: GradientContext) => (Tensor | null)[],
): Tensor | readonly Tensor[] {
  const results = y instanceof Tensor ? [y] : y;
  for (const result of results) result.madeBy = op;
  if (!recording) return y;
  const edges = links.inputs.map(edgeOf);
  if (edges.every((edge) => edge === null)) return y;

  const saved = links.saved.map((tensor) => tensor && (remadeFrom(links.inputs, tensor) ?? tensor.hold()));
  const single = y instanceof Tensor;
  const run: Gradient = (dys, savedNow, context) =>
    gradient((single ? dys[0] : dys) as never, savedNow as never, context);
  const remake = (links.remake ?? null) as Remake | null;
  const node = new TapeNode(op, edges, saved, run, results.length, remake);
  results.forEach((result, output) => {
    result.setNode(node, output);
  });
  return y;
}

/** How a tensor that an op wants to save can be made again: where it is an input whole, and the input's op knows. */
function remadeFrom(inputs: readonly (Tensor | null)[], tensor: Tensor): Remade | null {
  if (tensor.size < LEAST_REMADE) return null;
  const same = (input: Tensor | null) => input?.storage === tensor.storage && input.size === tensor.size;
  const node = inputs.find((input) => same(input) && input!.node?.remake && input!.output === 0)?.node;
  return node ? { node, shape: tensor.shape } : null;
}

function edgeOf(input: Tensor | null): Edge {
  if (!input) return null;
  if (input.node) return { node: input.node, output: input.output };
  return input.requiresGrad ? { leaf: input } : null;
}

/**
 * Sends `gradient`, 1 for a scalar, back from `y` through the tape; gradients add up in `.grad` of the leaves.
 *
 * @param since a `tapePosition()`: the ops before it are not this pass's, and reaching one is an error
 */
export function backward(y: Tensor, gradient: Tensor | undefined, keepTape: boolean, since: number = 0): void {
  const last = y.node;
  if (!last) {
    throw new EngineError(
      "backward",
      `a tensor ${shapeText(y.shape)} made by ${y.madeBy} has no tape`,
      "Give a parameter requiresGrad: true, and do not run the forward pass inside noGrad or on a detached tensor.",
    );
  }
  const pending = new Map<TapeNode, (Tensor | null)[]>();
  const seed = firstGradient(y, gradient);
  pending.set(
    last,
    Array.from({ length: last.outputs }, (_, i) => (i === y.output ? seed : null)),
  );
  try {
    noGrad(() => {
      for (const node of fromLastToFirst(last, since)) {
        const dys = pending.get(node);
        pending.delete(node);
        if (!dys) continue;
        releaseTogether(() => step(node, dys, pending, keepTape));
      }
    });
  } finally {
    for (const dys of pending.values()) for (const tensor of dys) tensor?.dispose(); // only after an error
  }
}

function firstGradient(y: Tensor, gradient: Tensor | undefined): Tensor {
  if (gradient) {
    if (gradient.size === y.size && gradient.dtype === y.dtype) return gradient.hold();
    throw new EngineError(
      "backward",
      `gradient is ${gradient.dtype} ${shapeText(gradient.shape)}, but the tensor is ${y.dtype} ${shapeText(y.shape)}`,
      "Pass a gradient of the tensor's shape and dtype.",
    );
  }
  if (y.size !== 1) {
    throw new EngineError(
      "backward",
      `the tensor has shape ${shapeText(y.shape)}`,
      "Start from a scalar loss, or pass { gradient } of this shape.",
    );
  }
  const one = Tensor.full(y.shape, 1, { device: y.device, dtype: y.dtype });
  const held = one.hold();
  one.dispose();
  return held;
}

function fromLastToFirst(last: TapeNode, since: number): TapeNode[] {
  const found = new Set([last]);
  for (const node of found) {
    if (node.sequence < since) {
      throw new EngineError(
        "checkpoint",
        `the function uses a tensor that ${node.op} made outside of it`,
        "Pass it to checkpoint as an input, or detach it.",
      );
    }
    for (const edge of node.edges) if (edge && "node" in edge) found.add(edge.node); // a Set may grow while it is read
  }
  return [...found].sort((a, b) => b.sequence - a.sequence); // an op is younger than what made its inputs
}

function step(node: TapeNode, dys: (Tensor | null)[], pending: Map<TapeNode, (Tensor | null)[]>, keep: boolean): void {
  const scope = new Scope();
  const context: GradientContext = {
    needs: (i) => node.edges[i] != null,
    into: (i) => {
      const edge = node.edges[i];
      const grad = edge && "leaf" in edge ? edge.leaf.grad : null;
      return grad && grad.dtype === "float32" && grad.storage.owners === 1 ? grad : null;
    },
  };
  try {
    withScope(scope, () => {
      const gradients = node.run(
        dys.map((dy) => dy?.contiguous() ?? null),
        context,
        keep,
      );
      gradients.forEach((gradient, i) => {
        const edge = node.edges[i];
        if (!gradient || !edge) return;
        const alone = gradients.every((other, j) => j === i || other?.storage !== gradient.storage);
        if ("leaf" in edge) edge.leaf.addGrad(gradient, alone);
        else addPending(pending, edge.node, edge.output, gradient);
      });
    });
  } finally {
    for (const dy of dys) dy?.dispose();
    scope.disposeAll();
  }
}

function addPending(pending: Map<TapeNode, (Tensor | null)[]>, node: TapeNode, output: number, gradient: Tensor): void {
  let slots = pending.get(node);
  if (!slots) {
    slots = Array.from({ length: node.outputs }, () => null);
    pending.set(node, slots);
  }
  const before = slots[output] ?? null;
  if (!before) {
    slots[output] = gradient.hold();
    return;
  }
  const sum = Tensor.empty(before.shape, before);
  sum.backend.add(sum, before, gradient);
  slots[output] = sum.hold();
  before.dispose();
}
