import type { Device } from "../device.ts";
import type { TokenBatch } from "../model/packed-batch.ts";
import type { AttentionCache } from "../nn/attention-cache.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What generation asks of a model: every causal language model of this package has it. */
export interface CausalModel {
  readonly config: {
    readonly vocabSize: number;
    readonly maxPositionEmbeddings: number;
    readonly bosTokenId: number | null;
    readonly eosTokenId: number | readonly number[] | null;
    readonly padTokenId: number | null;
  };
  /** What `generation_config.json` of its folder says; null without one. */
  readonly generationConfig?: unknown;
  /** Where it was read, for messages. */
  readonly generationConfigFile?: string;
  /** Where the weights are. */
  readonly device: Device;
  readonly model: {
    /**
     * @param options `cache`: what the sequences' earlier tokens left; the batch holds the new ones
     * @returns `[T, dim]`, after the final norm
     */
    forward(batch: TokenBatch, options?: { cache?: AttentionCache }): Tensor;
  };
  /**
   * @param hidden `[R, dim]`
   * @returns `[R, vocabSize]`
   */
  logits(hidden: Tensor): Tensor;
}
