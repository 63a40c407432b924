// npm run quickstart: installs, builds, and trains the small decoder of examples/quickstart.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { main, prepare, ROOT, run } from "./prepare.mjs";

await main(async () => {
  await prepare();
  const example = ["examples/quickstart.ts", "examples/quickstart.mjs"].find((path) => existsSync(join(ROOT, path)));
  if (!example) throw new Error("[quickstart] examples/quickstart.ts is missing. Run: git checkout -- examples");
  return run(process.execPath, ["--import", join(ROOT, "scripts/typescript.mjs"), example, ...process.argv.slice(2)]);
});
