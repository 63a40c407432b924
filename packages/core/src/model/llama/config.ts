import type { RopeParameters } from "../../nn/rope.ts";
import type { ModelConfig } from "../config.ts";

/** The configuration of a Llama decoder. */
export interface LlamaConfig extends ModelConfig {
  readonly modelType: "llama";
  /** Of the MLP's gate. @default "silu" */
  readonly hiddenAct: string;
  /** Spread of the initial weights. @default 0.02 */
  readonly initializerRange: number;
  /** @default 1e-6 */
  readonly rmsNormEps: number;
  /** Of all four projections of attention. @default false */
  readonly attentionBias: boolean;
  /** Of the projections of the MLP. @default false */
  readonly mlpBias: boolean;
  /** Of attention's probabilities. @default 0 */
  readonly attentionDropout: number;
  readonly ropeParameters: RopeParameters;
}
