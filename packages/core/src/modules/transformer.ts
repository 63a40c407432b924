import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PackedTexts } from "../columns/columns.ts";
import type { Device } from "../device.ts";
import { EngineError } from "../errors.ts";
import { AutoModel, type AutoOptions } from "../model/auto-model.ts";
import type { BaseModel } from "../model/base-model.ts";
import { BARE_MODEL, findFolder } from "../model/find-folder.ts";
import type { SaveOptions } from "../model/save-model.ts";
import type { ParameterEntry } from "../nn/parameter-set.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type EncodeBatchOptions, Tokenizer } from "../tokenizer/tokenizer.ts";
import { TOKENIZER_FILES } from "../tokenizer/tokenizer-files.ts";
import { readArchitecture } from "./architecture.ts";
import { type InputModule, type ModuleFeatures, type ModulePass, withTensor } from "./module.ts";
import { expectTextInput } from "./text-input.ts";
import {
  readTransformerSettings,
  resolveMaxLength,
  TRANSFORMER_FILE,
  type TransformerSettings,
  transformerSettingsText,
} from "./transformer-settings.ts";

export interface TransformerOptions {
  /** An encoder or a decoder without a head. It belongs to the module from now on. */
  model: BaseModel;
  tokenizer: Tokenizer;
  /** Tokens, special ones included, from which on a text is cut. @default what tokenizer and model take */
  maxSeqLength?: number;
}

/** Options of `Transformer.fromPretrained`: those of the model, and the length. */
export interface TransformerLoadOptions extends AutoOptions, Pick<TransformerOptions, "maxSeqLength"> {
  /** Whether what Sentence Transformers wrote beside the model counts: length, lower case, task. @default true */
  readSettings?: boolean;
}

const NO_SETTINGS: TransformerSettings = {
  maxSeqLength: null,
  doLowerCase: false,
  task: "feature-extraction",
  json: {},
};

/** A text's tokens through a model without a head: "token_embeddings" `[T, hiddenSize]`. */
export class Transformer implements InputModule {
  readonly className: string = "Transformer";
  readonly savedInRoot: boolean = true;
  readonly stateDictPrefix: string = "model.";
  readonly model: BaseModel;
  readonly tokenizer: Tokenizer;
  private limit: number;
  private ownsTokenizer = true;

