import type { TokenBatch } from "../model/packed-batch.ts";
import { Graph } from "../tensor/graph.ts";
import { tensorScope } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { CausalModel } from "./causal-model.ts";
import { type KeyValueCache, keep } from "./key-value-cache.ts";

/**
 * One token of every sequence, captured at one step and replayed at those after it, until a sequence leaves or the cache
 * takes other memory.
 */
export class StepGraph {
  private readonly cache: KeyValueCache;
  private readonly offsets: Int32Array;
  private readonly room: number;
  /** `[sequences]` int32: what a step reads. */
  private readonly tokens: Tensor;
  /** What a step gives. */
  private readonly result: Tensor;
  private readonly graph: Graph;

  private constructor(
    cache: KeyValueCache,
    room: number,
    offsets: Int32Array,
    tokens: Tensor,
    result: Tensor,
    graph: Graph,
  ) {
    this.cache = cache;
    this.room = room;
    this.offsets = offsets;
    this.tokens = tokens;
    this.result = result;
    this.graph = graph;
  }

  /** Whether the next step takes no other memory than the last, so that it can be captured. */
  static isReady(model: CausalModel, cache: KeyValueCache): boolean {
    return model.device.backend.graphs !== undefined && hasRoom(cache, roomOf(model, cache));
  }

  /**
   * Runs a step and keeps it.
   *
   * @param step from a batch to ids, int32, which the next step then reads, or to scores
   * @returns the step's result, and the graph, if there is one
   */
  static capture(
    model: CausalModel,
    cache: KeyValueCache,
    batch: TokenBatch,
    step: (batch: TokenBatch) => Tensor,
  ): { result: Tensor; graph: StepGraph | null } {
    const { device } = model;
    const { offsets } = batch;
    const room = roomOf(model, cache);
    const tokens = keep(Tensor.empty([offsets.length - 1], { device }, "int32"));
    write(tokens, batch.tokens);
    let result: Tensor | null = null;
    const graph = Graph.capture(device, () => {
      result = keep(noGrad(() => tensorScope(() => step({ tokens, offsets }))));
      if (result.dtype === "int32") device.backend.copy(tokens, result);
    });
    if (graph) return { result: result!.hold(), graph: new StepGraph(cache, room, offsets, tokens, result!, graph) };
    tokens.dispose();
    return { result: result!, graph: null };
  }

  /**
   * The same for the tokens that come next.
   *
   * @returns null where this graph is of no more use
   */
  replay(tokens: TokenBatch["tokens"]): Tensor | null {
    if (!hasRoom(this.cache, this.room)) return null;
    this.cache.refresh();
    if (!(tokens instanceof Tensor && tokens.storage === this.result.storage)) write(this.tokens, tokens);
    if (!this.graph.replay()) return null;
    this.cache.advance(this.offsets);
    return this.result.hold();
  }

  dispose(): void {
    this.graph.dispose();
    this.tokens.dispose();
    this.result.dispose();
  }
}

/** Tokens up to which a step takes no other memory, and the model takes them. */
const roomOf = (model: CausalModel, cache: KeyValueCache): number =>
  Math.min(cache.room, model.config.maxPositionEmbeddings);

const hasRoom = (cache: KeyValueCache, room: number): boolean => cache.longest + 1 <= room;

function write(to: Tensor, tokens: TokenBatch["tokens"]): void {
  if (tokens instanceof Tensor) to.backend.copy(to, tokens);
  else to.setValues(tokens);
}
