import type { PackedTexts } from "../columns/columns.ts";
import type { Device } from "../device.ts";
import type { SaveOptions } from "../model/save-model.ts";
import type { ParameterEntry } from "../nn/parameter-set.ts";
import type { DropoutDraw } from "../nn/pass.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/**
 * What one module hands to the next: the batch, and tensors under the names that module files use, such as
 * "token_embeddings" `[T, D]` and "sentence_embedding" `[B, D]`.
 */
export interface ModuleFeatures {
  readonly batch: PackedTexts;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/** What one forward pass is told. */
export interface ModulePass {
  /** Draws masks; without it nothing is dropped. */
  readonly dropout?: DropoutDraw;
}

/** A step from texts to vectors: a part of a model that has a folder and a class of its own in `modules.json`. */
export interface Module {
  /** The class's name in `modules.json`: its last component. */
  readonly className: string;
  /** Whether it is saved in the model's own folder where it comes first. */
  readonly savedInRoot: boolean;
  /** Numbers in a row that it makes; null: as many as come in. */
  readonly embeddingDimension: number | null;
  /** Called in a scope of the model. */
  forward(features: ModuleFeatures, pass: ModulePass): ModuleFeatures;
  /** Its parameters, named as in its file. */
  entries(): readonly ParameterEntry[];
  /** The module with weights of its own: needed of one that has weights, for a model's `copy`. */
  copy?(): Module;
  /** Writes its configuration and weights to a folder, which is there. */
  save(folder: string, options?: SaveOptions): Promise<void>;
  dispose(): void;
}

/** The first module: it takes texts. */
export interface InputModule extends Module {
  readonly tokenizer: Tokenizer;
  readonly device: Device;
  /** Tokens, special ones included, from which on a text is cut; Infinity: never. */
  maxSeqLength: number;
  /** What stands before `entries`' names in a state dict: "model." of a Transformer. */
  readonly stateDictPrefix: string;
  readonly weightDtype: "float32" | "bfloat16";
  computeDtype: "float32" | "bfloat16";
  gradientCheckpointing: boolean;
  /** Packs texts off the JavaScript thread. */
  tokenize(texts: readonly string[]): Promise<PackedTexts>;
  /** The same at once. */
  tokenizeNow(texts: readonly string[]): PackedTexts;
  /** What `forward` makes, of the embedding and of each layer: one entry per hidden state. */
  forwardLayers?(features: ModuleFeatures, pass: ModulePass): ModuleFeatures[];
}

export const isInputModule = (module: Module): module is InputModule => "tokenizeNow" in module;

/** The features with one tensor more, or another in its place. */
export const withTensor = (features: ModuleFeatures, name: string, tensor: Tensor): ModuleFeatures => ({
  ...features,
  tensors: { ...features.tensors, [name]: tensor },
});
