// Runs one benchmark file, for bench.mjs: its export `run(options)`, under the heading of its export `name`.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { main } from "./prepare.mjs";

await main(async () => {
  const [file, options] = process.argv.slice(2);
  const benchmark = await import(pathToFileURL(resolve(file)).href);
  console.log(`\n${benchmark.name ?? file}\n`);
  await benchmark.run(JSON.parse(options));
});
