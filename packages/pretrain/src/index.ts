/** The public surface, by name. */
export {
  Dataset,
  EngineError,
  loadDataset,
  ModernBertDecoderForCausalLM,
  ModernBertForMaskedLM,
  Tokenizer,
  Trainer,
} from "@ettin/core";
export type { Objective, TokenTask } from "./batch.ts";
export {
  evaluateLanguageModel,
  type LanguageModelEvaluation,
  type LanguageModelEvaluationOptions,
  languageModelEvaluator,
} from "./evaluators/language-model.ts";
export { LanguageModelingLoss, type LanguageModelingOptions } from "./losses/language-modeling.ts";
export { causalCollator } from "./objectives/causal.ts";
export type { TokenCollator } from "./objectives/collator.ts";
export { type MaskedOptions, maskedLanguageCollator } from "./objectives/masked-language.ts";
export { maskedNextTokenCollator } from "./objectives/masked-next-token.ts";
export type { MaskOptions, MaskRule } from "./objectives/masking.ts";
export { objectiveCollator } from "./objectives/objective-collator.ts";
export type { SequenceOptions } from "./objectives/sequences.ts";
export { ettinTokenIds, type TokenIds } from "./objectives/token-ids.ts";
export { type PackedRows, type PackingOptions, packBestFit, packBestFitAsync } from "./packing/best-fit.ts";
export {
  type PackedBatchSampler,
  type PackedBatchSamplerOptions,
  packedBatchSampler,
} from "./packing/packed-batch-sampler.ts";
export { recipeOrder } from "./phases/data-order.ts";
export { phaseArguments } from "./phases/phase-arguments.ts";
export { exportCheckpoint, revisionName } from "./phases/revisions.ts";
export { type PhaseBegins, type PretrainSummary, type RunRecipeOptions, runRecipe } from "./phases/run-recipe.ts";
export type { FinishedPhase } from "./phases/run-record.ts";
export { type RunReport, runReport } from "./phases/run-report.ts";
export * from "./prepare/index.ts";
export { namedRecipes } from "./recipe/named-recipes.ts";
export { type ReadRecipeOptions, readRecipe } from "./recipe/read-recipe.ts";
export type { Recipe, RecipeModel, RecipeOptimizer, RecipePhase, RecipeSchedule } from "./recipe/recipe.ts";
