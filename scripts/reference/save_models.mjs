// For check_saved.py: loads each checkpoint of test/fixtures/models and saves it again, in all the ways that there are.
//
//   node scripts/reference/save_models.mjs FOLDER
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import "../typescript.mjs";

const core = await import("../../packages/core/src/index.ts");
const fixtures = fileURLToPath(new URL("../../test/fixtures/models", import.meta.url));
const out = process.argv[2];

for (const name of await readdir(fixtures)) {
  const numbers = JSON.parse(await readFile(join(fixtures, name, "case.json"), "utf8"));
  const model = await core[numbers.class].fromPretrained(join(fixtures, name));
  await save(model, name, numbers);
  await save(model, `${name} in shards`, numbers, { maxShardSize: "10KB" });
  model.dispose();
}

const encoder = JSON.parse(await readFile(join(fixtures, "modernbert-mlm/case.json"), "utf8"));
const across = await core.ModernBertDecoderForCausalLM.fromPretrained(join(fixtures, "modernbert-mlm"));
await save(across, "encoder as decoder", { ...encoder, class: "ModernBertDecoderForCausalLM" });
const back = await core.ModernBertForMaskedLM.fromPretrained(join(out, "encoder as decoder"));
await save(back, "encoder as decoder and back", encoder);

const texts = [[50281, 17, 40000, 3, 50282]];
for (const [Class, config] of [
  [core.ModernBertForMaskedLM, "ettin-encoder-17m"],
  [core.ModernBertDecoderForCausalLM, "ettin-decoder-17m"],
]) {
  const model = Class.fromConfig(config, { seed: 1 });
  await save(model, config, { class: model.architecture, texts });
  model.dispose();
}

async function save(model, name, numbers, options) {
  const folder = join(out, name);
  await model.savePretrained(folder, options);
  const batch = core.packTokens(numbers.texts);
  const typed = numbers.types ? { ...batch, tokenTypes: Int32Array.from(numbers.types.flat()) } : batch;
  const logits = core.tensorScope(() => core.noGrad(() => [model.forward(typed).data()]))[0];
  const values = await logits;
  await core.saveWeights(join(folder, "logits"), [
    { name: "logits", dtype: "F32", shape: [values.length], read: async () => new Uint8Array(values.buffer) },
  ]);
  await copyFile(join(folder, "logits/model.safetensors"), join(folder, "logits.safetensors"));
  await writeFile(join(folder, "case.json"), JSON.stringify(numbers));
}
