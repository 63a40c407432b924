// Finds the binary and the library of CUDA kernels: those built in this folder (a checkout), else the packages of this
// platform (an install).
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { cudaPlatforms, platforms, thisPlatform } from "./platforms.js";

const require = createRequire(import.meta.url);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

let loaded;

export function loadAddon() {
  loaded ??= open(findBinary());
  return loaded;
}

function findBinary() {
  // Sanitizer and debug builds lie elsewhere.
  if (process.env.ETTIN_ADDON) return process.env.ETTIN_ADDON;

  const built = here("./build/Release/ettin.node");
  if (existsSync(built)) return built;
  if (existsSync(here("./binding.gyp"))) {
    throw new Error(`[native] the addon is not built: there is no ${built}. Run: npm run build`);
  }

  const platform = thisPlatform();
  const { version } = require("./package.json");
  try {
    return require.resolve(`@ettin/native-${platform}`);
  } catch (cause) {
    throw new Error(missing(platform, version), { cause });
  }
}

function missing(platform, version) {
  if (!Object.hasOwn(platforms, platform)) {
    return (
      `[native] there is no binary for ${platform}; there is one for ${Object.keys(platforms).join(", ")}. ` +
      "Use one of these, or build from the source repository: npm run build"
    );
  }
  return (
    `[native] no binary for ${platform}: the package @ettin/native-${platform} is not installed. ` +
    `Run: npm install @ettin/native-${platform}@${version} ` +
    "(A lock file written on another platform, npm/cli#7406, or --omit=optional is the usual reason.)"
  );
}

/** A program for Node: loads the library that its argument names and prints what it finds, as JSON. */
export const cudaProbe = here("./cuda-probe.js");

export function findCudaLibrary() {
  const chosen = process.env.ETTIN_CUDA_LIBRARY;
  if (chosen) {
    if (existsSync(chosen)) return chosen;
    throw new Error(`ETTIN_CUDA_LIBRARY is ${chosen}, which is not there. Set it to a libettin_cuda.so, or unset it.`);
  }

  const built = here("./build/cuda/libettin_cuda.so");
  if (existsSync(built)) return built;
  if (existsSync(here("./binding.gyp"))) {
    throw new Error(
      `the CUDA kernels are not built in this checkout: there is no ${built}. ` +
        "Run: npm run build:cuda (it needs nvcc, of the CUDA toolkit 12.4 or later)",
    );
  }

  const platform = `${thisPlatform()}-cuda`;
  const { version } = require("./package.json");
  try {
    return require.resolve(`@ettin/native-${platform}`);
  } catch (cause) {
    throw new Error(missingCuda(platform, version), { cause });
  }
}

function missingCuda(platform, version) {
  if (!Object.hasOwn(cudaPlatforms, platform)) {
    const names = Object.keys(cudaPlatforms).map((name) => name.replace(/-cuda$/, ""));
    return `there are no CUDA kernels for ${thisPlatform()}. There are for ${names.join(", ")}; elsewhere use the CPU`;
  }
  return (
    `no CUDA kernels: the package @ettin/native-${platform} is not installed. ` +
    `Run: npm install @ettin/native-${platform}@${version}`
  );
}

function open(path) {
  try {
    return require(path);
  } catch (cause) {
    throw new Error(
      `[native] ${path} does not load: ${cause.message}. ` +
        "The system may be older than the binary expects, or the file damaged: install it again, or build from the source repository.",
      { cause },
    );
  }
}
