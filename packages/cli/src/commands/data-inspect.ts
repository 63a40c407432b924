import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { EngineError, Tokenizer } from "@ettin/core";
import type { Inspected } from "@ettin/pretrain";
import { numberOption, textOption } from "../arguments.ts";
import type { Command } from "../command.ts";
import { columns } from "../units.ts";

export const dataInspect: Command = {
  name: "data inspect",
  summary: "what a folder of shards holds",
  operands: ["folder"],
  options: {
    tokenizer: { type: "string", value: "folder", help: "decode the samples' ids" },
    samples: { type: "string", value: "n", help: "rows to show (default: 3)" },
    json: { type: "boolean", help: "print JSON" },
  },
  notes: "Every sample is read, and every shard compared with its hash in the index, so that a damaged one is found.",
  async run([folder = ""], options, terminal) {
    const { inspect } = await import("@ettin/pretrain"); // other commands do not wait for it
    await checkShards(folder);
    const name = textOption(options, "tokenizer");
    const tokenizer = name === undefined ? null : await Tokenizer.fromPretrained(name, { signal: terminal.signal });
    const samples = numberOption(options, "samples", { whole: true, min: 0 }) ?? 3;
    const found = await inspect(folder, { samples, signal: terminal.signal, ...(tokenizer ? { tokenizer } : {}) });
    terminal.write(options.json ? `${JSON.stringify(found, asJson, 2)}\n` : text(folder, found));
    return 0;
  },
};

/** What lies in the folders of a folder, such as train and validation, is inspected one by one. */
async function checkShards(folder: string): Promise<void> {
  const status = await stat(folder).catch(() => null);
  const refuse = (what: string, wayOut: string) => {
    throw new EngineError("ettin data inspect", what, wayOut);
  };
  if (!status) refuse(`there is no folder ${folder}`, "Check the path.");
  if (!status?.isDirectory()) refuse(`${folder} is a file`, "Name the folder of the shards.");
  const hasIndex = async (path: string) => (await stat(join(path, "index.json")).catch(() => null)) !== null;
  if (await hasIndex(folder)) return;
  for (const name of (await readdir(folder)).sort()) {
    const inside = join(folder, name);
    if (!(await hasIndex(inside))) continue;
    refuse(`${folder} has no index.json, but ${inside} has`, `Run: ettin data inspect ${inside}`);
  }
}

/** Arrays of numbers as JSON has them. */
const asJson = (_: string, value: unknown): unknown => {
  if (typeof value === "bigint") return String(value);
  return ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>, Number) : value;
};

const LONGEST = 240;

function text(folder: string, { rows, columns: encodings, hashes, tokens, lengths, ids, samples }: Inspected): string {
  const table = [
    ["rows", rows.toLocaleString("en")],
    ...Object.entries(encodings).map(([name, encoding]) => [name, encoding]),
  ];
  if (tokens !== null) table.push(["tokens", tokens.toLocaleString("en")]);
  if (lengths && rows > 0) {
    table.push(["lengths", ["0", "10", "50", "90", "100"].map((p) => `${p} %: ${Math.round(lengths[p]!)}`).join(", ")]);
  }
  table.push([
    "hashes",
    hashes.length > 0 ? `${hashes.join(", ")}: every shard is as written` : "none to compare with",
  ]);
  if (ids) table.push(["ids", `${ids[0]} to ${ids[1]}`]);
  const shown = samples.map(({ row, values, text: decoded }) => {
    const lines = Object.entries(values).map(([name, value]) => `  ${name}: ${excerpt(valueText(value))}`);
    if (decoded !== null) lines.push(`  text: ${excerpt(JSON.stringify(decoded))}`);
    return `row ${row}\n${lines.join("\n")}\n`;
  });
  return `${folder}\n${columns(table)}\n\n${shown.join("\n")}`;
}

function valueText(value: unknown): string {
  if (!ArrayBuffer.isView(value)) return JSON.stringify(value, asJson);
  const numbers = Array.from(value as unknown as ArrayLike<number>, Number);
  return `[${numbers.slice(0, 12).join(", ")}${numbers.length > 12 ? ", …" : ""}] (${numbers.length})`;
}

const excerpt = (line: string): string => (line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line);
