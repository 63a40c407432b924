import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { readJson } from "../model/read-json.ts";
import { nearestName } from "../nearest-name.ts";
import { type GenerationSettings, RULES, SAMPLING, saysNothing } from "./generation-options.ts";
import type { SequenceBias } from "./sequence-rules.ts";

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const NAMES = new Map((Object.keys(RULES) as (keyof GenerationSettings)[]).map((name) => [snake(name), name]));

/** Where a setting's value comes from. */
export type SettingSource = "generation_config.json" | "config.json";

/**
 * The settings that come with a checkpoint. `generate` puts the caller's options over them, and its own defaults below.
 */
export class GenerationConfig {
  readonly settings: GenerationSettings;
  /** The file that each setting comes from. */
  readonly sources: ReadonlyMap<keyof GenerationSettings, SettingSource>;
  /** Keys of the file that have no effect here; written back. */
  readonly extra: Readonly<Record<string, unknown>>;
  /** Where the settings were read, for messages. */
  readonly file: string;

  private constructor(
    settings: GenerationSettings,
    sources: ReadonlyMap<keyof GenerationSettings, SettingSource>,
    extra: Readonly<Record<string, unknown>>,
    file: string,
  ) {
    this.settings = settings;
    this.sources = sources;
    this.extra = extra;
    this.file = file;
  }

  /** Settings of your own, to be saved with a model. */
  static of(settings: GenerationSettings): GenerationConfig {
    checkSettings("GenerationConfig", settings);
    return GenerationConfig.from(settings, "generation_config.json", {});
  }

  /**
   * Reads the contents of `generation_config.json`; null, an empty list and a token id of -1 count as absent. Settings
   * of sampling are checked when there is a draw.
   *
   * @param file for messages
   * @throws EngineError that names file and key, for a value that does not fit
   */
  static fromJson(json: unknown, file = "generation_config.json"): GenerationConfig {
    if (json === null || typeof json !== "object" || Array.isArray(json)) {
      throw new EngineError("GenerationConfig", `${file} is not an object`, "Restore the file, or delete it.");
    }
    const settings: Record<string, unknown> = {};
    const extra: Record<string, unknown> = {};
    for (const [key, given] of Object.entries(json)) {
      const name = NAMES.get(key);
      if (!name || saysNothing(name, given)) {
        extra[key] = given;
        continue;
      }
      const value = name === "sequenceBias" ? readBiases(given) : given;
      if (value == null) continue;
      if (!SAMPLING.includes(name) && !RULES[name].fits(value)) throw badValue("GenerationConfig", name, file, given);
      settings[name] = value;
    }
    return GenerationConfig.from(settings, "generation_config.json", extra, file);
  }

  /** Where there is no such file: the special tokens of `config.json`. */
  static fromModelConfig(
    config: Pick<GenerationSettings, "bosTokenId" | "eosTokenId" | "padTokenId">,
  ): GenerationConfig {
    const { bosTokenId = null, eosTokenId = null, padTokenId = null } = config;
    const settings = Object.fromEntries(
      Object.entries({ bosTokenId, eosTokenId, padTokenId }).filter(([, value]) => value !== null),
    );
    return GenerationConfig.from(settings, "config.json", {});
  }

  /** Reads a folder's `generation_config.json`; null where there is none. */
  static async fromFolder(folder: string): Promise<GenerationConfig | null> {
    const path = join(folder, "generation_config.json");
    const json = await readJson("GenerationConfig", path);
    return json && GenerationConfig.fromJson(json, path);
  }

  private static from(
    settings: GenerationSettings,
    source: SettingSource,
    extra: Readonly<Record<string, unknown>>,
    file: string = source,
  ): GenerationConfig {
    const names = Object.keys(settings) as (keyof GenerationSettings)[];
    return new GenerationConfig(settings, new Map(names.map((name) => [name, source])), extra, file);
  }

  /** As `generation_config.json` has it, keys sorted. */
  toJson(): Record<string, unknown> {
    const json: Record<string, unknown> = { ...this.extra };
    for (const [key, name] of NAMES) {
      const value = this.settings[name];
      if (value == null) continue;
      json[key] = name === "sequenceBias" ? (value as SequenceBias[]).map(({ ids, bias }) => [ids, bias]) : value;
    }
    return Object.fromEntries(Object.entries(json).sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** `[[ids, bias], …]`, the form that JSON can hold. */
function readBiases(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((pair) => (Array.isArray(pair) ? { ids: pair[0], bias: pair[1] } : pair));
}

const shown = (value: unknown): string => {
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
};

/** The error about a value of a file. */
export const badValue = (where: string, name: keyof GenerationSettings, file: string, value: unknown): EngineError =>
  new EngineError(where, `${snake(name)} in ${file} is ${shown(value)}`, `It has to be ${RULES[name].expected}.`);

/** The error about a value of a call. */
export const badOption = (where: string, name: keyof GenerationSettings, value: unknown): EngineError =>
  new EngineError(where, `${name} is ${shown(value)}`, `It has to be ${RULES[name].expected}.`);

/**
 * Checks the options of a call: an unknown one is named together with the nearest that there is. A temperature of 0 passes:
 * it means nothing where nothing is drawn, and `resolveSettings` refuses it where something is.
 */
export function checkSettings(where: string, options: object, others: readonly string[] = []): void {
  for (const [name, value] of Object.entries(options)) {
    if (others.includes(name)) continue;
    const rule = RULES[name as keyof GenerationSettings];
    if (!rule) {
      const near = nearestName(name, [...Object.keys(RULES), ...others]);
      throw new EngineError(where, `there is no option ${name}`, `The nearest is ${near}.`);
    }
    if (value == null || rule.fits(value) || (name === "temperature" && value === 0)) continue;
    throw badOption(where, name as keyof GenerationSettings, value);
  }
}
