import {
  EngineError,
  type LanguageModel,
  type ModernBertConfig,
  ModernBertDecoderForCausalLM,
  ModernBertForMaskedLM,
  namedConfig,
} from "@ettin/core";
import type { TokenIds } from "../objectives/token-ids.ts";
import type { Recipe, RecipePhase } from "../recipe/recipe.ts";

/**
 * The model that a phase begins with: drawn at random from the recipe's configuration and the tokenizer's ids, or with
 * the weights of a folder. A folder of the other kind is read too; only the mask and the objective differ. The phase's
 * rotary bases come with it, and of the recipe's `model` the window and the number of positions; other fields that the
 * recipe gives have to be the folder's.
 *
 * @param from a model's folder, or its name on the hub; null: none
 */
export async function phaseModel(
  recipe: Recipe,
  phase: RecipePhase,
  ids: TokenIds,
  from: string | null,
): Promise<LanguageModel<ModernBertConfig>> {
  const rope = (ropeTheta: number) => ({ ropeType: "default", ropeTheta }) as const;
  const ropeParameters = {
    fullAttention: rope(phase.ropeTheta.global),
    slidingAttention: rope(phase.ropeTheta.local),
  };
  const Model = recipe.objective === "clm" ? ModernBertDecoderForCausalLM : ModernBertForMaskedLM;
  const model =
    from === null
      ? Model.fromConfig({ ...newConfig(recipe, ids), ropeParameters }, { seed: recipe.seed })
      : await Model.fromPretrained(from, { dtype: "float32", config: { ...changesOf(recipe), ropeParameters } });
  if (from !== null) refuseOthers(model, recipe, from);
  const { vocabSize, maxPositionEmbeddings } = model.config;
  if (ids.vocabSize <= vocabSize && phase.maxSeqLen <= maxPositionEmbeddings) return model;
  model.dispose();
  if (ids.vocabSize > vocabSize) {
    throw new EngineError(
      "runRecipe",
      `the tokenizer has ${ids.vocabSize} ids, but the model ${vocabSize}`,
      "Set model.vocabSize, a multiple of 8, or use the model's own tokenizer.",
    );
  }
  throw new EngineError(
    "runRecipe",
    `${phase.name}.maxSeqLen is ${phase.maxSeqLen}, but the model takes ${maxPositionEmbeddings} positions`,
    "Shorten the sequences, or set model.maxPositionEmbeddings.",
  );
}

/** What weights do not decide. */
function changesOf({ model: { slidingWindow, maxPositionEmbeddings } }: Recipe): Partial<ModernBertConfig> {
  return {
    ...(slidingWindow !== undefined && { slidingWindow, localAttention: 2 * slidingWindow }),
    ...(maxPositionEmbeddings !== undefined && { maxPositionEmbeddings }),
  };
}

function refuseOthers(model: LanguageModel<ModernBertConfig>, recipe: Recipe, from: string): void {
  const { config: _, ...given } = recipe.model;
  for (const [name, value] of Object.entries(given)) {
    const found = model.config[name as keyof typeof given];
    if (value === undefined || value === found) continue;
    model.dispose();
    throw new EngineError(
      "runRecipe",
      `model.${name} is ${value}, but the weights of ${from} have ${found}`,
      `Leave model.${name} out, or start from other weights.`,
    );
  }
}

function newConfig(recipe: Recipe, { cls, sep, pad }: TokenIds): Partial<ModernBertConfig> {
  const { config, ...sizes } = recipe.model;
  return {
    ...namedConfig(config),
    ...changesOf(recipe),
    bosTokenId: cls,
    clsTokenId: cls,
    eosTokenId: sep,
    sepTokenId: sep,
    ...(pad !== undefined && { padTokenId: pad }),
    ...sizes,
  };
}
