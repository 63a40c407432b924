// npm run build:cuda [-- --targets sm_90a,…] [--emulation] [--partial] [--jobs n]
//
// Builds native/cuda into native/build/cuda: libettin_cuda.so by nvcc, for the targets named, or for all that are
// published. --emulation builds libettin_cuda_emulation.so by the C++ compiler from the same files: the kernels on the
// CPU, to be tested without a GPU. --partial lets kernels be missing. Only what changed is compiled again.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { main, ROOT } from "./prepare.mjs";

const SOURCE = join(ROOT, "native/cuda");
const EMULATION = join(SOURCE, "emulation");
const OLDEST_NVCC = "12.4";
export const TARGETS = ["sm_80", "sm_86", "sm_89", "sm_90a", "compute_90"];

/** The nvcc of CUDA_HOME, of the usual folder, or of the path; null where there is none. */
export function findNvcc() {
  const folders = [process.env.CUDA_HOME, process.env.CUDA_PATH, "/usr/local/cuda"].filter(Boolean);
  const candidates = folders.map((folder) => join(folder, "bin"));
  candidates.push(...(process.env.PATH ?? "").split(":"));
  return candidates.map((folder) => join(folder, "nvcc")).find((path) => existsSync(path)) ?? null;
}

/** "13.0", or null where there is no nvcc, or none that runs. */
export function nvccVersion() {
  const nvcc = findNvcc();
  const said = nvcc === null ? "" : (spawnSync(nvcc, ["--version"], { encoding: "utf8" }).stdout ?? "");
  return /release (\d+\.\d+)/.exec(said)?.[1] ?? null;
}

/** Why native/cuda cannot be compiled here; null where it can. */
export function noNvcc() {
  const version = nvccVersion();
  if (version === null) return `there is no nvcc; the CUDA toolkit, ${OLDEST_NVCC} or later, has it`;
  const [number, oldest] = [version, OLDEST_NVCC].map((text) => {
    const [major, minor] = text.split(".").map(Number);
    return 1000 * major + minor;
  });
  return number < oldest ? `nvcc ${version} is too old; ${OLDEST_NVCC} or later is needed` : null;
}

const filesIn = (folder, extension) =>
  readdirSync(folder)
    .filter((file) => file.endsWith(extension))
    .map((file) => join(folder, file));

const DEFINES = ["-DETTIN_LEVEL=cuda"];

/** How the library is built for GPUs. */
function forGpus(targets, partial) {
  const missing = noNvcc();
  if (missing !== null) throw new Error(`[build-cuda] ${missing}. Install it, or set CUDA_HOME to its folder.`);
  const codes = targets.flatMap((target) => {
    const number = target.replace(/^(sm|compute)_/, "");
    return ["-gencode", `arch=compute_${number},code=${target}`];
  });
  const host = ["-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror"].join(",");
  return {
    name: "libettin_cuda.so",
    sources: [...filesIn(SOURCE, ".cu"), ...filesIn(join(SOURCE, "runtime"), ".cu")],
    compiler: findNvcc(),
    flags: [
      ...["-std=c++20", "-O3", "--expt-relaxed-constexpr", "-Werror", "all-warnings", "-Xcompiler", host],
      ...DEFINES,
      ...(partial ? ["-DETTIN_CUDA_PARTIAL"] : []),
      ...codes,
    ],
    link: ["-shared", "-cudart", "static", ...codes, "-Xlinker", partial ? "-z,lazy" : "-z,defs", "-ldl", "-lpthread"],
  };
}

/** How it is built for the CPU. */
function forEmulation(partial) {
  const warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"];
  return {
    name: "libettin_cuda_emulation.so",
    sources: [
      ...filesIn(SOURCE, ".cu").filter((file) => basename(file) !== "cublaslt.cu"),
      ...filesIn(join(SOURCE, "runtime"), ".cu"),
      ...filesIn(EMULATION, ".cpp"),
    ],
    compiler: process.env.CXX ?? "g++",
    flags: [
      ...["-x", "c++", "-std=c++20", "-O1", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", ...warnings],
      ...DEFINES,
      "-DETTIN_CUDA_EMULATION",
      `-I${EMULATION}`,
      ...(partial ? ["-DETTIN_CUDA_PARTIAL"] : []),
    ],
    link: ["-shared", ...(partial ? [] : ["-Wl,-z,defs"]), "-lpthread"],
  };
}

const changed = (path) => (existsSync(path) ? statSync(path).mtimeMs : Number.NEGATIVE_INFINITY);

/** Whether an object is older than something it was made from; the compiler wrote the list beside it. */
function isStale(object) {
  const list = `${object}.d`;
  if (!existsSync(object) || !existsSync(list)) return true;
  const files = readFileSync(list, "utf8").replaceAll("\\\n", " ").split(/\s+/).slice(1).filter(Boolean);
  return files.some((file) => !existsSync(file) || changed(file) > changed(object));
}

function execute(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve() : reject(new Error(`[build-cuda] ${command}: code ${code}`))));
  });
}

/**
 * Compiles what changed, some at a time, and links. Resolves with the library's path; with `aside` that is not where
 * programs look for it.
 */
export async function buildCuda({
  targets = TARGETS,
  emulation = false,
  partial = false,
  aside = false,
  jobs = availableParallelism(),
}) {
  const plan = emulation ? forEmulation(partial) : forGpus(targets, partial);
  const kind = emulation ? "emulation" : targets.join("+");
  const folder = join(ROOT, "native/build/cuda", `${kind}${partial ? "-partial" : ""}`);
  mkdirSync(folder, { recursive: true });
  const library = join(aside ? folder : join(ROOT, "native/build/cuda"), plan.name);

  const stamp = join(folder, "compiled-with");
  const how = [plan.compiler, emulation ? "" : nvccVersion(), ...plan.flags].join("\n");
  const same = existsSync(stamp) && readFileSync(stamp, "utf8") === how;

  const units = plan.sources.map((source) => ({ source, object: join(folder, `${basename(source)}.o`) }));
  const stale = units.filter(({ object }) => !same || isStale(object));
  if (!same) rmSync(stamp, { force: true });
  // Large files first: the last one to finish decides.
  stale.sort((a, b) => statSync(b.source).size - statSync(a.source).size);
  const queue = [...stale];
  const work = async () => {
    for (let unit = queue.shift(); unit; unit = queue.shift()) {
      const { source, object } = unit;
      // The emulation itself is worth the time: products and switches of stacks are most of what runs in it.
      const fast = source.startsWith(EMULATION) ? ["-O3"] : [];
      await execute(plan.compiler, [...plan.flags, ...fast, "-MD", "-MF", `${object}.d`, "-c", source, "-o", object]);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  writeFileSync(stamp, how);
  if (stale.length > 0 || units.some(({ object }) => changed(object) > changed(library))) {
    await execute(plan.compiler, [...units.map(({ object }) => object), ...plan.link, "-o", library]);
  }
  return library;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(async () => {
    const { values } = parseArgs({
      options: {
        targets: { type: "string" },
        emulation: { type: "boolean", default: false },
        partial: { type: "boolean", default: false },
        jobs: { type: "string" },
      },
    });
    const { emulation, partial } = values;
    const jobs = values.jobs ? Number(values.jobs) : undefined;
    console.log(await buildCuda({ targets: values.targets?.split(","), emulation, partial, jobs }));
  });
}
