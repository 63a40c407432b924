import type { Tensor } from "../tensor/tensor.ts";
import type { Initialisation } from "./initialisation.ts";
import type { ParameterSet } from "./parameter-set.ts";

export interface FusedOptions {
  /**
   * How the parameter is written to a file: as one tensor under its own name, or as its parts. Both are read.
   *
   * @default "parts"
   */
  saved?: "whole" | "parts";
}

/**
 * Where a module's parameters come from. A module names them once, as the file does, with shape and start; a source
 * reads or draws them.
 */
export interface ParameterSource {
  /** What was made so far, by all modules of the model. */
  readonly made: ParameterSet;
  /** Whether values come from a file, and only what it lacks is drawn. */
  readonly loads: boolean;
  /** What stands before the names given here: "model.layers.0.", or nothing. */
  readonly prefix: string;

  /** A parameter of its own. */
  tensor(name: string, shape: readonly number[], init: Initialisation): Tensor;
  /**
   * A parameter whose rows are several tensors of the file, one below the other: fused projections.
   *
   * @param tail the other dimensions
   */
  rows(
    name: string,
    parts: readonly { readonly name: string; readonly rows: number }[],
    tail: readonly number[],
    init: Initialisation,
    options?: FusedOptions,
  ): Tensor;
  /**
   * The projection to the vocabulary: the embedding table itself where the model is tied.
   *
   * @param tied whether the configuration ties them
   */
  tied(name: string, table: Tensor, tied: boolean, init: Initialisation): Tensor;

  /**
   * The same source for a module below.
   *
   * @param options `or`: another prefix that files may have; `required`: whether a file must have these parameters,
   *   as the model without its head
   */
  in(prefix: string, options?: { or?: string; required?: boolean }): ParameterSource;
}
