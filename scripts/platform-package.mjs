// node scripts/platform-package.mjs [--out folder] [--platform key]
// Writes the package that carries one platform's binary, the addon or the library of CUDA kernels: package.json, the
// file, README, LICENSE. Prints its folder.
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { cudaPlatforms, platforms, thisPlatform } from "../native/platforms.js";
import { workspacePackages } from "./packages.mjs";
import { main, ROOT } from "./prepare.mjs";

/** The file of a platform's package, where its build lies, and what makes it. */
export function binaryOf(platform) {
  if (Object.hasOwn(cudaPlatforms, platform)) {
    const what = "The CUDA kernels of @ettin/native";
    return { file: "libettin_cuda.so", built: "native/build/cuda/libettin_cuda.so", make: "npm run build:cuda", what };
  }
  return {
    file: "ettin.node",
    built: "native/build/Release/ettin.node",
    make: "npm run build",
    what: "The binary of @ettin/native",
  };
}

/** `binary` is the file to pack, by default this checkout's. */
export function writePlatformPackage(out, platform = thisPlatform(), binary = join(ROOT, binaryOf(platform).built)) {
  const facts = platforms[platform] ?? cudaPlatforms[platform];
  if (!facts) throw new Error(`[platform-package] unknown platform ${platform}. Add it to native/platforms.js.`);
  const { file, make, what } = binaryOf(platform);
  if (!existsSync(binary)) throw new Error(`[platform-package] there is no ${binary}. Run: ${make}`);

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
    description: `${what} for ${platform}`,
    license,
    ...(repository && { repository }),
    main: file,
    files: [file],
    ...selectors,
    engines,
  };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  const use = Object.hasOwn(cudaPlatforms, platform)
    ? `Install it beside \`${native.name}\`, at the same version, to compute on NVIDIA GPUs: \`device: "cuda"\`.`
    : "It is installed as an optional dependency; do not depend on it by hand.";
  writeFileSync(join(folder, "README.md"), `# ${name}\n\n${what} for ${platform}. ${use}\n`);
  copyFileSync(binary, join(folder, file));
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
