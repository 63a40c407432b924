/** The native CPU backend. The one file that loads the addon. */
import { loadAddon } from "@ettin/native";
import { EngineError } from "../errors.ts";
import { DTYPE_BYTES, DTYPE_CODES } from "../tensor/dtype.ts";
import type { Addon } from "./addon.ts";
import type { Backend, Capabilities, Kernels, StorageId, TensorView } from "./contract.ts";

type Argument = TensorView | readonly TensorView[] | number | boolean | null;

/** Far beyond any machine: a larger number is a mistake. */
const MOST_THREADS = 1024;

/** Opens a device on the CPU. */
export function openNativeCpu({ level = "", threads = 0 }: { level?: string; threads?: number }): Backend {
  const addon = loadAddon() as Addon;
  if (!Number.isSafeInteger(threads) || threads < 0 || threads > MOST_THREADS) {
    throw new EngineError(
      "device",
      `threads is ${threads}`,
      `Pass a whole number from 1 to ${MOST_THREADS}, or none for the physical cores.`,
    );
  }
  let opened: ReturnType<Addon["openDevice"]>;
  try {
    opened = addon.openDevice(level, threads);
  } catch (error) {
    const { message } = error as Error; // "what. Way out."
    const end = message.indexOf(". ");
    throw new EngineError("device", message.slice(0, end), message.slice(end + 2), { cause: error });
  }
  const name = `cpu (${opened.level}, ${opened.threads} thread${opened.threads === 1 ? "" : "s"})`;
  const capabilities = { strided: true, bfloat16Products: opened.level === "avx512_bf16" };
  return backendOf(addon, opened.id, name, capabilities);
}

/** Opens a stream on a GPU: `library` is the path of the CUDA kernels. */
export function openNativeCuda(library: string, gpu: number): Backend {
  const addon = loadAddon() as Addon;
  const opened = addon.openCuda(library, gpu);
  const { name, major, minor } = opened.gpu;
  return backendOf(addon, opened.id, `cuda:${gpu} (${name}, sm_${major}${minor})`, {
    strided: true,
    bfloat16Products: true,
  });
}

function backendOf(addon: Addon, device: number, name: string, capabilities: Capabilities): Backend {
  let releasing = new Int32Array(256);

  const checked = (missing: number | undefined): void => {
    if (missing !== undefined) throw outOfMemory(name, missing, addon.memoryStats(device));
  };
  const memory: Omit<Backend, keyof Kernels> = {
    name,
    capabilities,
    allocate(bytes) {
      const storage = addon.allocate(device, bytes);
      if (storage < 0) throw outOfMemory(name, bytes, addon.memoryStats(device));
      return storage;
    },
    release(storages) {
      if (storages.length > releasing.length) releasing = new Int32Array(2 * storages.length);
      releasing.set(storages);
      addon.release(device, releasing, storages.length);
    },
    upload: (storage, byteOffset, data) => checked(addon.upload(device, storage, byteOffset, data)),
    download: (storage, byteOffset, bytes) => addon.download(device, storage, byteOffset, bytes).catch(rethrow),
    synchronize: () => addon.synchronize(device),
    wrap: (data) => addon.wrap(device, data),
    mapFile(path) {
      try {
        return addon.mapFile(device, path);
      } catch (error) {
        throw new EngineError("mapFile", (error as Error).message, "Check the path and that the file is complete.");
      }
    },
    setWeight: (storage) => addon.setWeight(device, storage),
    memoryStats: () => addon.memoryStats(device),
    close: () => addon.closeDevice(device),
  };
  return Object.assign(memory, kernelsOf(addon, device, checked)) as Backend;
}

/** What the addon does without a device; null where it does not load. */
export function nativeTokenizers(): Addon | null {
  try {
    return loadAddon() as Addon;
  } catch {
    return null;
  }
}

/** The levels that this machine runs, ascending. */
export const cpuLevels = (): readonly string[] => (loadAddon() as Addon).levels;

function kernelsOf(addon: Addon, device: number, checked: (missing: number | undefined) => void): Kernels {
  const methods: Record<string, (...args: Argument[]) => void> = {};
  addon.kernels.forEach(({ name, signature }, kernel) => {
    methods[name] = (...args) => {
      writeCommand(addon.commands, name, signature, args);
      checked(addon.enqueue(device, kernel));
    };
  });
  return methods as unknown as Kernels; // the rows mirror the contract: test/core/backend checks names and counts
}

function writeCommand(commands: Float64Array, name: string, signature: string, args: readonly Argument[]): void {
  if (args.length !== signature.length) {
    throw new EngineError(
      name,
      `${args.length} arguments for the kernel's ${signature.length} (${signature})`,
      "Compare contract.ts with native/kernels.h.",
    );
  }
  let at = 0;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (typeof arg === "number") commands[at++] = arg;
    else if (typeof arg === "boolean") commands[at++] = arg ? 1 : 0;
    else if (isList(arg)) {
      commands[at++] = arg.length;
      for (const view of arg) at = writeView(commands, at, name, view, signature[i] === "L");
    } else at = writeView(commands, at, name, arg, signature[i] === "m" || signature[i] === "M");
    if (at > commands.length) {
      throw new EngineError(name, "too many tensors in one call", "Split the list of parameters into groups.");
    }
  }
}

const isList = (arg: Argument): arg is readonly TensorView[] => Array.isArray(arg);

function writeView(
  commands: Float64Array,
  start: number,
  kernel: string,
  view: TensorView | null,
  changes: boolean,
): number {
  let at = start;
  if (view === null) {
    commands[at++] = -1;
    return at;
  }
  const { shape, strides } = view;
  if (shape.length > 6) {
    throw new EngineError(kernel, `a tensor has ${shape.length} dimensions`, "Kernels take 6 at most: reshape it.");
  }
  if (changes) view.storage.version++;
  commands[at++] = view.storage.id;
  commands[at++] = view.offset * DTYPE_BYTES[view.dtype];
  commands[at++] = DTYPE_CODES[view.dtype];
  commands[at++] = shape.length;
  for (let d = 0; d < shape.length; d++) commands[at++] = shape[d]!;
  for (let d = 0; d < strides.length; d++) commands[at++] = strides[d]!;
  return at;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;

function outOfMemory(name: string, bytes: number, stats: ReturnType<Backend["memoryStats"]>): EngineError {
  const inUse = stats.current + stats.scratch + stats.packed;
  return new EngineError(
    "memory",
    `${megabytes(bytes)} asked for on ${name}, ${megabytes(inUse)} in use, limit ${megabytes(stats.limit)}`,
    "Lower the batch size or maxTokensPerMicroBatch, turn on gradient checkpointing, or raise ETTIN_MEMORY_LIMIT.",
  );
}

/** A kernel's own words, "[op] what. way out (arguments: …)", as an error. */
function rethrow(text: unknown): never {
  const message = String(text);
  const [, where = "stream", what = message] = /^\[(\w+)\] ([\s\S]*)$/.exec(message) ?? [];
  throw new KernelError(where, what);
}

/** A kernel failed, and what was read depends on it. */
export class KernelError extends EngineError {
  override readonly name: string = "KernelError";

  constructor(where: string, what: string) {
    super(where, what, "");
    this.message = `[${where}] ${what}`;
  }
}

export type { StorageId };
