import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  checkOptions,
  Dense,
  type Device,
  type DeviceName,
  Dropout,
  EngineError,
  findModules,
  type HubOptions,
  isSimilarityFunctionName,
  LayerNorm,
  loadModules,
  type Module,
  type ModuleLoad,
  type ModuleReader,
  Normalize,
  type OptionNames,
  openWeights,
  readArchitecture,
  readModelSettings,
  readPrompts,
  type SimilarityFunctionName,
  Transformer,
} from "@ettin/core";
import type { SentenceTransformerOptions } from "./model-options.ts";
import type { PoolingMode } from "./modules/pool-tokens.ts";
import { Pooling } from "./modules/pooling.ts";
import { StaticEmbedding } from "./modules/static-embedding.ts";

export interface FromPretrainedOptions extends Omit<HubOptions, "repoType"> {
  /**
   * Of the weights in memory: "auto" is the file's. Training wants "float32".
   *
   * @default "auto"
   */
  dtype?: "auto" | "float32" | "bfloat16";
  /** @default the default device */
  device?: Device | DeviceName;
  /** Texts that go before queries, documents or others, by name; an empty one goes before the file's, too. */
  prompts?: Readonly<Record<string, string>>;
  /** The prompt of calls that name none. @default the file's */
  defaultPromptName?: string | null;
  /** @default the file's, else "cosine" */
  similarityFnName?: SimilarityFunctionName;
  /** Dimensions that `encode` keeps. @default the file's, else all */
  truncateDim?: number | null;
  /** Tokens, special ones included, from which on a text is cut. @default what the files say */
  maxSeqLength?: number;
  /** Of a model without modules of its own. @default "lasttoken" for causal language models, else "mean" */
  poolingMode?: PoolingMode;
  /** Called with a sentence for each thing that was not as expected. */
  onNotice?: (notice: string) => void;
}

const OPTIONS: OptionNames<FromPretrainedOptions> = {
  ...{ dtype: true, device: true, prompts: true, defaultPromptName: true, similarityFnName: true, truncateDim: true },
  ...{ maxSeqLength: true, poolingMode: true, onNotice: true, revision: true, token: true, cacheDir: true },
  ...{ endpoint: true, localFilesOnly: true, signal: true, onProgress: true },
};
const INSTEAD: Readonly<Record<string, string>> = {
  trustRemoteCode: "Code of a repository is never run: leave it out.",
  cacheFolder: "Use cacheDir.",
  backend: "There is one engine: leave it out.",
  modelKwargs: 'Use dtype: "float32" or "bfloat16".',
  tokenizerKwargs: "Use maxSeqLength.",
  processorKwargs: "Use maxSeqLength.",
  configKwargs: "Use the options of fromPretrained.",
  modelCardData: "Set model.cardData.",
};

const readers: ReadonlyMap<string, ModuleReader> = new Map<string, ModuleReader>([
  ["Transformer", (folder, load) => readTransformer(folder, load, true)],
  ["Pooling", (folder) => Pooling.fromFolder(folder)],
  ["Dense", (folder, load) => Dense.fromFolder(folder, load)],
  ["Normalize", (folder) => Normalize.fromFolder(folder)],
  ["LayerNorm", (folder, load) => LayerNorm.fromFolder(folder, load)],
  ["Dropout", (folder) => Dropout.fromFolder(folder)],
  ["StaticEmbedding", (folder, load) => StaticEmbedding.fromFolder(folder, load)],
]);

/** Models of other times that have no owner in their name; of kinds that load here. */
const OWNERLESS = /^bert-(base|large)-(un)?cased|^bert-base-(chinese|german-|multilingual-)/;

