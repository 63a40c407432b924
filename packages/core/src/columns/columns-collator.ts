import { textColumn } from "../data/check-rows.ts";
import type { Features } from "../data/feature-type.ts";
import { datasetOfRow } from "../data/row-place.ts";
import type { Row } from "../data/table.ts";
import { EngineError } from "../errors.ts";
import type { PackedTokens } from "../tokenizer/packed-tokens.ts";
import type { EncodeBatchOptions } from "../tokenizer/tokenizer.ts";
import type { Collator } from "../trainer/collator.ts";
import { type ColumnRoles, columnRoles } from "./column-rules.ts";
import type { Columns } from "./columns.ts";
import { readLabels } from "./read-labels.ts";
import { promptOf, type TrainingPrompts } from "./training-prompts.ts";

/** Texts to ids: a `Tokenizer`, or what a model puts in its place. */
export interface ColumnTokenizer {
  encodeBatch(texts: readonly string[], options?: EncodeBatchOptions): Promise<PackedTokens>;
}

export interface ColumnsCollatorOptions {
  tokenizer: ColumnTokenizer;
  /** Put before the texts. @default none */
  prompts?: TrainingPrompts | null;
  /**
   * Texts are cut to so many tokens; a function is asked at every batch. "tokenizer": the tokenizer cuts by itself.
   *
   * @default the tokenizer's `modelMaxLength`
   */
  maxLength?: number | "tokenizer" | (() => number);
  /**
   * For a pooling that leaves prompts out: how many tokens a prompt puts before a text.
   *
   * @default pooling sees them
   */
  promptLength?: (prompt: string) => number;
  /** Of the dataset that rows are from (null where it has no name): tells whole numbers from fractions among labels. */
  features?: (datasetName: string | null) => Features | undefined;
  /** @default ["label", "labels", "score", "scores"] */
  labelColumns?: readonly string[];
  /** Takes sentences about columns that look like a mistake, once for each order of columns. */
  onNotice?: (notice: string) => void;
  /** For messages: what the caller wrote. @default "columnsCollator" */
  where?: string;
}

/**
 * Rows of a `Dataset` or `MultiDataset` to a batch of columns. The first column called label, labels, score or scores has
 * the labels; all others are texts, in the dataset's order, and are encoded by one call of the tokenizer.
 *
 * The collator throws an `EngineError` that names file and line, for a cell without a text and for a label that is missing.
 */
export function columnsCollator(options: ColumnsCollatorOptions): Collator<Row, Columns> {
  const { tokenizer, prompts, maxLength, features, labelColumns, onNotice, where = "columnsCollator" } = options;
  const known = new Map<string, ColumnRoles>();
  const promptLengths = new Map<string, number>();

  const rolesOf = (row: Row): ColumnRoles => {
    const names = Object.keys(row);
    const key = names.join("\n");
    let roles = known.get(key);
    if (!roles) {
      roles = columnRoles(where, names, labelColumns);
      known.set(key, roles);
      for (const notice of roles.notices) onNotice?.(notice);
    }
    return roles;
  };
  const lengthOf = (prompt: string): number => {
    if (prompt === "") return 0;
    let length = promptLengths.get(prompt);
    if (length === undefined) {
      length = options.promptLength!(prompt);
      promptLengths.set(prompt, length);
    }
    return length;
  };
  const cut = (): EncodeBatchOptions => {
    if (maxLength === "tokenizer") return {};
    const limit = typeof maxLength === "function" ? maxLength() : maxLength;
    return { truncation: "longest_first", ...(limit !== undefined && { maxLength: limit }) };
  };

  return async (rows) => {
    const [first] = rows;
    if (!first) throw new EngineError(where, "a batch has no rows", "Give it one or more.");
    const { inputs, label } = rolesOf(first);
    const datasetName = datasetOfRow(first);
    const columnPrompts = inputs.map((column) => promptOf(where, prompts, datasetName, column) ?? "");
    const texts = inputs.map((column, i) => {
      const cells = textColumn(where, rows, column);
      const prompt = columnPrompts[i]!;
      return prompt === "" ? cells : cells.map((text) => prompt + text);
    });
    const labels = label === null ? null : readLabels(where, rows, label, features?.(datasetName));
    const packed = await tokenizer.encodeBatch(texts.flat(), cut());
    const lengths = options.promptLength ? columnPrompts.map(lengthOf) : [];
    return {
      ...packed,
      ...(lengths.some((length) => length > 0) && { starts: startsOf(packed.offsets, lengths, rows.length) }),
      columns: inputs.map(() => rows.length),
      names: inputs,
      texts,
      labels,
      datasetName,
      tokenCount: packed.tokens.length,
      sequenceCount: packed.offsets.length - 1,
    };
  };
}

/** Where pooling begins: after the prompt, or at the text's end where the prompt alone fills it. */
function startsOf(offsets: Int32Array, promptLengths: readonly number[], rows: number): Int32Array {
  return Int32Array.from({ length: offsets.length - 1 }, (_, i) =>
    Math.min(offsets[i]! + promptLengths[Math.floor(i / rows)]!, offsets[i + 1]!),
  );
}
