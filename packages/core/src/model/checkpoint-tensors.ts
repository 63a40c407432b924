import { EngineError, shapeText } from "../errors.ts";
import type { StoredTensor } from "../hub/stored-tensor.ts";
import type { Json } from "./config-fields.ts";
import type { LoadReport } from "./pretrained-model.ts";

/** Names that carry nothing: tables that older versions stored. */
const IGNORED = /(^|\.)(position_ids|rotary_emb\.inv_freq)$/;

export interface CheckpointNames {
  /** What heads put before the base model's names, without the dot. */
  readonly basePrefix: string;
  /** The keys of the configuration that decide about tensors, by name: the first that matches speaks. */
  readonly decidedBy: readonly (readonly [names: RegExp, keys: readonly string[]])[];
}

/** The tensors of a checkpoint by name, and which of them a model has asked for. */
export class CheckpointTensors {
  private readonly tensors: ReadonlyMap<string, StoredTensor>;
  private readonly folder: string;
  private readonly json: Json;
  private readonly names: CheckpointNames;
  private readonly used = new Set<string>();
  private readonly lacking = new Set<string>();
  /** First parts of the names that the base model has. */
  private readonly base = new Set<string>();
  private readonly sentences: string[] = [];

  /**
   * @param tensors under the names of this library, but with or without the base model's prefix
   * @param json the configuration, for messages
   */
  constructor(tensors: ReadonlyMap<string, StoredTensor>, folder: string, json: Json, names: CheckpointNames) {
    this.tensors = tensors;
    this.folder = folder;
    this.json = json;
    this.names = names;
  }

  /** The tensor of that name, with the base model's prefix or without. */
  get(name: string): StoredTensor | null {
    const prefix = `${this.names.basePrefix}.`;
    const other = name.startsWith(prefix) ? name.slice(prefix.length) : prefix + name;
    for (const candidate of [name, other]) {
      const found = this.tensors.get(candidate);
      if (!found) continue;
      this.used.add(candidate);
      return found;
    }
    return null;
  }

  require(name: string): void {
    this.base.add(this.bare(name).split(".")[0]!);
  }

  missing(name: string): void {
    this.lacking.add(name);
  }

  notice(sentence: string): void {
    this.sentences.push(sentence);
  }

  /** The error about a tensor that has to be there. */
  lacks(name: string, shape: readonly number[]): EngineError {
    const known = [...this.tensors.keys()];
    return new EngineError(
      "fromPretrained",
      `the weights in ${this.folder} lack ${name} ${shapeText(shape)}, which config.json asks for${this.because(name)}`,
      `They have ${known.length} tensors, such as ${known.slice(0, 3).join(", ")}: load them with the class that they were saved from.`,
    );
  }

  /** The error about a tensor of another shape. */
  contradicts(name: string, stored: StoredTensor, shape: readonly number[], required: boolean): EngineError {
    return new EngineError(
      "fromPretrained",
      `${stored.name} in ${stored.file} is ${shapeText(stored.shape)}, but config.json makes it ${shapeText(shape)}${this.because(name)}`,
      required
        ? "Make config.json say what the weights are."
        : "Make config.json say what the weights are, or pass ignoreMismatchedSizes: true to draw this one anew.",
    );
  }

  /**
   * What was left over and what was missing.
   *
   * @param hasHead whether the model has one: a base model's file may have a head left over
   * @throws EngineError for a left-over tensor of the base model: the configuration describes another model
   */
  report(hasHead: boolean): LoadReport {
    const unexpected = [...this.tensors.keys()].filter((name) => !this.used.has(name) && !IGNORED.test(name));
    const contradiction = unexpected.find((name) => this.base.has(this.bare(name).split(".")[0]!));
    if (contradiction !== undefined) {
      const { file, shape } = this.tensors.get(contradiction)!;
      throw new EngineError(
        "fromPretrained",
        `${file} has ${contradiction} ${shapeText(shape)}, for which config.json has no place${this.because(contradiction)}`,
        "Make config.json say what the weights are.",
      );
    }
    const missing = [...this.lacking];
    const notices = [...this.sentences];
    if (missing.length > 0) {
      notices.push(`${this.folder} lacks ${listed(missing)}: drawn at random, so train the model before you use it.`);
    }
    if (hasHead && unexpected.length > 0) {
      notices.push(`${this.folder} has ${listed(unexpected)}, for which this kind of model has no place: left out.`);
    }
    return { missing, unexpected, notices };
  }

  private bare(name: string): string {
    const prefix = `${this.names.basePrefix}.`;
    return name.startsWith(prefix) ? name.slice(prefix.length) : name;
  }

  private because(name: string): string {
    const keys = this.names.decidedBy.find(([names]) => names.test(name))?.[1] ?? [];
    const said = keys.map((key) => `${key} ${JSON.stringify(this.json[key]) ?? "absent"}`);
    return said.length > 0 ? ` (${said.join(", ")})` : "";
  }
}

/** Names for a sentence. */
const listed = (names: readonly string[]): string =>
  names.length > 6 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ");
