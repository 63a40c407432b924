import type { Module, PromptChoice, SaveOptions, SimilarityFunctionName } from "@ettin/core";
import type { CardData } from "./card/card-data.ts";

export interface SentenceTransformerOptions {
  /** In the order in which they run; the first takes texts. They belong to the model from now on. */
  modules: readonly Module[];
  /** Texts that go before queries, documents or others, by name. @default none */
  prompts?: Readonly<Record<string, string>>;
  /** The prompt of calls that name none. @default null */
  defaultPromptName?: string | null;
  /** How `similarity` compares. @default "cosine" */
  similarityFnName?: SimilarityFunctionName;
  /** Dimensions that `encode` keeps. @default null: all */
  truncateDim?: number | null;
  /** The repository that it was made from. @default null */
  baseModel?: string | null;
  /** The model card that came with it. @default null */
  readme?: string | null;
}

export interface TokenizeOptions extends PromptChoice {
  /** Takes the prompt of queries or documents where the call names none. */
  task?: "query" | "document";
}

export interface SaveModelOptions extends SaveOptions {
  /** Writes README.md. @default true */
  createModelCard?: boolean;
  /** Its name on the hub, "owner/name", for the card. */
  modelName?: string;
  /** What people say about the model, before what `cardData` says. */
  card?: CardData;
}
