import { EngineError, namedConfigs, nearestName } from "@ettin/core";
import type { Recipe, RecipePhase } from "./recipe.ts";

/**
 * Refuses what contradicts itself in a recipe.
 *
 * @param at where a key was given, for messages
 */
export function checkRecipe(recipe: Recipe, at: (path: string) => string): void {
  const refuse = (when: boolean, path: string, what: () => string, wayOut: string) => {
    if (when) throw new EngineError("readRecipe", `${at(path)} ${what()}`, wayOut);
  };
  const { model, objective, phases, globalBatchSize, devices } = recipe;
  refuse(
    !namedConfigs.includes(model.config),
    "model.config",
    () => `there is no configuration ${model.config}`,
    `The nearest is ${nearestName(model.config, namedConfigs)}.`,
  );
  const kind = objective === "clm" ? "decoder" : "encoder";
  refuse(
    !model.config.startsWith(`ettin-${kind}-`),
    "objective",
    () => `objective is ${objective}, but the model is ${model.config}`,
    `Use an ettin-${kind}-… configuration.`,
  );
  refuse(phases.length === 0, "phases", () => "the recipe has no phases", "Give it one: phases: { pretraining: … }.");
  for (const phase of phases) checkPhase(recipe, phase, refuse);
  const revisions = phases.map(({ revision }) => revision);
  const twice = revisions.find((revision, i) => revisions.indexOf(revision) !== i);
  refuse(
    twice !== undefined,
    `phases.${phases.filter(({ revision }) => revision === twice).at(-1)?.name}.revision`,
    () => `two phases have the revision ${twice}`,
    "Give each phase one of its own.",
  );
  refuse(
    devices > globalBatchSize,
    "devices",
    () => `globalBatchSize is ${globalBatchSize}, but there are ${devices} devices`,
    "Give each device a sequence: set devices=1 for one machine.",
  );
}

function checkPhase(
  { globalBatchSize, devices }: Recipe,
  phase: RecipePhase,
  refuse: (when: boolean, path: string, what: () => string, wayOut: string) => void,
): void {
  const { name, microBatchSize, tokens, schedule } = phase;
  const path = (key: string) => `phases.${name}.${key}`;
  const rows = microBatchSize * devices;
  refuse(
    globalBatchSize % rows !== 0,
    path("microBatchSize"),
    () =>
      `${name}: globalBatchSize ${globalBatchSize} is not a multiple of ${microBatchSize} sequences on ${devices} devices`,
    `Set ${name}.microBatchSize so that it is, or devices=1.`,
  );
  const decay = schedule.decayTokens === "whole" ? tokens : schedule.decayTokens;
  refuse(
    schedule.warmupTokens + decay > tokens,
    path("schedule.warmupTokens"),
    () =>
      `${name}: the warm-up takes ${schedule.warmupTokens} tokens and the fall ${decay}, but the phase has ${tokens}`,
    "Shorten them, or scale all counts of tokens at once.",
  );
}
