/** Special tokens and truncation around encoded texts. */
import { EngineError } from "../errors.ts";
import type { Template, TemplateItem } from "./template.ts";
import { addedBy } from "./template.ts";
import { TRUNCATIONS, type Truncation, truncatedLengths } from "./truncation.ts";

export interface AssembleOptions {
  /**
   * Whether the special tokens of the tokenizer's template go around the text.
   *
   * @default true
   */
  addSpecialTokens?: boolean;
  /**
   * What is cut where the ids are more than `maxLength`. Without it they come whole.
   *
   * @default false
   */
  truncation?: Truncation;
  /**
   * The most ids, special tokens included. Only together with `truncation`.
   *
   * @default the tokenizer's `modelMaxLength`
   */
  maxLength?: number;
}

/** The template, the truncation and the room for texts that options ask for, checked. */
export class Assembly {
  readonly items: readonly TemplateItem[];
  readonly #where: string;
  readonly #pairs: boolean;
  readonly #truncation: Truncation;
  readonly #limit: number;
  readonly #left: boolean;
  readonly #added: number;

  constructor(
    where: string,
    template: Template,
    pairs: boolean,
    { addSpecialTokens = true, truncation = false, maxLength }: AssembleOptions,
    { modelMaxLength, side }: { modelMaxLength: number; side: "left" | "right" },
  ) {
    const items = pairs ? template.pair : template.single;
    this.#where = where;
    this.#pairs = pairs;
    this.items = addSpecialTokens ? items : items.filter(({ place }) => typeof place === "string");
    this.#added = addedBy(this.items);
    this.#truncation = truncation;
    this.#left = side === "left";
    this.#limit = limitFor(where, truncation, maxLength, modelMaxLength, this.#added);
  }

  /** Lengths that stay of a text and of its pair, and of the whole. */
  lengths(row: number | null, first: number, second: number): { first: number; second: number; total: number } {
    const describe = () => (row === null ? "the text" : `row ${row}`);
    const [a, b] = truncatedLengths(
      this.#where,
      this.#truncation,
      this.#limit,
      this.#added,
      first,
      this.#pairs ? second : null,
      describe,
    );
    const sequences = this.items.filter(({ place }) => typeof place === "string");
    const texts = sequences.reduce((sum, { place }) => sum + (place === "A" ? a : b), 0);
    return { first: a, second: b, total: texts + this.#added };
  }

  /** Writes one row from `at`. */
  write(
    out: Int32Array,
    types: Int32Array | null,
    at: number,
    first: Int32Array,
    second: Int32Array | null,
    kept: { first: number; second: number },
  ): void {
    let to = at;
    for (const { place, type } of this.items) {
      const from = to;
      if (typeof place === "number") out[to++] = place;
      else {
        const ids = place === "A" ? first : second!;
        const count = place === "A" ? kept.first : kept.second;
        out.set(this.#left ? ids.subarray(ids.length - count) : ids.subarray(0, count), to);
        to += count;
      }
      if (type !== 0) types?.fill(type, from, to);
    }
  }
}

function limitFor(
  where: string,
  truncation: Truncation,
  maxLength: number | undefined,
  modelMaxLength: number,
  added: number,
): number {
  if (!TRUNCATIONS.includes(truncation)) {
    throw new EngineError(
      where,
      `truncation is ${JSON.stringify(truncation)}`,
      `Use one of ${TRUNCATIONS.map((each) => JSON.stringify(each)).join(", ")}.`,
    );
  }
  if (truncation === false) {
    if (maxLength === undefined) return Number.POSITIVE_INFINITY;
    throw new EngineError(
      where,
      `maxLength is ${maxLength}, but truncation is off`,
      'Pass truncation: "longest_first" too.',
    );
  }
  const limit = maxLength ?? modelMaxLength;
  if (limit === Number.POSITIVE_INFINITY) {
    throw new EngineError(
      where,
      `truncation is ${JSON.stringify(truncation)}, but there is no limit: tokenizer_config.json has no model_max_length`,
      "Pass maxLength.",
    );
  }
  if (!Number.isInteger(limit) || limit < 0) {
    throw new EngineError(where, `maxLength is ${limit}`, "Pass a whole number of tokens.");
  }
  if (limit < added) {
    throw new EngineError(
      where,
      `maxLength is ${limit}, but the special tokens alone are ${added}`,
      "Raise maxLength, or pass addSpecialTokens: false.",
    );
  }
  return limit;
}