/** What a `SentenceTransformer` of a folder, or of a repository on the hub, is made of. */
export async function loadSentenceTransformer(
  idOrFolder: string,
  options: FromPretrainedOptions,
): Promise<SentenceTransformerOptions> {
  checkOptions("fromPretrained", options, OPTIONS, INSTEAD);
  const { folder, id, entries } = await findModules(await withOwner(idOrFolder), options);
  const { dtype = "auto", device, onNotice, signal } = options;
  const load: ModuleLoad = { dtype, device, onNotice, signal };
  const settings = entries ? await readModelSettings(folder) : null;
  const converted = settings !== null && settings.modelType !== "SentenceTransformer";
  if (converted) {
    onNotice?.(`${idOrFolder} was saved as ${settings.modelType}: its weights are loaded with a pooling of their own.`);
  }
  if (entries && !converted && options.poolingMode !== undefined) {
    throw new EngineError(
      "fromPretrained",
      `poolingMode is "${options.poolingMode}", but ${idOrFolder} has modules of its own`,
      "Leave it out, or make a SentenceTransformer of a Transformer and a Pooling.",
    );
  }
  const given = readPrompts("fromPretrained", "the options", options.prompts);
  const modules =
    entries && !converted
      ? await loadModules(folder, entries, readers, load)
      : await bareModules(folder, load, options.poolingMode);
  const stored = settings?.similarityFnName;
  const readme = entries ? await readFile(join(folder, "README.md"), "utf8").catch(() => null) : null;
  return {
    modules,
    prompts: { ...settings?.prompts, ...given },
    defaultPromptName:
      options.defaultPromptName === undefined ? (settings?.defaultPromptName ?? null) : options.defaultPromptName,
    similarityFnName: options.similarityFnName ?? (isSimilarityFunctionName(stored) ? stored : "cosine"),
    truncateDim: options.truncateDim === undefined ? (settings?.truncateDim ?? null) : options.truncateDim,
    baseModel: id,
    readme,
  };
}

/** The name of a repository where there is no such folder and the name has no owner. */
async function withOwner(idOrFolder: string): Promise<string> {
  if (!/^[\w.-]+$/.test(idOrFolder) || OWNERLESS.test(idOrFolder)) return idOrFolder;
  const there = await stat(idOrFolder).catch(() => null);
  return there ? idOrFolder : `sentence-transformers/${idOrFolder}`;
}

function readTransformer(folder: string, load: ModuleLoad, readSettings: boolean): Promise<Transformer> {
  const { dtype, device, onNotice, signal } = load;
  return Transformer.fromPretrained(folder, {
    dtype,
    readSettings,
    ...(device && { device }),
    ...(onNotice && { onNotice }),
    ...(signal && { signal }),
  });
}

/** A model without a list of modules: a transformer and its pooling, or vectors of tokens. */
async function bareModules(folder: string, load: ModuleLoad, mode: PoolingMode | undefined): Promise<Module[]> {
  const architecture = await readArchitecture(folder);
  if (await isStatic(folder, architecture?.modelType ?? null)) {
    const normalize = architecture?.json.normalize === true;
    return [await StaticEmbedding.fromFolder(folder, load), ...(normalize ? [new Normalize()] : [])];
  }
  await tellOfChatTemplate(folder, load.onNotice);
  const transformer = await readTransformer(folder, load, false);
  const poolingMode = mode ?? (architecture?.isCausalLM ? "lasttoken" : "mean");
  return [transformer, new Pooling({ embeddingDimension: transformer.embeddingDimension, poolingMode })];
}

/** Version 6 of the reference makes a chat message of each text where the tokenizer can. */
async function tellOfChatTemplate(folder: string, onNotice: ModuleLoad["onNotice"]): Promise<void> {
  const read = (name: string) => readFile(join(folder, name), "utf8").catch(() => "");
  const inConfig = (await read("tokenizer_config.json")).includes('"chat_template"');
  if (!inConfig && (await read("chat_template.jinja")) === "") return;
  onNotice?.(
    `${folder} has a chat template, which Sentence Transformers 6 puts around every text: here texts are encoded as they are.`,
  );
}

/** Whether a folder has vectors of tokens alone, as model2vec writes them. */
async function isStatic(folder: string, modelType: string | null): Promise<boolean> {
  if (modelType !== null && modelType !== "model2vec") return false;
  const weights = await openWeights(folder);
  return weights.has("embeddings") || (weights.size === 1 && weights.has("embedding.weight"));
}
