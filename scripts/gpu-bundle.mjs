// npm run gpu:bundle [-- --targets sm_90a,…] [--emulation] [--partial] [--out folder]
//
// Packs what a machine with a GPU, and neither npm nor a network, needs to run the suite and the benchmarks:
// gpu-bundle.tar.xz, with the packages, tests, the test runner and what they import, the addon, the CUDA sources and
// their library; and beside it node-<version>.xz. There: xz -d, tar -x, node run.mjs. --emulation puts the emulated GPU's
// library in the place of the GPU's, to try the archive on a machine without one; --partial lets kernels be missing.
import { spawn } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { buildCuda } from "./build-cuda.mjs";
import { workspacePackages } from "./packages.mjs";
import { main, prepare, ROOT, runQuietly, timed } from "./prepare.mjs";

const MOST_BYTES = 40e6;
const SOURCES = ["bench", "examples", "native", "packages", "scripts", "test", "tsconfig.base.json", "tsconfig.json"];
const ALSO = ["package.json", "vitest.config.ts", "LICENSE"];
/** Tests that need npm, or a package of tens of megabytes. */
const LEFT_OUT = /^test\/(tarball|packages|types)\/|^test\/core\/ops\/tensorflow\.test\.ts$/;
/** What runs the tests, and what Node below 22.18 reads TypeScript with. */
const TOOLS = ["vitest", "typescript", "hnswlib-node"];
/** Installed for what is not used here: style sheets, types. */
const NOT_USED = /^(lightningcss(-.*)?|@types\/.*|@tensorflow\/.*)$/;
const NOT_RUN = /\.(d\.[cm]?ts|map|md|markdown|flow|gyp|gypi|o|a)$|[/\\](docs?|examples?|deps|obj\.target)$/i;

await main(async () => {
  const { values } = parseArgs({
    options: {
      targets: { type: "string", default: "sm_90a" },
      emulation: { type: "boolean", default: false },
      partial: { type: "boolean", default: false },
      out: { type: "string", default: "release" },
    },
  });
  await prepare();
  const { emulation, partial } = values;
  const library = await timed("building the CUDA kernels", () =>
    buildCuda({ targets: values.targets.split(","), emulation, partial, aside: !emulation }),
  );

  const out = resolve(ROOT, values.out);
  const folder = join(out, "gpu-bundle");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await copySources(folder);
  copyBuilt(folder, library);
  copyModules(folder);
  copyFileSync(join(ROOT, "scripts/gpu-run.mjs"), join(folder, "run.mjs"));

  const archive = join(out, "gpu-bundle.tar.xz");
  await timed("packing", () => compress(archive, "tar", ["-c", "-C", folder, "."]));
  rmSync(folder, { recursive: true });
  const node = join(out, `node-${process.versions.node}.xz`);
  if (!existsSync(node)) await timed("packing Node", () => compress(node, "cat", [realpathSync(process.execPath)]));
  for (const file of [archive, node]) console.log(`${file}: ${(statSync(file).size / 1e6).toFixed(1)} MB`);
  const { size } = statSync(archive);
  if (size > MOST_BYTES) {
    throw new Error(
      `[gpu-bundle] the archive has ${(size / 1e6).toFixed(1)} MB, more than ${MOST_BYTES / 1e6}. Leave more out.`,
    );
  }
});

/** What git knows or would know. */
async function copySources(folder) {
  const list = ["ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", ...SOURCES, ...ALSO];
  const files = (await runQuietly("git ls-files", "git", list)).split("\0").filter(Boolean);
  for (const file of files) {
    if (LEFT_OUT.test(file) || !existsSync(join(ROOT, file))) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(join(ROOT, file), join(folder, file));
  }
}

function copyBuilt(folder, library) {
  const put = (from, to) => {
    mkdirSync(dirname(join(folder, to)), { recursive: true });
    cpSync(from, join(folder, to), { recursive: true, filter: (path) => !/\.(map|tsbuildinfo)$/.test(path) });
  };
  put(join(ROOT, "native/build/Release/ettin.node"), "native/build/Release/ettin.node");
  put(library, "native/build/cuda/libettin_cuda.so");
  for (const { folder: at, manifest } of workspacePackages(ROOT)) {
    if (existsSync(join(ROOT, at, "dist"))) put(join(ROOT, at, "dist"), `${at}/dist`);
    const link = join(folder, "node_modules", manifest.name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(relative(dirname(link), join(folder, at)), link);
  }
}

/** Copies what the tools and the packages import, and what that imports, from where it is installed. */
function copyModules(folder) {
  const wanted = [...TOOLS.map((name) => [name, ROOT])];
  for (const { folder: at, manifest } of workspacePackages(ROOT)) {
    for (const name of Object.keys(manifest.dependencies ?? {})) wanted.push([name, join(ROOT, at)]);
  }
  const copied = new Set();
  for (let next = wanted.pop(); next; next = wanted.pop()) {
    const [name, from] = next;
    const found = installed(name, from);
    if (found === null || copied.has(found) || NOT_USED.test(name)) continue;
    copied.add(found);
    const manifest = JSON.parse(readFileSync(join(found, "package.json"), "utf8"));
    copyModule(found, join(folder, relative(ROOT, found)), name);
    for (const group of ["dependencies", "optionalDependencies", "peerDependencies"]) {
      for (const each of Object.keys(manifest[group] ?? {})) wanted.push([each, found]);
    }
  }
}

/** Where Node would find a package of the registry; null where it is not installed, or is one of ours. */
function installed(name, from) {
  for (let at = from; ; at = dirname(at)) {
    const found = join(at, "node_modules", name);
    if (existsSync(join(found, "package.json")))
      return realpathSync(found).includes(`${sep}node_modules${sep}`) ? found : null;
    if (at === dirname(at)) return null;
  }
}

function copyModule(from, to, name) {
  if (name === "typescript") {
    for (const file of ["package.json", "lib/typescript.js"]) {
      mkdirSync(dirname(join(to, file)), { recursive: true });
      copyFileSync(join(from, file), join(to, file));
    }
    return;
  }
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from)) {
    if (entry === "node_modules") continue; // what of it is wanted comes by itself
    cpSync(join(from, entry), join(to, entry), { recursive: true, filter: (path) => !NOT_RUN.test(path) });
  }
}

/** Compresses what a command prints. */
async function compress(file, command, args) {
  const beside = `${file}.part`;
  const source = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  const xz = spawn("xz", ["-6", "--threads=0"], { stdio: ["pipe", "pipe", "inherit"] });
  await Promise.all([
    pipeline(source.stdout, xz.stdin),
    pipeline(xz.stdout, createWriteStream(beside)),
    ...[source, xz].map(
      (child) =>
        new Promise((done, fail) =>
          child
            .on("error", fail)
            .on("close", (code) =>
              code === 0 ? done() : fail(new Error(`[gpu-bundle] ${basename(child.spawnfile)} ended with ${code}`)),
            ),
        ),
    ),
  ]);
  renameSync(beside, file);
}
