import { EngineError } from "../errors.ts";
import type { BaseModel } from "./base-model.ts";
import { BertForMaskedLM } from "./bert/masked-lm.ts";
import { BertModel } from "./bert/model.ts";
import { BertForSequenceClassification } from "./bert/sequence-classification.ts";
import type { ModelConfig } from "./config.ts";
import type { ConfigChanges } from "./config-changes.ts";
import { type FromPretrainedOptions, findFolder } from "./find-folder.ts";
import type { CausalLM, MaskedLM } from "./language-model.ts";
import { LlamaForCausalLM } from "./llama/causal-lm.ts";
import { LlamaModel } from "./llama/model.ts";
import { loadModel, readFolderConfig } from "./load-model.ts";
import { ModernBertDecoderForCausalLM } from "./modernbert/causal-lm.ts";
import { ModernBertDecoderModel } from "./modernbert/decoder.ts";
import { ModernBertDecoderForSequenceClassification } from "./modernbert/decoder-sequence-classification.ts";
import { ModernBertModel } from "./modernbert/encoder.ts";
import { ModernBertForMaskedLM } from "./modernbert/masked-lm.ts";
import { namedConfig } from "./modernbert/named-configs.ts";
import { ModernBertForSequenceClassification } from "./modernbert/sequence-classification.ts";
import { ModernBertForTokenClassification } from "./modernbert/token-classification.ts";
import type { FromConfigOptions, ModelClass, PreTrainedModel } from "./pretrained-model.ts";
import type { SequenceClassifier } from "./sequence-classifier.ts";
import type { TokenClassifier } from "./token-classifier.ts";

/** Options of the `AutoModel` family: those of every kind of model. */
export type AutoOptions = FromPretrainedOptions<ModelConfig>;

/** Chooses the class by the configuration's `modelType`. */
export class AutoClass<M extends PreTrainedModel> {
  private readonly name: string;
  private readonly classes: ReadonlyMap<string, ModelClass<M, never>>;

  constructor(name: string, classes: Readonly<Record<string, unknown>>) {
    this.name = name;
    this.classes = new Map(Object.entries(classes)) as ReadonlyMap<string, ModelClass<M, never>>;
  }

  /**
   * A model of a folder or of a repository on the hub, of the class that its `model_type` stands for.
   *
   * @param idOrFolder a folder's path, or "owner/name"
   */
  async fromPretrained(idOrFolder: string, options: AutoOptions = {}): Promise<M> {
    const found = await readFolderConfig(await findFolder(idOrFolder, options));
    const Model = this.classFor(found.json.model_type, `model_type in ${found.file}`);
    return loadModel(Model as unknown as ModelClass<M & PreTrainedModel, ModelConfig>, found, options);
  }

  /**
   * A model with random weights.
   *
   * @param config a configuration, a part of one with its `modelType`, or a name such as "ettin-encoder-17m"
   */
  fromConfig(
    config: (ConfigChanges<ModelConfig> & { modelType: string }) | string,
    options: FromConfigOptions = {},
  ): M {
    const type = typeof config === "string" ? namedConfig(config).modelType : config.modelType;
    const Model = this.classFor(type, "modelType") as unknown as {
      fromConfig(config: ConfigChanges<ModelConfig> | string, options: FromConfigOptions): M;
    };
    return Model.fromConfig(config, options);
  }

  private classFor(type: unknown, what: string): ModelClass<M, never> {
    const found = this.classes.get(String(type));
    if (found) return found;
    const known = [...this.classes.keys()].map((name) => `"${name}"`).join(", ");
    throw new EngineError(this.name, `${what} is ${JSON.stringify(type)}`, `This class knows ${known}.`);
  }
}

/** Models without a head. */
export const AutoModel: AutoClass<BaseModel> = new AutoClass("AutoModel", {
  modernbert: ModernBertModel,
  "modernbert-decoder": ModernBertDecoderModel,
  bert: BertModel,
  llama: LlamaModel,
});

/** Encoders that predict masked tokens. */
export const AutoModelForMaskedLM: AutoClass<MaskedLM> = new AutoClass("AutoModelForMaskedLM", {
  modernbert: ModernBertForMaskedLM,
  bert: BertForMaskedLM,
});

/** Decoders that predict the next token. */
export const AutoModelForCausalLM: AutoClass<CausalLM> = new AutoClass("AutoModelForCausalLM", {
  "modernbert-decoder": ModernBertDecoderForCausalLM,
  llama: LlamaForCausalLM,
});

/** Models with a score per label for each text. */
export const AutoModelForSequenceClassification: AutoClass<SequenceClassifier> = new AutoClass(
  "AutoModelForSequenceClassification",
  {
    modernbert: ModernBertForSequenceClassification,
    "modernbert-decoder": ModernBertDecoderForSequenceClassification,
    bert: BertForSequenceClassification,
  },
);

/** Models with a score per label for each token. */
export const AutoModelForTokenClassification: AutoClass<TokenClassifier> = new AutoClass(
  "AutoModelForTokenClassification",
  { modernbert: ModernBertForTokenClassification },
);
