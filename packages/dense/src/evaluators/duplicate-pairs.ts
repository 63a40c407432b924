/** Which of some ids are duplicates of each other: pairs without an order. */
export class DuplicatePairs {
  private readonly known: { has(id: string): boolean };
  private readonly of = new Map<string, Set<string>>();
  private count = 0;

  /** @param known ids; pairs with others are not counted, though `close` goes through them */
  constructor(known: { has(id: string): boolean }) {
    this.known = known;
  }

  /** How many pairs of known ids there are. */
  get size(): number {
    return this.count;
  }

  has(first: string, second: string): boolean {
    return this.of.get(first)?.has(second) ?? false;
  }

  add(first: string, second: string): void {
    if (this.has(first, second)) return;
    if (this.known.has(first) && this.known.has(second)) this.count++;
    this.others(first).add(second);
    this.others(second).add(first);
  }

  /** Makes duplicates of duplicates duplicates. */
  close(): void {
    const seen = new Set<string>();
    for (const start of [...this.of.keys()]) {
      if (seen.has(start)) continue;
      const group = [start];
      seen.add(start);
      for (let i = 0; i < group.length; i++) {
        for (const other of this.others(group[i]!)) {
          if (seen.has(other)) continue;
          seen.add(other);
          group.push(other);
        }
      }
      for (let i = 0; i < group.length; i++) {
        for (let j = i + 1; j < group.length; j++) this.add(group[i]!, group[j]!);
      }
    }
  }

  private others(id: string): Set<string> {
    const found = this.of.get(id) ?? new Set();
    this.of.set(id, found);
    return found;
  }
}
