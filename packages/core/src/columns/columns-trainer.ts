import type { Dataset } from "../data/dataset.ts";
import { expectDataset } from "../data/expect-dataset.ts";
import { type Features, joinFeatures } from "../data/feature-type.ts";
import { MultiDataset } from "../data/multi-dataset.ts";
import type { Row } from "../data/table.ts";
import { EngineError } from "../errors.ts";
import type { Collator, RowSource } from "../trainer/collator.ts";
import type { Loss } from "../trainer/loss.ts";
import type { TrainableModel } from "../trainer/trainable-model.ts";
import type { TrainerOptions } from "../trainer/trainer-options.ts";
import { COLUMN_ARGUMENTS, type ColumnTrainingArguments } from "./column-arguments.ts";
import { columnRoles } from "./column-rules.ts";
import type { Columns } from "./columns.ts";
import { type ColumnsCollatorOptions, columnsCollator } from "./columns-collator.ts";
import { LossByDataset } from "./loss-by-dataset.ts";
import { checkPrompts } from "./training-prompts.ts";

/** One dataset, or several by name. */
export type NamedDatasets = Dataset | MultiDataset | Readonly<Record<string, Dataset>>;

/** What a trainer of texts in columns is given. */
export interface ColumnsTrainerOptions<Model extends TrainableModel>
  extends Omit<TrainerOptions<Row, Columns, Model>, "args" | "trainDataset" | "evalDataset" | "loss" | "collator"> {
  /** @default the reference's */
  args?: Partial<ColumnTrainingArguments>;
  /** Needed to train. Of several datasets each batch is from one, in turns by `multiDatasetBatchSampler`. */
  trainDataset?: NamedDatasets;
  /** Of several datasets each has metrics of its own: "eval_<name>_loss". */
  evalDataset?: NamedDatasets;
  /** One for all datasets, or one by the name of each. */
  loss: Loss<Columns> | Readonly<Record<string, Loss<Columns>>>;
  /** In place of `columnsCollator`: rows to a batch; `prompts` are then its own affair. */
  collator?: Collator<Row, Columns>;
  /** How texts become ids. */
  columns: Pick<ColumnsCollatorOptions, "tokenizer" | "maxLength" | "promptLength" | "labelColumns">;
}

/**
 * A trainer's options, for datasets whose columns are texts and labels: the rules of columns, prompts and losses of several
 * datasets are checked here.
 *
 * @throws EngineError for a column, a prompt or a loss that does not fit the datasets
 */
export function columnsTrainer<Model extends TrainableModel>(
  options: ColumnsTrainerOptions<Model>,
): TrainerOptions<Row, Columns, Model> {
  const { name: where = "Trainer", columns, loss, trainDataset, evalDataset, args, collator, ...others } = options;
  const train = datasetsByName(where, trainDataset, "trainDataset");
  const evaluation = datasetsByName(where, evalDataset, "evalDataset");
  const notices = new Set<string>();
  const columnNames = new Map<string, readonly string[]>();
  const features = new Map<string, Features>();
  for (const [name, dataset] of [...train, ...evaluation]) {
    const { inputs, notices: found } = columnRoles(where, dataset.columnNames, columns.labelColumns);
    for (const notice of found) notices.add(notice);
    columnNames.set(name, [...new Set([...(columnNames.get(name) ?? []), ...inputs])]);
    features.set(name, features.has(name) ? joinFeatures(features.get(name)!, dataset.features) : dataset.features);
  }
  if (columnNames.size > 0) checkPrompts(where, args?.prompts, columnNames);
  return {
    ...others,
    name: where,
    ...(args && { args }),
    ...(trainDataset && { trainDataset: train.has("") ? train.get("")! : new MultiDataset(Object.fromEntries(train)) }),
    ...(evalDataset && { evalDataset: evaluationSets(evaluation) }),
    loss: lossFor(where, loss, { trainDataset: train, evalDataset: evaluation }),
    collator:
      collator ??
      columnsCollator({
        ...columns,
        where,
        prompts: args?.prompts ?? null,
        features: (name) => features.get(name ?? ""),
      }),
    argumentRules: { ...COLUMN_ARGUMENTS, ...options.argumentRules },
    notices: [...notices, ...(options.notices ?? [])],
  };
}

/** By name; a dataset without one has the name "". */
export function datasetsByName(
  where: string,
  given: NamedDatasets | undefined,
  option = "a dataset",
): Map<string, Dataset> {
  if (!given) return new Map();
  if (Array.isArray(given) || typeof given !== "object") expectDataset(where, option, given);
  if (given instanceof MultiDataset) return new Map(given.names.map((name, i) => [name, given.datasets[i]!]));
  if (typeof (given as Dataset).rows === "function") return new Map([["", given as Dataset]]);
  const named = Object.entries(given as Readonly<Record<string, Dataset>>);
  if (named.length === 0) throw new EngineError(where, "an object of datasets is empty", "Give one or more by name.");
  const list = named.find(([, dataset]) => Array.isArray(dataset));
  if (list) expectDataset(where, `${option}.${list[0]}`, list[1]);
  const wrong = named.find(([name, dataset]) => name === "" || typeof dataset?.rows !== "function");
  if (wrong)
    throw new EngineError(where, `what is given as ${JSON.stringify(wrong[0])} is no Dataset`, "Use loadDataset.");
  return new Map(named);
}

/** Rows of a dataset with a name carry it. */
function evaluationSets(datasets: ReadonlyMap<string, Dataset>): RowSource<Row> | Record<string, RowSource<Row>> {
  if (datasets.has("")) return datasets.get("")!;
  return Object.fromEntries([...datasets].map(([name, dataset]) => [name, new MultiDataset({ [name]: dataset })]));
}

function lossFor(
  where: string,
  loss: ColumnsTrainerOptions<TrainableModel>["loss"],
  datasets: Readonly<Record<string, ReadonlyMap<string, Dataset>>>,
): Loss<Columns> {
  if (typeof loss.forward === "function") return loss as Loss<Columns>;
  const losses = loss as Readonly<Record<string, Loss<Columns>>>;
  for (const [option, named] of Object.entries(datasets)) {
    if (named.has("")) {
      throw new EngineError(
        where,
        `loss is an object of losses by dataset, but ${option} is one dataset without a name`,
        `Give ${option} as { ${Object.keys(losses)[0] ?? "name"}: dataset }, or one loss.`,
      );
    }
    const missing = [...named.keys()].filter((name) => !Object.hasOwn(losses, name));
    if (missing.length === 0) continue;
    throw new EngineError(
      where,
      `there is no loss for ${missing.join(", ")} of ${option}`,
      `Losses are of ${Object.keys(losses).join(", ") || "nothing"}: give one for every dataset.`,
    );
  }
  return new LossByDataset(losses);
}
