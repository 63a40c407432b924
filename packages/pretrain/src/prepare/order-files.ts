/** Names and places of a data order's files: `checkpoint_000001/steps_000001_to_000100.parquet`. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "@ettin/core";

/** What the published folders of the recipe's phases begin with; those of another phase begin with its name. */
const PREFIXES: Readonly<Record<string, string>> = { pretraining: "checkpoint", extension: "ext" };

/** @throws EngineError for a name that is no folder's */
export function orderPrefix(phase: string): string {
  if (/^[a-z][a-z0-9_-]*$/i.test(phase)) return Object.hasOwn(PREFIXES, phase) ? PREFIXES[phase]! : phase;
  throw new EngineError("DataOrderWriter", `phase is ${JSON.stringify(phase)}`, "Use letters, digits, - and _.");
}

/** Steps that a file does not have yet. */
export const JOURNAL = ".steps.journal";

const FILE = /^steps_(\d{6,})_to_(\d{6,})\.parquet$/;

export const six = (n: number): string => String(n).padStart(6, "0");

export interface OrderFile {
  readonly path: string;
  readonly first: number;
  readonly last: number;
}

export interface OrderFolder {
  readonly checkpoint: number;
  readonly path: string;
  readonly files: readonly OrderFile[];
  readonly hasJournal: boolean;
  /** What unfinished writes left. */
  readonly leftovers: readonly string[];
}

/** The folders of a phase, by number, with their files by step. */
export async function orderFolders(folder: string, phase: string): Promise<OrderFolder[]> {
  const name = new RegExp(`^${orderPrefix(phase)}_(\\d{6,})$`);
  const found: OrderFolder[] = [];
  for (const entry of await readdir(folder).catch((): string[] => [])) {
    const number = name.exec(entry)?.[1];
    if (number === undefined) continue;
    const path = join(folder, entry);
    const names = await readdir(path);
    const files = names.flatMap((each) => {
      const [, first, last] = FILE.exec(each) ?? [];
      return first === undefined ? [] : [{ path: join(path, each), first: Number(first), last: Number(last) }];
    });
    found.push({
      checkpoint: Number(number),
      path,
      files: files.sort((a, b) => a.first - b.first),
      hasJournal: names.includes(JOURNAL),
      leftovers: names.filter((each) => each.startsWith(".") && each !== JOURNAL).map((each) => join(path, each)),
    });
  }
  return found.sort((a, b) => a.checkpoint - b.checkpoint);
}

/** The files of a phase's data order, in the order of their steps. */
export async function dataOrderFiles(folder: string, phase: string): Promise<string[]> {
  return (await orderFolders(folder, phase)).flatMap(({ files }) => files.map(({ path }) => path));
}
