import { given, numberOption, textOption } from "../arguments.ts";
import type { Command } from "../command.ts";
import { checkOutputFolder } from "../output-place.ts";
import { counter, endCounter, neededOption, PREPARE_OPTIONS } from "../prepare-options.ts";
import { bytesText, columns, countText } from "../units.ts";

export const dataTokenize: Command = {
  name: "data tokenize",
  summary: "turn texts into shards of token ids",
  operands: ["source"],
  several: true,
  options: {
    ...PREPARE_OPTIONS,
    "text-column": { type: "string", value: "name", help: 'the column with the text (default: "text")' },
    "id-column": { type: "string", value: "name", help: 'the column that names the document (default: "id")' },
    "domain-column": { type: "string", value: "name", help: "a column to keep as domain" },
    "no-special-tokens": { type: "boolean", help: "leave out the tokens that begin and end a text" },
    "no-prefix-space": { type: "boolean", help: "do not put a space before texts that begin without one" },
    "skip-bad": { type: "boolean", help: "leave out lines that are not JSON or have no text, and count them" },
    "skip-empty": { type: "boolean", help: "leave out empty texts, and count them" },
    "part-tokens": { type: "string", value: "n", help: "tokens after which a source begins another folder (50e6)" },
  },
  notes: `A source is a .jsonl, .json (an object a line) or .txt file, also as .gz or .zst, a folder of them, or a folder of
shards with texts. Stopped and started again with the same options, it goes on where it was.
Example: ettin data tokenize texts/*.jsonl.gz --tokenizer my-model --out tokens`,
  async run(sources, options, terminal) {
    const { tokenize } = await import("@ettin/pretrain"); // other commands do not wait for it
    const start = performance.now();
    const tokenizer = neededOption("data tokenize", options, "tokenizer");
    const folder = neededOption("data tokenize", options, "out");
    await checkOutputFolder("out", folder);
    const summary = await tokenize({
      sources,
      tokenizer,
      folder,
      ...(options["skip-bad"] ? { onBadRow: "skip" } : {}),
      ...(options["skip-empty"] ? { onEmptyText: "skip" } : {}),
      ...(options["no-special-tokens"] ? { addSpecialTokens: false } : {}),
      ...(options["no-prefix-space"] ? { addPrefixSpace: false } : {}),
      ...given({
        textColumn: textOption(options, "text-column"),
        idColumn: textOption(options, "id-column"),
        domainColumn: textOption(options, "domain-column"),
        compression: textOption(options, "compression"),
        partTokens: numberOption(options, "part-tokens", { min: 1 }),
        workers: numberOption(options, "workers", { whole: true, min: 0 }),
      }),
      signal: terminal.signal,
      onProgress: counter(terminal, (n, s) => `${bytesText(n)} of text, ${bytesText(n / s)}/s`),
    });
    endCounter(terminal);
    const seconds = (performance.now() - start) / 1000;
    const rows = Object.entries(summary.sources).map(([name, each]) => [
      name,
      `${each.documents.toLocaleString("en")} documents`,
      `${countText(each.tokens)} tokens`,
      bytesText(each.textBytes),
    ]);
    const skipped = [
      summary.skippedBad > 0 && `${summary.skippedBad} bad rows`,
      summary.skippedEmpty > 0 && `${summary.skippedEmpty} empty texts`,
    ].filter(Boolean);
    terminal.write(`${columns(rows)}\n${countText(summary.tokens)} tokens of ${bytesText(summary.textBytes)} of text`);
    terminal.write(` in ${seconds.toFixed(1)} s, ${bytesText(summary.textBytes / seconds)}/s\n`);
    if (skipped.length > 0) terminal.write(`left out: ${skipped.join(", ")}\n`);
    return 0;
  },
};
