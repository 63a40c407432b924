import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ModernBertDecoderForCausalLM } from "@ettin/core";
import { inChild } from "./support/child.ts";
import type { Report, Task } from "./support/generate-process.ts";
import { peer } from "./support/peer.ts";

export const name = "Generation: 64 prompt tokens, 128 new ones, greedy (transformers beside us in the same run)";

interface Options {
  quick: boolean;
  /** Rows `{"query", "positive"}`, rows `{"text"}`, and a folder with `tokenizer.json`: for the peer. */
  data?: string;
  docs?: string;
  tokenizer?: string;
  /** Only these, separated by commas: "17m", "150m,bfloat16,8" … @default all */
  only?: string;
}

const SIZES = ["17m", "150m"] as const;

/** Each in turn: ours, the peer, ours again, so that a machine whose speed drifts shows. */
export async function run(options: Options): Promise<void> {
  const { data, docs, tokenizer } = options;
  const withPeer = docs !== undefined && tokenizer !== undefined;
  if (!withPeer) console.log("  no peer: it needs --docs and --tokenizer");
  const asked = options.only?.split(",") ?? [];
  const wanted = (value: string, all: readonly string[]) =>
    !all.some((each) => asked.includes(each)) || asked.includes(value);

  console.log(
    "  step: one token of each prompt; read: share of the read bandwidth, weights over time; MB: the process",
  );
  console.log(
    `  ${"".padEnd(22)}${"step ms".padStart(10)}${"tokens/s".padStart(10)}${"read".padStart(7)}${"first ms".padStart(10)}` +
      `${"MB".padStart(7)}${"peer ms".padStart(11)}${"first".padStart(8)}${"MB".padStart(7)}${"times".padStart(8)}`,
  );
  for (const size of SIZES) {
    if (!wanted(size, SIZES)) continue;
    const folder = mkdtempSync(join(tmpdir(), "ettin-generate-"));
    const model = ModernBertDecoderForCausalLM.fromConfig(`ettin-decoder-${size}`);
    await model.savePretrained(folder);
    model.dispose();
    for (const dtype of ["float32", "bfloat16"] as const) {
      for (const batch of [1, 8]) {
        if (!wanted(dtype, ["float32", "bfloat16"]) || !wanted(String(batch), ["1", "8"])) continue;
        const repeats = options.quick ? 2 : 5;
        const task: Task = { folder, dtype, batch, promptTokens: 64, newTokens: 128, repeats };
        const ours = () => inChild<Report>("generate-process.ts", task);
        const runs = [ours()];
        const extra = data === undefined ? [] : ["--data", data];
        const theirs = withPeer
          ? peer(
              "peers.py",
              "generate",
              "--size",
              size,
              "--dtype",
              dtype,
              "--batch",
              String(batch),
              "--json",
              "--docs",
              docs,
              "--tokenizer",
              tokenizer,
              ...extra,
            )
          : null;
        if (theirs && !options.quick) runs.push(ours());
        for (const [i, each] of runs.entries()) {
          const { stepMs, firstMs, readShare, readRate, peak } = each;
          const text =
            `  ${`${size} ${dtype} × ${batch}`.padEnd(22)}${stepMs.toFixed(2).padStart(10)}` +
            `${((1e3 * batch) / stepMs).toFixed(0).padStart(10)}${`${(100 * readShare).toFixed(0)} %`.padStart(7)}` +
            `${firstMs.toFixed(1).padStart(10)}${peak.toFixed(0).padStart(7)}`;
          const beside = theirs
            ? `${theirs.step_ms_median!.toFixed(2).padStart(11)}${theirs.prefill_ms!.toFixed(0).padStart(8)}` +
              `${theirs.peak_rss_mb!.toFixed(0).padStart(7)}${(theirs.step_ms_median! / stepMs).toFixed(2).padStart(8)}`
            : "";
          console.log(`${text}${beside}   reads ${(readRate / 1e9).toFixed(1)} GB/s${i > 0 ? ", again" : ""}`);
        }
      }
    }
    rmSync(folder, { recursive: true, force: true });
  }
}
