import { AutoModelForMaskedLM, type FilledMask, fillMask as fill } from "@ettin/core";
import { numberOption } from "../arguments.ts";
import type { Command } from "../command.ts";
import { LOAD_OPTIONS, load } from "../load.ts";
import { columns } from "../units.ts";

export const fillMask: Command = {
  name: "fill-mask",
  summary: "the likeliest tokens for the masks of a text",
  operands: ["model", "text"],
  options: {
    "top-k": { type: "string", value: "n", help: "tokens for each mask (default: 5)" },
    ...LOAD_OPTIONS,
    json: { type: "boolean", help: "print JSON" },
  },
  notes: 'Example: ettin fill-mask jhu-clsp/ettin-encoder-17m "The capital of France is [MASK]."',
  async run([name = "", text = ""], options, terminal) {
    const topK = numberOption(options, "top-k", { whole: true, min: 1 }) ?? 5;
    const { model, tokenizer } = await load(AutoModelForMaskedLM, name, options, terminal);
    try {
      const masks = await fill(model, tokenizer, text, { topK });
      if (options.json) terminal.write(`${JSON.stringify({ model: name, text, masks }, null, 2)}\n`);
      else terminal.write(`${masks.map((found, i) => table(found, masks.length > 1 ? i + 1 : null)).join("\n\n")}\n`);
      return 0;
    } finally {
      model.dispose();
    }
  },
};

/** Probability, token and text of each candidate; with several masks their numbers stand above. */
function table(found: readonly FilledMask[], mask: number | null): string {
  const rows = columns(found.map(({ score, token, text }) => [score.toFixed(4), JSON.stringify(token), text]));
  return mask === null ? rows : `mask ${mask}\n${rows}`;
}
