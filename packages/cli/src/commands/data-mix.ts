import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { MixSource } from "@ettin/pretrain";
import { choiceOption, given, numberOption } from "../arguments.ts";
import { type Command, UsageError } from "../command.ts";
import { checkOutputFolder } from "../output-place.ts";
import { neededOption } from "../prepare-options.ts";
import { columns, countText } from "../units.ts";

export const dataMix: Command = {
  name: "data mix",
  summary: "draw a training set, and a validation set, from prepared sources",
  operands: ["source"],
  several: true,
  options: {
    out: { type: "string", value: "folder", help: "where the mixture goes, as train and validation (needed)" },
    tokens: { type: "string", value: "n", help: "tokens of the whole, for sources with a share" },
    by: {
      type: "string",
      value: "what",
      help: "folders: whole ones at random; documents: shuffled (default: folders)",
    },
    validation: { type: "string", value: "share", help: "of each source's tokens, such as 0.001 (default: 0)" },
    seed: { type: "string", value: "n", help: "decides what is drawn" },
  },
  notes: `A source is a folder, all of it; folder=5e6 takes so many tokens, folder=40% a share of --tokens.
Example: ettin data mix chunks/web=70% chunks/books=30% --tokens 1e9 --validation 0.001 --out mixture`,
  async run(operands, options, terminal) {
    const { mix } = await import("@ettin/pretrain"); // other commands do not wait for it
    const sources: Record<string, MixSource> = {};
    for (const operand of operands) {
      const [name, source] = readSource(operand);
      if (Object.hasOwn(sources, name)) throw new UsageError(`there are two sources named ${JSON.stringify(name)}`);
      sources[name] = source;
    }
    const folder = neededOption("data mix", options, "out");
    await checkOutputFolder("out", folder);
    const tokens = numberOption(options, "tokens", { min: 1 });
    checkShares(Object.values(sources), tokens);
    const result = await mix({
      sources,
      folder,
      ...given({
        tokens,
        by: choiceOption(options, "by", ["folders", "documents"]),
        validation: numberOption(options, "validation", { min: 0, max: 1 }),
        seed: numberOption(options, "seed", { whole: true }),
      }),
      signal: terminal.signal,
    });
    const total = Object.values(result).reduce((sum, { tokens }) => sum + tokens, 0);
    const rows = Object.entries(result).map(([name, { tokens, repeated, validationTokens }]) => [
      name,
      `${countText(tokens)} tokens`,
      `${((100 * tokens) / total).toFixed(1)} %`,
      validationTokens > 0 ? `${countText(validationTokens)} for validation` : "",
      repeated > 0 ? `${repeated} repeated` : "",
    ]);
    for (const [name, source] of Object.entries(sources)) {
      const wanted = source.tokens ?? (source.ratio === undefined ? undefined : source.ratio * tokens!);
      const { tokens: taken = 0 } = result[name] ?? {};
      if (wanted === undefined || taken <= 1.1 * wanted) continue;
      terminal.writeError(
        `ettin: ${name} has ${countText(taken)} tokens in place of ${countText(Math.round(wanted))}: its folders are taken ` +
          "whole. --by documents meets the number.\n",
      );
    }
    terminal.write(`${columns(rows)}\n${countText(total)} tokens\n`);
    return 0;
  },
};

/** `--tokens` is of the shares, and shares are of all of it. */
function checkShares(sources: readonly MixSource[], tokens: number | undefined): void {
  const ratios = sources.flatMap(({ ratio }) => ratio ?? []);
  if (tokens !== undefined && ratios.length === 0) {
    throw new UsageError("--tokens is for sources with a share, but none has one. Write folder=40%, or folder=5e6");
  }
  const sum = ratios.reduce((total, ratio) => total + ratio, 0);
  if (ratios.length < sources.length || ratios.length === 0 || Math.abs(sum - 1) < 0.005) return;
  throw new UsageError(`the shares are ${(100 * sum).toFixed(1)} % together, but a mixture is 100 %`);
}

/** "chunks/web=40%" */
function readSource(operand: string): [name: string, source: MixSource] {
  const [, path = operand, amount = "", percent] = /^(.+)=([\d.e+]+)(%?)$/i.exec(operand) ?? [];
  const name = basename(resolve(path));
  if (amount === "" && /[^/]=[^/]*$/.test(operand) && !existsSync(operand)) {
    throw new UsageError(
      `there is no folder ${operand}. Behind = goes a number of tokens or a share: folder=5e6, folder=40%`,
    );
  }
  if (amount === "") return [name, { path }];
  const value = Number(amount);
  if (!Number.isFinite(value)) throw new UsageError(`${JSON.stringify(operand)} does not say how many tokens`);
  return [name, percent ? { path, ratio: value / 100 } : { path, tokens: value }];
}
