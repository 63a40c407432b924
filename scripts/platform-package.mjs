// node scripts/platform-package.mjs [--out folder] [--platform key]
// Writes the package that carries one platform's binary: package.json, ettin.node, README, LICENSE. Prints its folder.
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { platforms, thisPlatform } from "../native/platforms.js";
import { workspacePackages } from "./packages.mjs";
import { main, ROOT } from "./prepare.mjs";

const BINARY = join(ROOT, "native/build/Release/ettin.node");

export function writePlatformPackage(out, platform = thisPlatform()) {
  const facts = platforms[platform];
  if (!facts) throw new Error(`[platform-package] unknown platform ${platform}. Add it to native/platforms.js.`);
  if (!existsSync(BINARY)) throw new Error(`[platform-package] there is no ${BINARY}. Run: npm run build`);

  const { manifest: native } = workspacePackages(ROOT).find(({ folder }) => folder === "native");
  const name = `${native.name}-${platform}`;
  const folder = join(out, `native-${platform}`);
  mkdirSync(folder, { recursive: true });

  const { version, license, engines, repository } = native;
  // npm reads os, cpu and libc and skips the package elsewhere.
  const selectors = Object.fromEntries(Object.entries(facts).map(([field, value]) => [field, [value]]));
  const manifest = {
    name,
    version,
    description: `The binary of ${native.name} for ${platform}`,
    license,
    ...(repository && { repository }),
    main: "ettin.node",
    files: ["ettin.node"],
    ...selectors,
    engines,
  };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(
    join(folder, "README.md"),
    `# ${name}\n\nThe binary of \`${native.name}\` for ${platform}. It is installed as an optional dependency; do not depend on it by hand.\n`,
  );
  copyFileSync(BINARY, join(folder, "ettin.node"));
  copyFileSync(join(ROOT, "LICENSE"), join(folder, "LICENSE"));
  return folder;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(() => {
    const { values } = parseArgs({
      options: { out: { type: "string", default: "release" }, platform: { type: "string" } },
    });
    console.log(writePlatformPackage(resolve(values.out), values.platform));
  });
}
