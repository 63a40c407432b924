/** The best k of rows that come in chunks, by score descending; of equals the lower row. */
export class TopRanked {
  readonly scores: Float32Array;
  readonly rows: Int32Array;
  private readonly k: number;
  private count = 0;

  constructor(k: number) {
    this.k = k;
    this.scores = new Float32Array(k);
    this.rows = new Int32Array(k);
  }

  /** How many there are: at most k. */
  get length(): number {
    return this.count;
  }

  /**
   * Takes over the best of one more chunk, whose rows are all above those of the chunks before.
   *
   * @param scores descending, of equals the lower row first
   * @param rows in the chunk; negative: none
   * @param firstRow the chunk's first row
   */
  add(scores: Float32Array, rows: Int32Array, firstRow: number): void {
    const { k } = this;
    const [mineScores, mineRows] = [this.scores.slice(0, this.count), this.rows.slice(0, this.count)];
    let [mine, theirs, into] = [0, 0, 0];
    while (into < k) {
      const others = theirs < rows.length && rows[theirs]! >= 0;
      if (mine >= mineRows.length && !others) break;
      // Earlier chunks have lower rows: they win where scores are equal.
      if (mine < mineRows.length && !(others && scores[theirs]! > mineScores[mine]!)) {
        this.scores[into] = mineScores[mine]!;
        this.rows[into++] = mineRows[mine++]!;
      } else {
        this.scores[into] = scores[theirs]!;
        this.rows[into++] = firstRow + rows[theirs++]!;
      }
    }
    this.count = into;
  }
}
