// node bench/support/mix-documents.mjs short.jsonl.gz long.jsonl.gz … > mixed.jsonl: documents of real lengths for
// `npm run bench -- train`, a short one and a long one in turn, each kind in an order drawn with a fixed seed. With the
// package descriptions and Brown, speeches, Shakespeare and web text: 550 tokens in the mean, and a batch of 4 that is
// padded to its longest has 1.8 places per token.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** @param {string} path */
function lines(path) {
  const bytes = readFileSync(path);
  const text = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  return text.split("\n").filter((line) => line !== "");
}

let state = 1;
/** A whole number below `count`: xorshift32. @param {number} count */
function below(count) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % count;
}

/** @param {string[]} values */
function shuffle(values) {
  for (let i = values.length - 1; i > 0; i--) {
    const j = below(i + 1);
    [values[i], values[j]] = [values[j], values[i]];
  }
  return values;
}

const [short, ...long] = process.argv.slice(2);
if (!short || long.length === 0) {
  console.error("[mix-documents] two files or more are needed: the one with short documents first");
  process.exit(2);
}
const shorts = shuffle(lines(short));
for (const [i, line] of shuffle(long.flatMap(lines)).entries()) {
  process.stdout.write(`${shorts[i % shorts.length]}\n${line}\n`);
}
