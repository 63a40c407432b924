export type { ModuleActivation } from "./activations.ts";
export { type Architecture, readArchitecture } from "./architecture.ts";
export { copyModule } from "./copy-module.ts";
export { Dense, type DenseOptions } from "./dense.ts";
export { Dropout, type DropoutModuleOptions } from "./dropout.ts";
export { requireTensor } from "./features.ts";
export { type FoundModules, findModules } from "./find-modules.ts";
export { type BatchWork, inSortedBatches, type SortedBatchOptions } from "./in-sorted-batches.ts";
export { LayerNorm, type LayerNormOptions } from "./layer-norm.ts";
export { inputOf, loadModules, loadModuleWeights, type ModuleReader, moduleEntries } from "./load-modules.ts";
export { type ModelSettings, readModelSettings } from "./model-settings.ts";
export {
  type InputModule,
  isInputModule,
  type Module,
  type ModuleFeatures,
  type ModulePass,
  withTensor,
} from "./module.ts";
export type { ModuleEntry } from "./module-list.ts";
export { type ModuleLoad, moduleWeights } from "./module-weights.ts";
export { Normalize, type NormalizeOptions } from "./normalize.ts";
export { mergePrompts, type PromptChoice, readPrompts, resolvePrompt, taskPromptName } from "./prompts.ts";
export { saveModules } from "./save-modules.ts";
export { promptLength, type TextsToPack, tokenizeTexts, tokenizeTextsNow } from "./tokenize-texts.ts";
export { Transformer, type TransformerLoadOptions, type TransformerOptions } from "./transformer.ts";
export { readTransformerSettings, type TransformerSettings } from "./transformer-settings.ts";
