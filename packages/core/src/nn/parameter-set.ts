import type { Tensor } from "../tensor/tensor.ts";

/** A tensor of the file: all of a parameter, or some of its rows. */
export interface SavedPart {
  readonly name: string;
  /** The first row. */
  readonly start: number;
  readonly rows: number;
}

/** A parameter, and what it is called in the file. */
export interface ParameterEntry {
  readonly name: string;
  readonly tensor: Tensor;
  /** Null: the whole tensor, under the parameter's own name. */
  readonly parts: readonly SavedPart[] | null;
}

/** The parameters of a model in the order in which its modules made them. */
export class ParameterSet {
  private readonly entries: ParameterEntry[] = [];

  add(entry: ParameterEntry): void {
    this.entries.push(entry);
  }

  /** Those whose names start with `prefix`, named without it. */
  under(prefix: string): ParameterEntry[] {
    const bare = (name: string) => name.slice(prefix.length);
    return this.entries
      .filter(({ name }) => name.startsWith(prefix))
      .map(({ name, tensor, parts }) => ({
        name: bare(name),
        tensor,
        parts: parts?.map((part) => ({ ...part, name: bare(part.name) })) ?? null,
      }));
  }
}
