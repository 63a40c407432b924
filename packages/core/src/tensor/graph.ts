import type { GraphId } from "../backend/contract.ts";
import type { Device } from "../device.ts";
import { EngineError } from "../errors.ts";
import { refusePromise } from "./scope.ts";

/**
 * The ops of a function, to be run again without calling it: for steps that are repeated with the same shapes, such as
 * a token of generation, where calling the ops costs as much as computing them. On a GPU it is a CUDA graph.
 *
 * The ops read and write the same tensors each time. Write new inputs into the old ones before a replay (`setValues`),
 * and read the results after it. Random numbers and everything else that the function decides stay as they were.
 *
 *     let y: Tensor;
 *     const graph = Graph.capture(device, () => { y = model(x); }); // runs
 *     x.setValues(next);
 *     if (graph?.replay()) await y.data();
 */
export class Graph {
  private readonly device: Device;
  private readonly id: GraphId;
  private gone = false;

  private constructor(device: Device, id: GraphId) {
    this.device = device;
    this.id = id;
  }

  /**
   * Runs a function and keeps its ops. The tensors that they touch stay in memory until `dispose`.
   *
   * @param run synchronous; what it does besides ops happens now and is not repeated
   * @returns null where the ops have run but cannot be kept: the backend has no graphs, or the function asked for the
   *     values of a tensor
   */
  static capture(device: Device, run: () => void): Graph | null {
    const { graphs } = device.backend;
    if (!graphs) {
      refusePromise("Graph.capture", run());
      return null;
    }
    graphs.begin();
    let done = false;
    try {
      refusePromise("Graph.capture", run());
      done = true;
    } finally {
      if (!done) graphs.end(false);
    }
    const id = graphs.end(true);
    return id === null ? null : new Graph(device, id);
  }

  /** Queues the ops again. False: a weight has moved, and nothing is queued; capture it anew. */
  replay(): boolean {
    if (this.gone) throw new EngineError("Graph", "it was disposed", "Capture another.");
    return this.device.backend.graphs!.run(this.id);
  }

  /** Gives back what the graph keeps. */
  dispose(): void {
    if (this.gone) return;
    this.gone = true;
    this.device.backend.graphs!.drop(this.id);
  }
}
