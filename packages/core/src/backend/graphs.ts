/** Kernel calls that are kept and queued again: native/runtime/graph.h. Here is what becomes of their memory. */
import { EngineError } from "../errors.ts";
import type { Addon } from "./addon.ts";
import type { GraphId, Graphs, StorageId } from "./contract.ts";

/** The graph that is being captured. */
interface Capture {
  /** Storages made in it that nobody holds any more, by size: later kernels of the graph may have them. */
  readonly free: Map<number, StorageId[]>;
  /** Bytes of each storage made in it. */
  readonly made: Map<StorageId, number>;
  /** Storages that its kernels read and write. */
  readonly touched: Set<StorageId>;
  /** Other storages that were given back meanwhile. */
  readonly released: StorageId[];
}

/**
 * A device's graphs, and which storages they keep: what a graph touches is given back to the device when the last graph
 * that touches it is dropped, whoever has released it before.
 */
export class DeviceGraphs implements Graphs {
  private readonly addon: Addon;
  private readonly device: number;
  private readonly giveBack: (storages: readonly StorageId[]) => void;
  private capture: Capture | null = null;
  private readonly kept = new Map<GraphId, readonly StorageId[]>();
  /** How many graphs touch a storage. */
  private readonly holders = new Map<StorageId, number>();
  /** Storages that wait for the last graph. */
  private readonly waiting = new Set<StorageId>();

  constructor(addon: Addon, device: number, giveBack: (storages: readonly StorageId[]) => void) {
    this.addon = addon;
    this.device = device;
    this.giveBack = giveBack;
  }

  begin(): void {
    if (this.capture) {
      throw new EngineError("Graph.capture", "a graph is being captured already", "Capture one after the other.");
    }
    this.addon.beginGraph(this.device);
    this.capture = { free: new Map(), made: new Map(), touched: new Set(), released: [] };
  }

  end(keep: boolean): GraphId | null {
    const { free, made, touched, released } = this.capture!;
    this.capture = null;
    const graph = this.addon.endGraph(this.device, keep);
    const unused = [...free.values()].flat();
    if (graph >= 0) {
      const storages = [...new Set([...touched, ...made.keys()])];
      this.kept.set(graph, storages);
      for (const storage of storages) this.holders.set(storage, (this.holders.get(storage) ?? 0) + 1);
    }
    this.release([...unused, ...released]);
    return graph >= 0 ? graph : null;
  }

  run(graph: GraphId): boolean {
    return this.addon.runGraph(this.device, graph);
  }

  drop(graph: GraphId): void {
    this.addon.dropGraph(this.device, graph);
    const free: StorageId[] = [];
    for (const storage of this.kept.get(graph) ?? []) {
      const others = this.holders.get(storage)! - 1;
      if (others > 0) {
        this.holders.set(storage, others);
        continue;
      }
      this.holders.delete(storage);
      if (this.waiting.delete(storage)) free.push(storage);
    }
    this.kept.delete(graph);
    if (free.length > 0) this.giveBack(free);
  }

  get isCapturing(): boolean {
    return this.capture !== null;
  }

  /** A storage of the graph that is being captured which may serve once more. */
  reuse(bytes: number): StorageId | undefined {
    return this.capture?.free.get(bytes)?.pop();
  }

  made(storage: StorageId, bytes: number): void {
    this.capture?.made.set(storage, bytes);
  }

  touch(storage: StorageId): void {
    this.capture?.touched.add(storage);
  }

  release(storages: readonly StorageId[]): void {
    if (this.capture) this.releaseInto(this.capture, storages);
    else if (this.holders.size === 0) this.giveBack(storages);
    else {
      const free = storages.filter((storage) => !this.holders.has(storage));
      for (const storage of storages) if (this.holders.has(storage)) this.waiting.add(storage);
      if (free.length > 0) this.giveBack(free);
    }
  }

  private releaseInto({ free, made, released }: Capture, storages: readonly StorageId[]): void {
    for (const storage of storages) {
      const bytes = made.get(storage);
      if (bytes === undefined) released.push(storage);
      else if (free.has(bytes)) free.get(bytes)!.push(storage);
      else free.set(bytes, [storage]);
    }
  }
}
