import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { cudaCacheFolder, driverVersion, probeCuda } from "../../../packages/core/src/backend/cuda-probe.ts";
import { temporaryFolder } from "../../support/folder.ts";

// The program that looks for GPUs is here one that says or does what the test needs; it counts its calls in a file.

const folder = temporaryFolder();
const library = join(folder, "libettin_cuda.so");
let tests = 0;

beforeEach(() => {
  vi.stubEnv("XDG_CACHE_HOME", join(folder, `cache-${tests++}`));
  writeFileSync(library, `library ${tests}`);
  utimesSync(library, tests, tests); // another library for each test
  return () => vi.unstubAllEnvs();
});

const report = {
  ...{ driver: 13000, runtime: 13000, cublaslt: 130200, cublasltName: "libcublasLt.so.13" },
  gpus: [{ name: "NVIDIA H200", major: 9, minor: 0, multiprocessors: 132, memory: 150e9, free: 149e9 }],
};

/** A program with this body, and how often it has run. */
function program(body: string): { probe: string; runs: () => number } {
  const calls = join(folder, `calls-${tests}`);
  const probe = join(folder, `probe-${tests}.mjs`);
  writeFileSync(
    probe,
    `import { appendFileSync } from "node:fs"; appendFileSync(${JSON.stringify(calls)}, "."); ${body}`,
  );
  return { probe, runs: () => (existsSync(calls) ? readFileSync(calls, "utf8").length : 0) };
}
const saying = (answer: unknown) => program(`console.log(${JSON.stringify(JSON.stringify(answer))})`);

/** As another process sees it: what this one remembers is another module's. */
async function elsewhere(): Promise<typeof probeCuda> {
  vi.resetModules();
  return (await import("../../../packages/core/src/backend/cuda-probe.ts")).probeCuda;
}
const cached = (): string[] => readdirSync(cudaCacheFolder()).map((name) => join(cudaCacheFolder(), name));

describe("probeCuda", () => {
  test("asks once, and not again in another process", async () => {
    const { probe, runs } = saying({ report });
    expect(probeCuda({ library, probe })).toEqual({ report });
    expect(probeCuda({ library, probe })).toEqual({ report });
    expect((await elsewhere())({ library, probe })).toEqual({ report });
    expect(runs()).toBe(1);
  });

  test("asks again for another library, other visible GPUs, and when it is told to", async () => {
    const { probe, runs } = saying({ report });
    probeCuda({ library, probe });
    utimesSync(library, 1e6, 1e6);
    probeCuda({ library, probe });
    expect(runs()).toBe(2);
    vi.stubEnv("CUDA_VISIBLE_DEVICES", "3");
    probeCuda({ library, probe });
    expect(runs()).toBe(3);
    probeCuda({ library, probe, anew: true });
    expect(runs()).toBe(4);
  });

  test.each(["", "{", '{"report":{"driver":13000}}', '{"report":null}', "[1]", "null"])(
    "a kept file that holds %j is not believed",
    async (text) => {
      const { probe, runs } = saying({ report });
      probeCuda({ library, probe });
      for (const file of cached()) writeFileSync(file, text);
      expect((await elsewhere())({ library, probe })).toEqual({ report });
      expect(runs()).toBe(2);
    },
  );

  test("a folder that cannot be written costs a question, no more", async () => {
    writeFileSync(join(folder, "a-file"), "");
    vi.stubEnv("XDG_CACHE_HOME", join(folder, "a-file"));
    const { probe, runs } = saying({ report });
    expect(probeCuda({ library, probe })).toEqual({ report });
    expect((await elsewhere())({ library, probe })).toEqual({ report });
    expect(runs()).toBe(2);
  });

  test("what is missing is asked again by the next process, because it may have been installed", async () => {
    const { probe, runs } = saying({ error: "no cuBLASLt. Install it." });
    expect(probeCuda({ library, probe })).toEqual({ error: "no cuBLASLt. Install it." });
    (await elsewhere())({ library, probe });
    expect(runs()).toBe(2);
  });

  test("lines that a driver prints beside the answer do no harm", () => {
    const { probe } = program(`console.log("a driver's remark {}");
      console.log(${JSON.stringify(JSON.stringify({ report }))}); console.log("and its farewell")`);
    expect(probeCuda({ library, probe })).toEqual({ report });
  });

  test("a crash is an answer, which is kept", async () => {
    const { probe, runs } = program(`process.kill(process.pid, "SIGSEGV"); setInterval(() => {}, 1000)`);
    const answer = probeCuda({ library, probe });
    expect(answer).toEqual({
      error: expect.stringContaining(`${library} crashed when it was asked for GPUs (SIGSEGV). Check the driver`),
    });
    expect((await elsewhere())({ library, probe })).toEqual(answer);
    expect(runs()).toBe(1);
    expect(cached()).toHaveLength(1);
    expect((answer as { error: string }).error).toContain(cached()[0]);
  });

  test("a hang ends at the time limit, once in a process; the next one asks again", async () => {
    const { probe, runs } = program("setInterval(() => {}, 1000)");
    const answer = { error: expect.stringContaining(`${library} did not answer within 2 s. Check the driver`) };
    expect(probeCuda({ library, probe, timeout: 2000 })).toEqual(answer);
    expect(probeCuda({ library, probe, timeout: 2000 })).toEqual(answer);
    const before = runs(); // a machine that is busy may not even have started it in time
    const { probe: other } = saying({ report });
    expect((await elsewhere())({ library, probe: other })).toEqual({ report });
    expect(before).toBeLessThanOrEqual(1);
  });

  test("a program that fails says why, and is asked again", async () => {
    const { probe, runs } = program(`console.error("cannot open it"); process.exitCode = 3`);
    expect(probeCuda({ library, probe })).toEqual({
      error: expect.stringContaining(`${library} could not be asked for GPUs: code 3, cannot open it. Check`),
    });
    (await elsewhere())({ library, probe });
    expect(runs()).toBe(2);
  });

  test("does not hand NODE_OPTIONS on", () => {
    vi.stubEnv("NODE_OPTIONS", "--require=/nowhere.cjs");
    const { probe } = saying({ report });
    expect(probeCuda({ library, probe })).toEqual({ report });
  });
});

test("driverVersion reads the version out of the driver's own line", () => {
  const file = join(folder, "version");
  writeFileSync(file, "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC");
  expect(driverVersion(file)).toBe("535.104.05");
  writeFileSync(file, "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.03  Release Build");
  expect(driverVersion(file)).toBe("580.159.03");
  expect(driverVersion(join(folder, "nothing"))).toBe(null);
});

test("the cache lies where the system keeps caches", () => {
  expect(cudaCacheFolder({ XDG_CACHE_HOME: "/x" })).toBe(join("/x", "ettin", "cuda"));
  mkdirSync(cudaCacheFolder(), { recursive: true });
  if (process.platform !== "win32") expect(cudaCacheFolder({})).toMatch(/\.cache\/ettin\/cuda$/);
});
