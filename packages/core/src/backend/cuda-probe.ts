/**
 * What there is to compute with CUDA on this machine. A process of its own looks, so that a driver that crashes or hangs
 * ends that process; what it found is kept in a file until the library, the driver or the GPUs are others.
 */
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { dirname, join } from "node:path";
import type { CudaReport } from "./addon.ts";

/** A report, or why there is none: "what. Way out." */
export type CudaAnswer = { readonly report: CudaReport } | { readonly error: string };

export interface ProbeOptions {
  /** The library of CUDA kernels. */
  library: string;
  /** The program that looks at it. */
  probe: string;
  /** Asks again, whatever is known. @default false */
  anew?: boolean;
  /** Milliseconds that the program has. @default 20,000 */
  timeout?: number;
}

/** Opening a driver takes a second, on a machine of many GPUs some; one that hangs does so for good. */
const TIMEOUT = 20_000;
const FORM = 1; // a new one where the answer's fields change

const known = new Map<string, CudaAnswer>();

/** Asks once per library, driver and GPUs. */
export function probeCuda({ library, probe, anew = false, timeout = TIMEOUT }: ProbeOptions): CudaAnswer {
  const key = keyOf(library);
  const file = join(cudaCacheFolder(), `${key}.json`);
  if (!anew) {
    const found = known.get(key) ?? readAnswer(file);
    if (found) {
      known.set(key, found);
      return found;
    }
  }
  const { answer, keep } = ask(library, probe, timeout, file);
  known.set(key, answer);
  if (keep) writeAnswer(file, answer);
  return answer;
}

/** Where answers are kept. */
export function cudaCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const home = env.XDG_CACHE_HOME || (process.platform === "win32" && env.LOCALAPPDATA) || join(homedir(), ".cache");
  return join(home, "ettin", "cuda");
}

/** The driver's version, "580.82.07"; null where no NVIDIA driver says one. */
export function driverVersion(file = "/proc/driver/nvidia/version"): string | null {
  return /\b(\d{3,}\.\d+(?:\.\d+)?)\b/.exec(textOf(file))?.[1] ?? null;
}

/** Everything that an answer depends on. A home folder may be shared by machines, so the machine is part of it. */
function keyOf(library: string): string {
  const { size, mtimeMs } = statSync(library);
  const facts = [
    [FORM, process.arch, hostname(), library, size, mtimeMs],
    [textOf("/proc/driver/nvidia/version"), gpuAddresses(), process.env.CUDA_VISIBLE_DEVICES ?? null],
  ];
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex").slice(0, 32);
}

const textOf = (file: string): string => {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
};

const gpuAddresses = (): string[] => {
  try {
    return readdirSync("/proc/driver/nvidia/gpus").sort();
  } catch {
    return [];
  }
};

/**
 * Only what is costly and stays is kept for other processes: a report, a crash. What the library says is missing may have
 * been installed by the next time, and a driver that did not answer in time may only have been slow, on a cold disk.
 */
function ask(library: string, probe: string, timeout: number, file: string): { answer: CudaAnswer; keep: boolean } {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const { status, signal, stdout, stderr, error } = spawnSync(process.execPath, [probe, library], {
    encoding: "utf8",
    env: { ...env, ELECTRON_RUN_AS_NODE: "1" },
    timeout,
    killSignal: "SIGKILL",
    stdio: ["ignore", "pipe", "pipe"],
  });
  const answer = parseAnswer(stdout ?? "");
  if (answer) return { answer, keep: isWhole(answer) };

  const check = "Check the driver with nvidia-smi";
  if ((error as NodeJS.ErrnoException | undefined)?.code === "ETIMEDOUT") {
    const slow = `${library} did not answer within ${timeout / 1000} s`;
    return { answer: { error: `${slow}. ${check}; the next process asks again.` }, keep: false };
  }
  if (signal) {
    const crashed = `${library} crashed when it was asked for GPUs (${signal})`;
    return {
      answer: { error: `${crashed}. ${check}; "ettin doctor" asks again (this answer is kept in ${file}).` },
      keep: true,
    };
  }
  const said = (stderr ?? "").trim().split("\n").at(-1) || error?.message || "it printed nothing";
  const failed = `${library} could not be asked for GPUs: code ${status}, ${said}`;
  return { answer: { error: `${failed}. ${check}; the next process asks again.` }, keep: false };
}

const isWhole = (answer: CudaAnswer): boolean =>
  "report" in answer && answer.report.gpus.length > 0 && answer.report.cublaslt > 0;

function readAnswer(file: string): CudaAnswer | null {
  return parseAnswer(textOf(file));
}

/** The answer in a text; null where there is none. A file may be of another version, or cut off. */
function parseAnswer(text: string): CudaAnswer | null {
  for (const line of text.trim().split("\n").reverse()) {
    try {
      const found = JSON.parse(line) as { report?: Partial<CudaReport>; error?: unknown } | null;
      if (typeof found?.error === "string") return { error: found.error };
      if (isReport(found?.report)) return { report: found.report };
    } catch {
      // a library may print lines of its own
    }
  }
  return null;
}

function isReport(report: Partial<CudaReport> | undefined): report is CudaReport {
  const numbers = (row: object, names: readonly string[]): boolean =>
    names.every((name) => Number.isFinite((row as Record<string, unknown>)[name]));
  return (
    typeof report === "object" &&
    report !== null &&
    numbers(report, ["driver", "runtime", "cublaslt"]) &&
    typeof report.cublasltName === "string" &&
    Array.isArray(report.gpus) &&
    report.gpus.every(
      (gpu) => typeof gpu?.name === "string" && numbers(gpu, ["major", "minor", "multiprocessors", "memory", "free"]),
    )
  );
}

/** Whole or not at all; a folder that cannot be written costs a question next time. */
function writeAnswer(file: string, answer: CudaAnswer): void {
  const beside = `${file}.${randomBytes(4).toString("hex")}`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(beside, `${JSON.stringify(answer)}\n`);
    renameSync(beside, file);
  } catch {
    // asked again next time
  }
}
