import { EngineError } from "../errors.ts";
import type { TokenBatch } from "../model/packed-batch.ts";
import { gather } from "../ops/gather.ts";
import { argmax } from "../ops/max.ts";
import { segmentLast } from "../ops/segment-last.ts";
import { tensorScope } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { FinishReason, GeneratedToken } from "./generate-options.ts";
import type { GenerationRequest } from "./generation-request.ts";
import { KeyValueCache, keep } from "./key-value-cache.ts";
import { chooseTokens } from "./sample-rows.ts";
import type { GrowingHistory } from "./score-processor.ts";
import { StepGraph } from "./step-graph.ts";

/** A step on its way: which sequences it continues, and their next ids. */
interface Flight {
  readonly rows: readonly number[];
  /** `[rows]` int32, where the device chooses. */
  readonly onDevice: Tensor | null;
  readonly ids: Promise<ArrayLike<number>>;
}

/**
 * Greedy decoding and sampling of a batch: one forward pass per token of all sequences that are not finished. Where the
 * best token is all that is asked for, the device chooses it, and the next step is under way before this one's ids are
 * here.
 */
export class DecodeLoop {
  /** One per sequence: prompt `p` has sequences `p · numReturnSequences` on. */
  readonly histories: readonly GrowingHistory[];
  readonly reasons: (FinishReason | null)[];
  private readonly request: GenerationRequest;
  private readonly cache: KeyValueCache;
  /** The sequences that the cache holds, in its order. */
  private cached: readonly number[];
  /** Tokens that have been asked for, per sequence. */
  private readonly asked: number[];
  private readonly greedy: boolean;
  /** The last step, to be replayed. */
  private graph: StepGraph | null = null;
  private graphs = true;
  private readonly begun: number = performance.now();

  constructor(request: GenerationRequest) {
    this.request = request;
    const { prompts, settings, processors } = request;
    this.histories = prompts.flatMap((prompt) =>
      Array.from({ length: settings.numReturnSequences }, () => prompt.fork()),
    );
    this.reasons = this.histories.map(() => null);
    this.asked = this.histories.map(() => 0);
    this.cached = this.histories.map((_, row) => row);
    this.greedy = !settings.doSample && processors.rules.length === 0;
    const longest = this.histories.reduce((most, { ids }) => Math.max(most, ids.length), 0);
    this.cache = new KeyValueCache({ sequences: prompts.length, capacity: Math.min(longest, 1 << 12) });
  }

  /** Yields each step's tokens. Stop early with `return()`; either way what is held is given back. */
  async *run(): AsyncGenerator<readonly GeneratedToken[], void> {
    if (this.request.options.signal?.aborted) this.reasons.fill("aborted");
    const underWay: Flight[] = [];
    try {
      if (this.reasons.some((reason) => reason === null)) underWay.push(this.start());
      for (let flight = underWay[0]; flight; flight = underWay[0]) {
        const ahead = flight.onDevice && this.next(flight); // before waiting for this one
        if (ahead) underWay.push(ahead);
        const tokens = this.take(flight.rows, await flight.ids);
        if (tokens.length > 0) yield tokens;
        if (this.reasons.every((reason) => reason !== null)) return;
        const then = ahead ? null : this.next(flight);
        if (then) underWay.push(then);
        underWay.shift()!.onDevice?.dispose();
      }
    } finally {
      for (const { onDevice, ids } of underWay) {
        onDevice?.dispose();
        ids.then(undefined, () => {}); // nobody asks any more
      }
      this.forgetGraph();
      this.cache.dispose();
    }
  }

  /** The prompts, each once. */
  private start(): Flight {
    const { prompts, settings } = this.request;
    const offsets = new Int32Array(prompts.length + 1);
    for (const [b, prompt] of prompts.entries()) offsets[b + 1] = offsets[b]! + prompt.length;
    const tokens = new Int32Array(offsets.at(-1)!);
    for (const [b, prompt] of prompts.entries()) tokens.set(prompt.ids.subarray(0, prompt.length), offsets[b]);
    const copies = settings.numReturnSequences;
    const each = this.histories.map((_, row) => Math.floor(row / copies));
    const flight = this.launch(
      this.histories.map((_, row) => row),
      { tokens, offsets },
      each,
    );
    if (copies > 1) this.cache.select(each);
    return flight;
  }

