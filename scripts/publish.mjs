// node scripts/publish.mjs <folder>: publishes the tarballs that pack.mjs made there, in its order. A version that is
// already on the registry is passed over, so that a release that stopped half-way can be run again.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { main, npm, run, runQuietly } from "./prepare.mjs";

await main(async () => {
  const folder = resolve(process.argv[2] ?? "release");
  for (const file of JSON.parse(readFileSync(join(folder, "order.json"), "utf8"))) {
    const tarball = join(folder, file);
    const { name, version } = JSON.parse(await runQuietly("tar", "tar", ["-xzOf", tarball, "package/package.json"]));
    if (isPublished(name, version)) {
      console.log(`${name}@${version} is on the registry already`);
      continue;
    }
    const code = await run(...npm("publish", tarball, "--access", "public", "--ignore-scripts"));
    if (code !== 0)
      throw new Error(`[publish] npm did not take ${name}@${version}. Repair what it says, then run this again.`);
  }
});

function isPublished(name, version) {
  const [command, args] = npm("view", `${name}@${version}`, "version");
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8" });
  return status === 0 && stdout.trim() === version;
}
