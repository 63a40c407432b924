import type { Json } from "./config-fields.ts";

/** A model that continues texts: its folder has a file about how. */
export interface Generative {
  /** `generation_config.json` of the folder that it was loaded from; written back. */
  generationConfig: Json | null;
  /** Where it was read. */
  generationConfigFile: string;
}

export const isGenerative = (model: object): model is Generative => "generationConfig" in model;