  /** The sequences that go on behind a step, from its ids on the device or, once they are here, from the host's. */
  private next({ rows, onDevice }: Flight): Flight | null {
    const { histories, reasons, asked } = this;
    const places: number[] = [];
    for (const [place, row] of rows.entries()) {
      if (reasons[row] === null && asked[row]! < histories[row]!.mostNewTokens) places.push(place);
    }
    if (places.length === 0) return null;
    const going = places.map((place) => rows[place]!);
    if (going.length < this.cached.length) {
      const at = new Map(this.cached.map((row, i) => [row, i]));
      this.forgetGraph();
      this.cache.select(going.map((row) => at.get(row)!));
      this.cached = going;
    }
    const offsets = Int32Array.from({ length: going.length + 1 }, (_, b) => b);
    if (!onDevice) {
      const tokens = Int32Array.from(going, (row) => histories[row]!.ids[histories[row]!.length - 1]!);
      return this.launch(going, { tokens, offsets });
    }
    if (places.length === rows.length) return this.launch(going, { tokens: onDevice, offsets });
    const { device } = this.request.model;
    const [some] = tensorScope(() => [gather(onDevice, Tensor.from(Int32Array.from(places), { device }))]);
    const flight = this.launch(going, { tokens: some!, offsets });
    some!.dispose();
    return flight;
  }

  /** @param from the row of scores that each sequence reads; its own by default */
  private launch(rows: readonly number[], batch: TokenBatch, from?: readonly number[]): Flight {
    for (const row of rows) this.asked[row]!++;
    const single = batch.offsets.at(-1) === rows.length && !from;
    const result = this.compute(batch, single);
    if (this.greedy) return { rows, onDevice: result, ids: result.data() };
    const places = from ?? rows.map((_, place) => place);
    const sequences = rows.map((row) => ({ row, history: this.histories[row]! }));
    const ids = chooseTokens(this.request, result, sequences, places).finally(() => result.dispose());
    return { rows, onDevice: null, ids };
  }

  /** The ids of a step, or its scores where they are not all that is asked for. */
  private compute(batch: TokenBatch, single: boolean): Tensor {
    const { model } = this.request;
    const { cache } = this;
    const step = (given: TokenBatch): Tensor => {
      const hidden = model.model.forward(given, { cache });
      const last = single ? hidden : segmentLast(hidden, Tensor.from(given.offsets, { device: model.device }));
      return this.greedy ? argmax(model.logits(last), -1) : model.logits(last);
    };
    if (single && this.graphs) {
      const again = this.graph?.replay(batch.tokens);
      if (again) return again;
      this.forgetGraph();
      if (StepGraph.isReady(model, cache)) {
        const { result, graph } = StepGraph.capture(model, cache, batch, step);
        this.graph = graph;
        this.graphs = graph !== null;
        return result;
      }
    }
    return keep(noGrad(() => tensorScope(() => step(batch))));
  }

  private forgetGraph(): void {
    this.graph?.dispose();
    this.graph = null;
  }

  /** Adds the ids to their sequences and sees which of those end. */
  private take(rows: readonly number[], ids: ArrayLike<number>): GeneratedToken[] {
    const { settings, stop, options } = this.request;
    const tokens: GeneratedToken[] = [];
    const late = settings.maxTime !== null && performance.now() - this.begun > 1e3 * settings.maxTime;
    for (const [place, sequence] of rows.entries()) {
      if (this.reasons[sequence] !== null) continue; // it ended while this step was under way
      const history = this.histories[sequence]!;
      const id = ids[place]!;
      if (id < 0) throw noChoice(this.request.where, sequence, history.newTokens);
      history.push(id);
      let finishReason: FinishReason | null = null;
      if (settings.eos.includes(id)) finishReason = "eos";
      else if (stop?.complete(history)) finishReason = "stop";
      else if (history.newTokens >= history.mostNewTokens) finishReason = "length";
      else if (late) finishReason = "time";
      else if (options.signal?.aborted) finishReason = "aborted";
      this.reasons[sequence] = finishReason;
      tokens.push({ sequence, id, finishReason });
    }
    return tokens;
  }
}

export function noChoice(where: string, sequence: number, place: number): EngineError {
  return new EngineError(
    where,
    `every score of new token ${place} of sequence ${sequence} is NaN or ruled out`,
    "Loosen suppressTokens, badWordsIds or your own processors, or check the model's weights for NaN.",
  );
}
