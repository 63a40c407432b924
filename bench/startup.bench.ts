import { checkpointFolder } from "./support/checkpoint-folder.ts";
import { inChild } from "./support/child.ts";
import { median } from "./support/peak.ts";
import { peer } from "./support/peer.ts";

export const name = "From the start of a process to the first embedding of a 17m checkpoint (goal: 0.5 s)";

/** Milliseconds since the start of the process, in order. */
interface Started {
  marks: Record<string, number>;
  /** Megabytes. */
  rss: number;
}

export async function run(options: { quick: boolean; data?: string; tokenizer?: string }): Promise<void> {
  const folder = await checkpointFolder("17m", options.tokenizer);
  const text = options.tokenizer ? "How many people live in Berlin?" : null;
  if (!text) console.log("  without --tokenizer: ids in place of a text");
  const starts: (Started & { whole: number })[] = [];
  for (let i = 0; i < (options.quick ? 4 : 12); i++) {
    const begin = performance.now();
    const started = inChild<Started>("first-embedding.mjs", { folder, text });
    starts.push({ ...started, whole: performance.now() - begin });
  }
  starts.shift(); // filled the page cache
  const middle = (of: (start: (typeof starts)[number]) => number): string => median(starts.map(of)).toFixed(0);
  const names = Object.keys(starts[0]!.marks);
  console.log(
    `  reached after: ${names.map((mark) => `${mark} ${middle(({ marks }) => marks[mark]!)} ms`).join(", ")}`,
  );
  console.log(`  whole process, its end included: ${middle(({ whole }) => whole)} ms, ${middle(({ rss }) => rss)} MB`);

  if (!options.data || !options.tokenizer) return;
  const theirs = peer("peers.py", "startup", "--data", options.data, "--tokenizer", options.tokenizer, "--json");
  if (theirs) console.log(`  sentence-transformers: ${theirs.step_ms_median} ms, ${theirs.process_rss_mb} MB`);
}
