/** The rows of rows.py with ours: `node --import ./scripts/typescript.mjs scripts/reference/random/rows.ts FOLDER`. */
import { Dataset } from "../../../packages/core/src/index.ts";
import { compare } from "./compare.ts";

interface Case {
  readonly rows: number;
  readonly call: "shuffle" | "trainTestSplit" | "shard";
  readonly options: Record<string, unknown>;
  readonly expected: unknown;
}

const rowsOf = (dataset: Dataset<{ row: number }>): number[] => [...dataset.column("row")] as number[];

await compare<Case>(
  process.argv[2],
  async ({ rows, call, options, expected }) => {
    const data = Dataset.fromRows(Array.from({ length: rows }, (_, row) => ({ row })));
    if (call !== "trainTestSplit") return [rowsOf(data[call](options as never)), expected];
    const { train, test } = data.trainTestSplit(options);
    return [[rowsOf(train), rowsOf(test)], expected];
  },
  0,
);
