// npm run bench [name…] [-- --quick]: installs, builds, prints the machine's multiply-add peaks, then runs
// bench/<name>.bench.ts, all of them without a name.
// Files that some need: --data (JSONL of "query", "positive"), --docs (JSONL of "text"), --tokenizer (a folder),
// --vectors (float32 rows of 768). --only picks lines of a table, --steps 1,1 says how many steps of training are not
// timed and timed, where a peer needs minutes for one.
// Each runs in a process of its own, one after the other, so that none sees another's memory or threads.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { main, prepare, ROOT, run } from "./prepare.mjs";

const ENDING = /\.bench\.(ts|mjs)$/;

await main(async () => {
  const { values, positionals } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      steps: { type: "string" },
      data: { type: "string" },
      docs: { type: "string" },
      tokenizer: { type: "string" },
      vectors: { type: "string" },
    },
    allowPositionals: true,
  });
  const files = readdirSync(join(ROOT, "bench"))
    .filter((file) => ENDING.test(file))
    .sort();
  const names = files.map((file) => file.replace(ENDING, ""));
  const unknown = positionals.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new Error(`[bench] there is no ${unknown.join(", ")}. Run: npm run bench ${names.join(" ")}`);
  }

  await prepare();

  const chosen = files.filter((_, index) => positionals.length === 0 || positionals.includes(names[index]));
  let failed = 0;
  for (const file of ["support/peaks.ts", ...chosen]) {
    const args = ["--expose-gc", "--import", "./scripts/typescript.mjs", "scripts/bench-file.mjs", `bench/${file}`];
    failed += (await run(process.execPath, [...args, JSON.stringify(values)])) === 0 ? 0 : 1;
  }
  return failed > 0 ? 1 : 0;
});