  constructor({ model, tokenizer, maxSeqLength }: TransformerOptions) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.limit = 0;
    this.maxSeqLength =
      maxSeqLength ?? resolveMaxLength(null, tokenizer.modelMaxLength, model.config.maxPositionEmbeddings);
  }

  /**
   * A model with its tokenizer, of a folder or of a repository on the hub; of a folder that Sentence Transformers wrote
   * with the length and the lower case that it says.
   *
   * @param idOrFolder a folder's path, or "owner/name"
   */
  static async fromPretrained(idOrFolder: string, options: TransformerLoadOptions = {}): Promise<Transformer> {
    const { maxSeqLength, readSettings = true, ...modelOptions } = options;
    const files = ["*.json", "*.safetensors", ...TOKENIZER_FILES];
    const folder = await findFolder(idOrFolder, options, files, { needed: BARE_MODEL });
    const settings = readSettings ? await readTransformerSettings(folder) : NO_SETTINGS;
    if (settings.task !== "feature-extraction") {
      throw new EngineError(
        "Transformer",
        `transformer_task in ${join(folder, TRANSFORMER_FILE)} is "${settings.task}"`,
        'This module reads "feature-extraction": load the folder with the class that it was saved from.',
      );
    }
    expectTextInput(join(folder, TRANSFORMER_FILE), settings.json);
    await refuseOtherAttention(folder);
    const tokenizer = await Tokenizer.fromFolder(folder, { lowercase: settings.doLowerCase });
    let model: BaseModel | null = null;
    try {
      model = await AutoModel.fromPretrained(folder, modelOptions);
      const positions = model.config.maxPositionEmbeddings;
      if (maxSeqLength === undefined && (settings.maxSeqLength ?? 0) > positions) {
        options.onNotice?.(
          `max_seq_length of ${folder} is ${settings.maxSeqLength}, but the model has ${positions} positions: texts are cut there.`,
        );
      }
      const length = maxSeqLength ?? resolveMaxLength(settings.maxSeqLength, tokenizer.modelMaxLength, positions);
      return new Transformer({ model, tokenizer, maxSeqLength: length });
    } catch (error) {
      model?.dispose();
      tokenizer.dispose();
      throw error;
    }
  }

  get embeddingDimension(): number {
    return this.model.config.hiddenSize;
  }

  get maxSeqLength(): number {
    return this.limit;
  }

  set maxSeqLength(length: number) {
    const most = this.model.config.maxPositionEmbeddings;
    if (!Number.isInteger(length) || length < 1 || length > most) {
      throw new EngineError("maxSeqLength", `it is ${length}`, `Use a whole number from 1 to ${most}.`);
    }
    this.limit = length;
  }

  get device(): Device {
    return this.model.device;
  }

  get weightDtype(): "float32" | "bfloat16" {
    return this.model.parameters()[0]!.dtype as "float32" | "bfloat16";
  }

  get computeDtype(): "float32" | "bfloat16" {
    return this.model.computeDtype;
  }

  set computeDtype(dtype: "float32" | "bfloat16") {
    this.model.computeDtype = dtype;
  }

  get gradientCheckpointing(): boolean {
    return this.model.gradientCheckpointing;
  }

  set gradientCheckpointing(on: boolean) {
    this.model.gradientCheckpointing = on;
  }

  tokenize(texts: readonly string[]): Promise<PackedTexts> {
    return this.tokenizer.encodeBatch(texts, this.cut);
  }

  tokenizeNow(texts: readonly string[]): PackedTexts {
    return this.tokenizer.encodeBatchNow(texts, this.cut);
  }

  forward(features: ModuleFeatures, pass: ModulePass = {}): ModuleFeatures {
    return withTensor(features, "token_embeddings", this.model.forward(features.batch, pass));
  }

  forwardLayers(features: ModuleFeatures, pass: ModulePass = {}): ModuleFeatures[] {
    const states: Tensor[] = this.model.hiddenStates(features.batch, pass);
    return states.map((state) => withTensor(features, "token_embeddings", state));
  }

  entries(): readonly ParameterEntry[] {
    return this.model.entries();
  }

  async save(folder: string, options: SaveOptions = {}): Promise<void> {
    await this.model.savePretrained(folder, options);
    await this.tokenizer.savePretrained(folder, { modelMaxLength: this.limit });
    await writeFile(join(folder, TRANSFORMER_FILE), transformerSettingsText(this.limit, this.tokenizer.lowercase));
  }

  /** The same with weights of its own. The tokenizer is shared, and stays this one's. */
  copy(): Transformer {
    const copy = new Transformer({ model: this.model.copy(), tokenizer: this.tokenizer, maxSeqLength: this.limit });
    copy.ownsTokenizer = false;
    return copy;
  }

  dispose(): void {
    this.model.dispose();
    if (this.ownsTokenizer) this.tokenizer.dispose();
  }

  private get cut(): EncodeBatchOptions {
    return { truncation: "longest_first", maxLength: this.limit };
  }
}

/** A Llama that is not causal would be another model under the same weights. */
async function refuseOtherAttention(folder: string): Promise<void> {
  const { modelType, json } = (await readArchitecture(folder)) ?? {};
  if (modelType !== "llama" || json?.is_causal !== false) return;
  throw new EngineError(
    "Transformer",
    `is_causal in ${join(folder, "config.json")} is false, but a Llama's tokens see only those before them here`,
    "Use a ModernBERT decoder, whose is_causal counts, or an encoder.",
  );
}
