import type { CheckpointNames } from "./checkpoint-tensors.ts";
import type { ModelConfig } from "./config.ts";
import type { Json } from "./config-fields.ts";

/** A family of models: its configuration, and how its files name things. */
export interface ModelKind<C extends ModelConfig> extends CheckpointNames {
  readonly modelType: string;
  /** Other values of `model_type` that it reads on request. */
  readonly related: readonly string[];
  readConfig(json: Json, file: string): C;
  writeConfig(config: Partial<C>): Record<string, unknown>;
  /** A whole configuration from a name or a part of one. */
  complete(config: Partial<C> | string): C;
  /** Tensors that may be a copy of another. Names as in a file of a class with a head. */
  readonly tied: readonly TiedNames[];
  /** The name that this library gives to a tensor of the file. */
  rename?(name: string): string;
}

export interface TiedNames {
  /** What a file may leave out: the projection to the vocabulary. */
  readonly target: string;
  /** The embedding table. */
  readonly table: string;
}
