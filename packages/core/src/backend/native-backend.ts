/** A device of the addon as a backend: what the CPU's and the GPU's have in common. */
import { EngineError } from "../errors.ts";
import { DTYPE_BYTES, DTYPE_CODES } from "../tensor/dtype.ts";
import type { Addon } from "./addon.ts";
import type { Backend, Capabilities, Kernels, MemoryStats, StorageId, TensorView } from "./contract.ts";
import { DeviceGraphs } from "./graphs.ts";

type Argument = TensorView | readonly TensorView[] | number | boolean | null;

/** What a device is called, what it can, and what helps when its memory is full. */
export interface NativeDevice {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly whenFull: string;
}

export function nativeBackend(addon: Addon, device: number, { name, capabilities, whenFull }: NativeDevice): Backend {
  let releasing = new Int32Array(256);

  const checked = (missing: number | undefined): void => {
    if (missing !== undefined) throw outOfMemory(name, missing, addon.memoryStats(device), whenFull);
  };
  /** Memory is asked of the device, which may have stopped. */
  const taken = (take: () => StorageId, bytes: number): StorageId => {
    const storage = spoken("cuda", take);
    if (storage < 0) throw outOfMemory(name, bytes, addon.memoryStats(device), whenFull);
    return storage;
  };
  const graphs = new DeviceGraphs(addon, device, (storages) => {
    if (storages.length > releasing.length) releasing = new Int32Array(2 * storages.length);
    releasing.set(storages);
    addon.release(device, releasing, storages.length);
  });
  const memory: Omit<Backend, keyof Kernels> = {
    name,
    capabilities,
    graphs,
    allocate(bytes) {
      const used = graphs.reuse(bytes);
      if (used !== undefined) return used;
      const storage = taken(() => addon.allocate(device, bytes), bytes);
      graphs.made(storage, bytes);
      return storage;
    },
    release: (storages) => graphs.release(storages),
    upload: (storage, byteOffset, data) => checked(addon.upload(device, storage, byteOffset, data)),
    download: (storage, byteOffset, bytes) => addon.download(device, storage, byteOffset, bytes).catch(rethrow),
    synchronize: () => addon.synchronize(device).catch(rethrow),
    wrap: (data) => taken(() => addon.wrap(device, data), data.byteLength),
    mapFile(path) {
      let mapped: ReturnType<Addon["mapFile"]>;
      try {
        mapped = addon.mapFile(device, path);
      } catch (error) {
        throw new EngineError("mapFile", (error as Error).message, "Check the path and that the file is complete.");
      }
      taken(() => mapped.storage, mapped.bytes);
      return mapped;
    },
    setWeight: (storage) => addon.setWeight(device, storage),
    memoryStats: () => addon.memoryStats(device),
    close: () => addon.closeDevice(device),
  };
  return Object.assign(memory, kernelsOf(addon, device, graphs, checked)) as Backend;
}

/** Runs what throws "what. Way out.", as native code does; it becomes an `EngineError`. */
export function spoken<T>(where: string, run: () => T, otherWay = ""): T {
  try {
    return run();
  } catch (error) {
    throw spokenError(where, (error as Error).message, otherWay, error);
  }
}

/** "what. Way out." as an error. */
export function spokenError(where: string, message: string, otherWay = "", cause?: unknown): EngineError {
  const end = /\.\s/.exec(message)?.index ?? message.replace(/\.$/, "").length;
  const way = message.slice(end + 1).trim();
  const ended = way === "" || way.endsWith(".") ? way : `${way}.`;
  return new EngineError(where, message.slice(0, end), [ended, otherWay].filter(Boolean).join(" "), { cause });
}

function kernelsOf(
  addon: Addon,
  device: number,
  graphs: DeviceGraphs,
  checked: (missing: number | undefined) => void,
): Kernels {
  const methods: Record<string, (...args: Argument[]) => void> = {};
  addon.kernels.forEach(({ name, signature }, kernel) => {
    methods[name] = (...args) => {
      writeCommand(addon.commands, name, signature, args);
      if (graphs.isCapturing) for (const { storage } of args.flatMap(viewsOf)) graphs.touch(storage.id);
      let missing: number | undefined;
      try {
        missing = addon.enqueue(device, kernel);
      } catch (error) {
        const { message } = error as Error;
        throw message.startsWith("[") ? error : spokenError(opOf(name), message, "", error);
      }
      checked(missing);
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

const viewsOf = (arg: Argument): readonly TensorView[] => {
  if (arg === null || typeof arg !== "object") return [];
  return isList(arg) ? arg : [arg];
};

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

/** Kernels whose op has another name. */
const OPS: Readonly<Record<string, string>> = {
  exactTopK: "exactSearch",
  globalNorm: "clipGradNorm",
  adamwStep: "AdamW",
  stableAdamwStep: "StableAdamW",
  appendToCache: "cachedAttention",
};

/** The function that a caller wrote, of the kernel that ran for it: "embeddingBackward" is embedding's. */
export function opOf(kernel: string): string {
  return OPS[kernel] ?? kernel.replace(/(Forward|Backward(Input|Weight|Bias)?|Gradients)$/, "");
}

function sizeText(bytes: number): string {
  const [unit, scale] = bytes > 0 && bytes < 1e5 ? ["kB", 1e3] : ["MB", 1e6];
  return `${(bytes / (scale as number)).toLocaleString("en", { maximumFractionDigits: 1 })} ${unit}`;
}

function outOfMemory(name: string, bytes: number, stats: MemoryStats, whenFull: string): EngineError {
  const inUse = stats.current + stats.scratch + stats.packed;
  return new EngineError(
    "memory",
    `${sizeText(bytes)} asked for on ${name}, ${sizeText(inUse)} in use, limit ${sizeText(stats.limit)}`,
    whenFull,
  );
}

/** A kernel's own words, "[kernel] what. way out (arguments: …)", as an error of its op. */
function rethrow(text: unknown): never {
  const message = String(text);
  const [, kernel = "stream", what = message] = /^\[(\w+)\] ([\s\S]*)$/.exec(message) ?? [];
  throw new KernelError(opOf(kernel), what);
}

/** A kernel failed, and what was read depends on it. */
export class KernelError extends EngineError {
  override readonly name: string = "KernelError";

  constructor(where: string, what: string) {
    super(where, what, "");
    this.message = `[${where}] ${what}`;
  }
}
