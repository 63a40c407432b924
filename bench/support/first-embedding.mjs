/** Embeds one text: what `startup.bench.ts` times from the start of the process. Its argument: folder and text (null: some ids).
 * JavaScript, because a hook for TypeScript would be timed with it. */
import { l2Normalize, ModernBertModel, noGrad, segmentMean, Tensor, Tokenizer, tensorScope } from "@ettin/core";
import { peakMemory } from "./peak-memory.mjs";

const marks = { imports: performance.now() };
const { folder, text } = JSON.parse(process.argv[2]);
const mark = (name, value) => {
  marks[name] = performance.now();
  return value;
};
const loading = text === null ? null : Tokenizer.fromFolder(folder).then((tokenizer) => mark("tokenizer", tokenizer));
const model = mark("weights", await ModernBertModel.fromPretrained(folder));
const tokenizer = await loading;
const ids = tokenizer ? tokenizer.encode(text).ids : Int32Array.from({ length: 9 }, (_, i) => 100 * i);
const { read } = noGrad(() =>
  tensorScope(() => {
    const offsets = Int32Array.of(0, ids.length);
    const pooled = segmentMean(model.forward({ tokens: ids, offsets }), Tensor.from(offsets));
    return { read: l2Normalize(pooled).data() };
  }),
);
mark("embedding", await read);
console.log(JSON.stringify({ marks, rss: peakMemory() }));
