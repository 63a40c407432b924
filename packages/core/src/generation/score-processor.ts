/** A sequence as the rules of generation see it: its prompt, then what was generated. */
export interface History {
  /** The first `length` are the sequence's ids so far. */
  readonly ids: Int32Array;
  readonly length: number;
  readonly promptLength: number;
  /** The most tokens that are generated behind the prompt. */
  readonly mostNewTokens: number;
  /** The ids that occur, each once. */
  readonly seen: ReadonlySet<number>;
}

/**
 * Changes the scores of the next token in place, before it is chosen.
 *
 * @param scores `[vocabulary]`: the model's for the next token, as earlier processors left them; −∞ rules an id out
 */
export type ScoreProcessor = (scores: Float32Array, history: History) => void;

/** A warper looks at scores alone: it may be given a few candidates in place of the vocabulary. */
export type ScoreWarper = (scores: Float32Array) => void;

/** A sequence that grows. */
export class GrowingHistory implements History {
  readonly ids: Int32Array;
  length: number;
  readonly promptLength: number;
  readonly mostNewTokens: number;
  readonly seen: Set<number>;

  constructor(prompt: ArrayLike<number>, mostNewTokens: number) {
    this.ids = new Int32Array(prompt.length + mostNewTokens);
    this.ids.set(prompt);
    this.length = prompt.length;
    this.promptLength = prompt.length;
    this.mostNewTokens = mostNewTokens;
    this.seen = new Set(Array.from(prompt));
  }

  get newTokens(): number {
    return this.length - this.promptLength;
  }

  push(id: number): void {
    this.ids[this.length++] = id;
    this.seen.add(id);
  }

  /** The ids behind the prompt, a copy. */
  generated(): Int32Array {
    return this.ids.slice(this.promptLength, this.length);
  }

  /** The same sequence, to grow apart. */
  fork(): GrowingHistory {
    const copy = new GrowingHistory(this.ids.subarray(0, this.promptLength), this.mostNewTokens);
    for (let i = this.promptLength; i < this.length; i++) copy.push(this.ids[i]!);
    return copy;
  }
}
