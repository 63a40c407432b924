import type { ModelConfig } from "./config.ts";
import type { Json } from "./config-fields.ts";

/** A family of models: its configuration, and how its files name things. */
export interface ModelKind<C extends ModelConfig> {
  readonly modelType: string;
  /** Other values of `model_type` that it reads on request. */
  readonly related: readonly string[];
  /** What heads put before the base model's names, without the dot. */
  readonly basePrefix: string;
  readConfig(json: Json, file: string): C;
  writeConfig(config: Partial<C>): Record<string, unknown>;
  /** A whole configuration from a name or a part of one. */
  complete(config: Partial<C> | string): C;
  /** Tensors that may be a copy of another: the projection to the vocabulary. Names as in a file of a class with a head. */
  readonly tied: readonly { readonly target: string; readonly table: string }[];
  /** Names of tensors that carry nothing. */
  readonly ignored?: RegExp;
  /** The name that this library gives to a tensor of the file. */
  rename?(name: string): string;
}
