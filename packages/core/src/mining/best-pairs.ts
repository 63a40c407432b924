/** The best of many scored pairs: a heap, the worst on top, in arrays of numbers. */
export class BestPairs {
  readonly #most: number;
  #scores: Float32Array = new Float32Array(1024);
  #firsts: Int32Array = new Int32Array(1024);
  #seconds: Int32Array = new Int32Array(1024);
  #size = 0;
  #added = 0;
  /** Scores at or below are not added any more. */
  #least = -1;

  /** @param most as many are added before each further one pushes the worst out, so that one fewer stay */
  constructor(most: number) {
    this.#most = most;
  }

  add(score: number, first: number, second: number): void {
    if (!(score > this.#least)) return;
    if (this.#size === this.#scores.length) this.#grow();
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isWorse(score, first, second, parent)) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#put(at, score, first, second);
    if (++this.#added >= this.#most) this.#least = this.takeWorst()![0];
  }

  /** By score, then by numbers. */
  takeWorst(): [score: number, first: number, second: number] | null {
    if (this.#size === 0) return null;
    const worst: [number, number, number] = [this.#scores[0]!, this.#firsts[0]!, this.#seconds[0]!];
    const last = --this.#size;
    const [score, first, second] = [this.#scores[last]!, this.#firsts[last]!, this.#seconds[last]!];
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= last) break;
      const [s, f, n] = [this.#scores[child + 1]!, this.#firsts[child + 1]!, this.#seconds[child + 1]!];
      if (child + 1 < last && this.#isWorse(s, f, n, child)) child++;
      if (this.#isWorse(score, first, second, child)) break;
      this.#move(child, at);
      at = child;
    }
    if (last > 0) this.#put(at, score, first, second);
    return worst;
  }

  #isWorse(score: number, first: number, second: number, than: number): boolean {
    if (score !== this.#scores[than]) return score < this.#scores[than]!;
    if (first !== this.#firsts[than]) return first < this.#firsts[than]!;
    return second < this.#seconds[than]!;
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#scores[from]!, this.#firsts[from]!, this.#seconds[from]!);
  }

  #put(at: number, score: number, first: number, second: number): void {
    this.#scores[at] = score;
    this.#firsts[at] = first;
    this.#seconds[at] = second;
  }

  #grow(): void {
    const size = 2 * this.#size;
    const longer = <Numbers extends Float32Array | Int32Array>(to: Numbers, from: Numbers): Numbers => {
      to.set(from);
      return to;
    };
    this.#scores = longer(new Float32Array(size), this.#scores);
    this.#firsts = longer(new Int32Array(size), this.#firsts);
    this.#seconds = longer(new Int32Array(size), this.#seconds);
  }
}
