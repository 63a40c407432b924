// node scripts/pack.mjs [--out folder] [--platforms folder]
// Makes the tarballs that are published, and prints them: one per package of the workspace, and the binaries' packages,
// from the folders in --platforms that platform-package.mjs wrote on every platform, or for this platform alone.
import { copyFileSync, cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { cudaPlatforms, platforms } from "../native/platforms.js";
import { workspacePackages } from "./packages.mjs";
import { binaryOf, writePlatformPackage } from "./platform-package.mjs";
import { main, npm, ROOT, runQuietly } from "./prepare.mjs";

/** Resolves with the tarballs in publishing order. `platformPackages` are the folders to pack, by default this platform's. */
export async function packAll(out, platformPackages) {
  rmSync(out, { recursive: true, force: true });
  const staging = join(out, "staging");
  mkdirSync(staging, { recursive: true });

  // A platform package goes first: once @ettin/native is there, what it names must be there too.
  const staged = platformPackages ?? [writePlatformPackage(staging)];
  for (const workspacePackage of workspacePackages(ROOT)) staged.push(stage(workspacePackage, staging));

  const tarballs = [];
  for (const folder of staged) {
    const output = await runQuietly(
      "npm pack",
      ...npm("pack", "--json", "--ignore-scripts", "--pack-destination", out),
      { cwd: folder },
    );
    tarballs.push(join(out, output.match(/"filename":\s*"([^"]+)"/)[1]));
  }
  writeFileSync(join(out, "order.json"), JSON.stringify(tarballs.map((path) => basename(path))));
  return tarballs;
}

/** Copies what `files` names, with the license and the manifest as users get it. */
function stage({ folder, manifest }, staging) {
  const source = join(ROOT, folder);
  const target = join(staging, basename(folder));
  mkdirSync(target, { recursive: true });

  for (const entry of manifest.files) {
    if (!existsSync(join(source, entry))) {
      throw new Error(`[pack] ${folder}/${entry} is in "files" but not there. Run: npm run build`);
    }
    cpSync(join(source, entry), join(target, entry), { recursive: true });
  }
  for (const page of ["README.md", "CHANGELOG.md"]) {
    if (existsSync(join(source, page))) copyFileSync(join(source, page), join(target, page));
  }
  copyFileSync(join(ROOT, "LICENSE"), join(target, "LICENSE"));
  writeFileSync(join(target, "package.json"), `${JSON.stringify(publishedManifest(manifest), null, 2)}\n`);
  return target;
}

function publishedManifest({ scripts: _, devDependencies: __, private: ___, ...manifest }) {
  if (manifest.name !== "@ettin/native") return manifest;
  // Only here, not in the repository: there the packages of an unreleased version cannot be on the registry, and a
  // lock file that names them could not be installed. CUDA kernels are not among them: who has a GPU installs them.
  // docs/decisions/2026-11-21-prebuilt-binaries.md
  const names = Object.keys(platforms).map((platform) => `@ettin/native-${platform}`);
  return { ...manifest, optionalDependencies: Object.fromEntries(names.map((name) => [name, manifest.version])) };
}

/** The folders that CI made, one for each platform of the table: a release without one of them would strand its users. */
function platformFolders(parent) {
  return Object.keys({ ...platforms, ...cudaPlatforms }).map((platform) => {
    const folder = join(parent, `native-${platform}`);
    const { file } = binaryOf(platform);
    if (!existsSync(join(folder, file))) {
      throw new Error(`[pack] ${folder} has no ${file}. Build it on ${platform}: node scripts/platform-package.mjs`);
    }
    return folder;
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(async () => {
    const { values } = parseArgs({
      options: { out: { type: "string", default: "release" }, platforms: { type: "string" } },
    });
    const tarballs = await packAll(resolve(values.out), values.platforms && platformFolders(resolve(values.platforms)));
    for (const tarball of tarballs) console.log(tarball);
  });
}
