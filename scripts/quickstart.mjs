// npm run quickstart: installs, builds, and makes a retriever from nothing: examples/quickstart.ts.
import { join } from "node:path";
import { main, prepare, ROOT, run } from "./prepare.mjs";

await main(async () => {
  await prepare();
  const hook = ["--import", join(ROOT, "scripts/typescript.mjs")];
  return run(process.execPath, [...hook, "examples/quickstart.ts", ...process.argv.slice(2)]);
});
