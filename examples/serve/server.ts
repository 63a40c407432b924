// An HTTP service that encodes texts and searches an index. Requests that come at once are computed together; SIGTERM
// answers what was taken, and ends.
//   node --import ./scripts/typescript.mjs examples/serve/server.ts --model runs/facts/model --index runs/facts/index
//   curl localhost:8080/search -d '{"query": "Who invented dynamite?", "k": 3}'
import { parseArgs } from "node:util";
import { modelFingerprint, openIndex } from "@ettin/core";
import { SentenceTransformer } from "@ettin/dense";
import { createService } from "./service.ts";

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    index: { type: "string" },
    port: { type: "string", default: "8080" },
    "max-wait": { type: "string", default: "2" },
    "max-texts": { type: "string", default: "64" },
    "max-tokens": { type: "string", default: "4096" },
    "max-queued": { type: "string", default: "1000" },
  },
});
if (!values.model) throw new Error("Say which model: --model <folder or hub name>");
const model = await SentenceTransformer.fromPretrained(values.model);
const fingerprint = await modelFingerprint(model);
const index = values.index ? await openIndex(values.index, { model: fingerprint }) : null;

const service = createService(model, index, {
  maxWait: Number(values["max-wait"]),
  maxTexts: Number(values["max-texts"]),
  maxTokens: Number(values["max-tokens"]),
  maxQueued: Number(values["max-queued"]),
});
service.server.listen(Number(values.port), "127.0.0.1", () => {
  const address = service.server.address();
  console.log(`listening on http://127.0.0.1:${typeof address === "object" ? address?.port : values.port}`);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, async () => {
    await service.close();
    index?.dispose();
    model.dispose();
    console.log(`closed: ${service.counts.accepted} requests accepted, ${service.counts.answered} answered`);
  });
}
