import { constants } from "node:fs";
import { access, readdir, stat, statfs } from "node:fs/promises";
import { createRequire } from "node:module";
import { arch, availableParallelism, cpus, freemem, platform, release, totalmem } from "node:os";
import { dirname } from "node:path";
import {
  cpuLevels,
  cudaStatus,
  type EngineError,
  hubStatus,
  memoryStats,
  openCpu,
  setDefaultDevice,
  Tensor,
} from "@ettin/core";
import type { Command } from "../command.ts";

import { bytesText, columns } from "../units.ts";
import { version } from "../version.ts";

/** One thing that was looked at. */
export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  /** For people. */
  readonly text: string;
  /** For programs. */
  readonly value: unknown;
}

const OLDEST_NODE = [20, 19] as const;

export const doctor: Command = {
  name: "doctor",
  summary: "look at this machine: devices, instruction sets, threads, versions, cache, memory",
  operands: [],
  options: { json: { type: "boolean", help: "print JSON" } },
  notes: "Exits with 1 when something that models need is not there.",
  async run(_operands, options, terminal) {
    const findings = [nodeVersion(), ...versions(), ...(await devices()), ...cuda(), memory(), await cache(), hub()];
    if (options.json) {
      const report = Object.fromEntries(findings.map(({ name, value }) => [name, value]));
      const problems = findings.filter(({ ok }) => !ok).map(({ name, text }) => `${name}: ${text}`);
      terminal.write(`${JSON.stringify({ ...report, problems }, null, 2)}\n`);
    } else {
      terminal.write(`${columns(findings.map(({ name, ok, text }) => [ok ? "ok" : "!!", name, text]))}\n`);
    }
    return findings.every(({ ok }) => ok) ? 0 : 1;
  },
};

function nodeVersion(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const ok = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  const system = `${platform()} ${release()} ${arch()}`;
  const text = `${process.version} on ${system}${ok ? "" : `; ${OLDEST_NODE.join(".")} or later is needed`}`;
  return {
    name: "node",
    ok,
    text,
    value: { version: process.version, platform: platform(), release: release(), arch: arch() },
  };
}

function versions(): Finding[] {
  const require = createRequire(import.meta.url);
  const core = (require("@ettin/core/package.json") as { version: string }).version;
  const ok = core === version();
  const text = ok ? version() : `${version()}, but @ettin/core is ${core}. Install both at one version.`;
  return [{ name: "ettin", ok, text, value: { version: version(), core } }];
}

/** Opens the CPU and multiplies two matrices on it. */
async function devices(): Promise<Finding[]> {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  try {
    const device = openCpu();
    setDefaultDevice(device);
    const levels = cpuLevels();
    const { level, threads } = readName(device.name);
    const a = Tensor.from([
      [1, 2],
      [3, 4],
    ]);
    const product = a.matmul(a);
    const values = [...(await product.data())];
    for (const tensor of [a, product]) tensor.dispose();
    const right = values.join() === "7,10,15,22"; // [[1+6, 2+8], [3+12, 6+16]]
    return [
      {
        name: "cpu",
        ok: right,
        text: right ? `${model}: ${device.name}` : `${device.name} multiplies wrongly: ${values.join(", ")}`,
        value: { model, name: device.name, level, threads, cores: availableParallelism() },
      },
      {
        name: "instructions",
        ok: true,
        text: `${levels.join(", ")}; in use ${level} (ETTIN_CPU_LEVEL chooses)`,
        value: { available: levels, used: level },
      },
    ];
  } catch (error) {
    return [
      { name: "cpu", ok: false, text: (error as Error).message, value: { model, error: (error as Error).message } },
    ];
  }
}

/** Asks anew for GPUs. That there is none is no fault of a machine. */
function cuda(): Finding[] {
  try {
    const { library, driverVersion, report } = cudaStatus(true);
    const { driver, runtime, cublaslt, cublasltName, gpus } = report;
    const versions = {
      driver: versionText(driver, 1000),
      runtime: versionText(runtime, 1000),
      cublaslt: versionText(cublaslt, 10_000),
    };
    const driverText = driverVersion === null ? "a driver" : `driver ${driverVersion}`;
    return [
      {
        name: "cuda",
        ok: true,
        text: `${driverText} for CUDA ${versions.driver}; cuBLASLt ${versions.cublaslt} (${cublasltName}); ${library}, built with ${versions.runtime}`,
        value: { ...versions, driverVersion, cublasltName, library, gpus },
      },
      ...gpus.map((gpu, i) => ({
        name: `cuda:${i}`,
        ok: true,
        text: `${gpu.name}: sm_${gpu.major}${gpu.minor}, ${gpu.multiprocessors} multiprocessors, ${bytesText(gpu.memory)}, ${bytesText(gpu.free)} free`,
        value: gpu,
      })),
    ];
  } catch (error) {
    const { message, what = message } = error as EngineError;
    return [{ name: "cuda", ok: true, text: `none: ${message.replace("[device] ", "")}`, value: { error: what } }];
  }
}

/** 12040 in thousands: "12.4". */
const versionText = (version: number, unit: number): string =>
  `${Math.floor(version / unit)}.${Math.floor((version % unit) / (unit / 100))}`;

/** "cpu (avx2, 2 threads)" */
function readName(name: string): { level: string; threads: number } {
  const [, level = "", threads = "0"] = /\((\w+), (\d+) threads?\)/.exec(name) ?? [];
  return { level, threads: Number(threads) };
}

function memory(): Finding {
  let limit: number | null = null;
  try {
    limit = memoryStats().limit;
  } catch {
    // the cpu's own line says why
  }
  const value = { total: totalmem(), free: freemem(), limit };
  const text = `${bytesText(value.total)}, ${bytesText(value.free)} free${limit ? `; models may take ${bytesText(limit)} (ETTIN_MEMORY_LIMIT)` : ""}`;
  return { name: "memory", ok: true, text, value };
}

async function cache(): Promise<Finding> {
  const { cacheFolder: folder } = hubStatus();
  const base = await nearestFolder(folder);
  const writable = await access(base, constants.W_OK).then(
    () => true,
    () => false,
  );
  const { bavail, bsize } = await statfs(base);
  const entries = await readdir(folder).catch((): string[] => []);
  const repositories = entries.filter((name) => /^(models|datasets|spaces)--/.test(name)).length;
  const value = { folder, writable, repositories, free: bavail * bsize };
  const text = `${folder}: ${repositories} repositories, ${bytesText(value.free)} free on its disk`;
  const refused = `${base} cannot be written. Set HF_HOME to a folder that can.`;
  return { name: "cache", ok: writable, text: writable ? text : refused, value };
}

/** The folder, or the one above it that is there. */
async function nearestFolder(folder: string): Promise<string> {
  for (let at = folder; ; at = dirname(at)) {
    const found = await stat(at).catch(() => null);
    if (found?.isDirectory() || at === dirname(at)) return at;
  }
}

function hub(): Finding {
  const { endpoint, offline, hasToken } = hubStatus();
  const text = `${endpoint}, ${offline ? "offline mode" : "online"}, ${hasToken ? "with a token" : "no token"}`;
  return { name: "hub", ok: true, text, value: { endpoint, offline, hasToken } };
}
