import * as core from "@ettin/core";

for (const name of ["ettin-encoder-17m", "ettin-encoder-150m"]) {
  const t = performance.now();
  const m = core.ModernBertForMaskedLM.fromConfig(name, { seed: 1 });
  const queued = performance.now() - t;
  await core.synchronize();
  console.log(name, queued.toFixed(0), (performance.now() - t).toFixed(0), "ms", m.parameterCount);
  m.dispose();
}
