/** What the emulated GPU finds that a GPU leaves undefined: barriers that only a part of a block reaches. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const emulation = fileURLToPath(new URL("../../native/cuda/emulation", import.meta.url));
const compiler = process.env.CXX ?? "g++";
const missing = process.platform !== "linux" || spawnSync(compiler, ["--version"]).status !== 0;
if (missing) console.log(`The emulated GPU needs Linux and ${compiler}: its own tests are skipped.`);

// kernels of 64 threads, by name; line 1 is the first
const kernels = `#include <cuda_runtime.h>
__global__ void together() { __syncthreads(); }
__global__ void after_an_end() {
  if (threadIdx.x < 32) return;
  __syncthreads();
}
__global__ void at_two_barriers() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads_or(1);
  }
}
int main(int, char** arguments) {
  const std::string name = arguments[1];
  auto* const kernel = name == "together" ? together : name == "after_an_end" ? after_an_end : at_two_barriers;
  try {
    ettin::emulation::launch({1}, {64}, 0, [&] { kernel(); });
    std::puts("ended");
  } catch (const std::exception& error) {
    std::puts(error.what());
  }
}
`;

describe.skipIf(missing)("a block of the emulated GPU", () => {
  const folder = mkdtempSync(join(tmpdir(), "ettin-emulation-"));
  const program = join(folder, "kernels");
  const run = (kernel: string) =>
    execFileSync(program, [kernel], { encoding: "utf8" }).trim().replaceAll(`${folder}/`, "");
  beforeAll(() => {
    writeFileSync(join(folder, "kernels.cpp"), kernels);
    const sources = [join(folder, "kernels.cpp"), join(emulation, "fibers.cpp")];
    execFileSync(compiler, ["-std=c++20", "-DETTIN_CUDA_EMULATION", `-I${emulation}`, ...sources, "-o", program]);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  test("goes on when all its threads are at one barrier", () => {
    expect(run("together")).toBe("ended");
  });

  test("fails where some wait at a barrier and others have ended", () => {
    expect(run("after_an_end")).toMatch(
      /^\[emulation\] threads 32, 33, .* wait at kernels\.cpp:5, but threads 0, 1, .* have ended$/,
    );
  });

  test("fails where threads wait at different barriers", () => {
    expect(run("at_two_barriers")).toMatch(
      /^\[emulation\] threads 0, 1, .* wait at kernels\.cpp:9, but threads 32, 33, .* at kernels\.cpp:11$/,
    );
  });
});
