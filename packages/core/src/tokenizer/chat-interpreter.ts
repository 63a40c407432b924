import { Interpreter } from "@huggingface/jinja";
import { EngineError } from "../errors.ts";

/** A part of a template. */
interface Node {
  readonly type: string;
}
interface Value {
  readonly value: unknown;
}

/** What is needed of the library's class, whose own types do not reach here. */
interface Evaluator {
  run(program: unknown): Value;
  evaluate(node: Node | undefined, environment: unknown): Value;
}
const Base: new (environment: unknown) => Evaluator = Interpreter as never;

/**
 * Steps that one chat may take, a second or so: expressions, turns of loops, elements that are made or looked through. A
 * thousand messages by a long template take a tenth.
 */
const MOST_STEPS = 5_000_000;
/** Steps of a turn of a loop, which the library makes a scope for. */
const TURN = 20;
/** Characters that count as one step. */
const CHARACTERS = 256;

/** What a rendering has left, shared by all that it does. */
export class StepBudget {
  private left = MOST_STEPS;

  /** @param what the template asks for, for the message; where it is not one thing, nothing */
  spend(where: string, steps: number, what = `more than ${MOST_STEPS.toLocaleString("en")} steps`): void {
    this.left -= steps;
    if (this.left >= 0) return;
    throw new EngineError(
      where,
      `the template asks for ${what}`,
      `A chat has at most ${MOST_STEPS.toLocaleString("en")} steps. Take the template from a source that you trust.`,
    );
  }
}

/** The library's interpreter, which ends a template that would block the process. */
export class ChatInterpreter extends Base {
  private readonly where: string;
  private readonly budget: StepBudget;
  /** Expressions of which every element is visited: the steps for each. */
  private readonly visited = new Map<Node, number>();

  constructor(where: string, environment: unknown, budget: StepBudget) {
    super(environment);
    this.where = where;
    this.budget = budget;
  }

  override evaluate(node: Node | undefined, environment: unknown): Value {
    if (node) this.note(node);
    const value = super.evaluate(node, environment);
    const each = node ? (this.visited.get(node) ?? (makes(node) ? 1 : 0)) : 0;
    this.budget.spend(this.where, each > 0 ? 1 + each * sizeOf(value) : 1);
    return value;
  }

  /** Remembers what a node goes through, before it does. */
  private note(node: Node): void {
    const { iterable, operand, left, right, lhs } = node as unknown as { readonly [part: string]: Node | undefined };
    const { type } = node;
    if (type === "For" && iterable)
      this.visited.set(iterable.type === "SelectExpression" ? lhsOf(iterable) : iterable, TURN);
    else if (type === "FilterExpression" && operand) this.visited.set(operand, 1);
    else if (type === "SelectExpression" && lhs && !this.visited.has(lhs)) this.visited.set(lhs, 1);
    else if (type === "BinaryExpression" && left && right) this.visited.set(left, 1).set(right, 1);
  }
}

const lhsOf = (select: Node): Node => (select as Node & { readonly lhs: Node }).lhs;

/** Whether a node makes a value, rather than naming one that is there. */
function makes(node: Node): boolean {
  if (node.type !== "MemberExpression") return /^(Filter|Call|Binary|Slice|Select)Expression$/.test(node.type);
  return (node as Node & { readonly property?: Node }).property?.type === "SliceExpression";
}

function sizeOf({ value }: Value): number {
  if (typeof value === "string") return value.length / CHARACTERS;
  if (Array.isArray(value)) return value.length;
  return value instanceof Map ? value.size : 0;
}
