import {
  AutoModelForMaskedLM,
  EngineError,
  softmax,
  type Tensor,
  type Tokenizer,
  tensorScope,
  topK,
} from "@ettin/core";
import { numberOption } from "../arguments.ts";
import type { Command } from "../command.ts";
import { LOAD_OPTIONS, load } from "../load.ts";
import { columns } from "../units.ts";

/** One candidate for a mask. */
interface Candidate {
  readonly token: string;
  readonly id: number;
  readonly probability: number;
}

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
    const k = numberOption(options, "top-k", { whole: true, min: 1 }) ?? 5;
    const { model, tokenizer } = await load(AutoModelForMaskedLM, name, options, terminal);
    try {
      const masks = await candidates(model, tokenizer, text, Math.min(k, tokenizer.vocabSize));
      if (options.json) terminal.write(`${JSON.stringify({ model: name, text, masks }, null, 2)}\n`);
      else terminal.write(`${masks.map((found, i) => table(found, masks.length > 1 ? i + 1 : null)).join("\n\n")}\n`);
      return 0;
    } finally {
      model.dispose();
    }
  },
};

type MaskedLM = Awaited<ReturnType<typeof AutoModelForMaskedLM.fromPretrained>>;

async function candidates(model: MaskedLM, tokenizer: Tokenizer, text: string, k: number): Promise<Candidate[][]> {
  const { mask } = tokenizer.specialTokens;
  if (!mask) {
    throw new EngineError(
      "fill-mask",
      `the tokenizer of ${tokenizer.folder} has no mask token`,
      "Use a masked language model.",
    );
  }
  const { ids, tokenTypes } = tokenizer.encode(text);
  const rows = Int32Array.from([...ids.keys()].filter((row) => ids[row] === mask.id));
  if (rows.length === 0) {
    throw new EngineError("fill-mask", `the text has no ${mask.token}`, `Put ${mask.token} where a token is missing.`);
  }
  const batch = { tokens: ids, offsets: Int32Array.of(0, ids.length), tokenTypes };
  const [values, indices] = await Promise.all(
    tensorScope((): [ReturnType<Tensor["data"]>, ReturnType<Tensor["data"]>] => {
      const best = topK(softmax(model.forward(batch, { rows }).to("float32")), k);
      return [best.values.data(), best.indices.data()];
    }),
  );
  return Array.from(rows, (_, row) =>
    Array.from({ length: k }, (_, place) => {
      const id = indices[row * k + place]!;
      return { token: tokenizer.decode([id]), id, probability: values[row * k + place]! };
    }),
  );
}

function table(found: readonly Candidate[], mask: number | null): string {
  const rows = columns(found.map(({ token, probability }) => [probability.toFixed(4), JSON.stringify(token)]));
  return mask === null ? rows : `mask ${mask}\n${rows}`;
}
