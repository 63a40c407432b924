import type { TokenBatch } from "../model/packed-batch.ts";
import { segmentLast } from "../ops/segment-last.ts";
import { tensorScope } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { BeamPrompt } from "./beam-prompt.ts";
import type { GeneratedSequence } from "./generate-options.ts";
import type { GenerationRequest } from "./generation-request.ts";
import { KeyValueCache } from "./key-value-cache.ts";

/**
 * Beam search, by the rules of transformers 5: the best sums of processed log-probabilities go on, finished ones are
 * ranked by their mean over `length^lengthPenalty`. Prompts that are done leave the batch.
 */
export async function beamSearch(request: GenerationRequest): Promise<GeneratedSequence[]> {
  const { model, settings, options } = request;
  const begun = performance.now();
  const prompts = request.prompts.map((history, prompt) => new BeamPrompt(request, history, prompt));
  const longest = prompts.reduce((most, { history }) => Math.max(most, history.ids.length), 0);
  const cache = new KeyValueCache({ sequences: prompts.length, capacity: longest });

  const scoresOf = (batch: TokenBatch, sequences: number): Promise<Float32Array> => {
    const [read] = noGrad(() =>
      tensorScope(() => {
        const hidden = model.model.forward(batch, { cache });
        const single = hidden.shape[0] === sequences;
        const last = single ? hidden : segmentLast(hidden, Tensor.from(batch.offsets, { device: model.device }));
        return [model.logits(last).data() as Promise<Float32Array>];
      }),
    );
    return read!;
  };

  try {
    let running = prompts;
    let rows = running.map((_, i) => Array.from({ length: settings.numBeams }, () => i)); // of scores, per beam
    let scores = prompts.length > 0 ? await scoresOf(packed(prompts), prompts.length) : null;
    while (scores && running.length > 0) {
      const late = settings.maxTime !== null && performance.now() - begun > 1e3 * settings.maxTime;
      const halt = late ? "time" : options.signal?.aborted ? "aborted" : null;
      const places: number[] = [];
      for (const [i, prompt] of running.entries()) {
        const from = prompt.step(scores, rows[i]!, halt);
        if (!prompt.done) places.push(...from);
      }
      running = running.filter(({ done }) => !done);
      if (running.length === 0) break;

      cache.select(places);
      const beams = running.flatMap((prompt) => prompt.beams);
      const tokens = Int32Array.from(beams, ({ history }) => history.ids[history.length - 1]!);
      scores = await scoresOf(
        { tokens, offsets: Int32Array.from({ length: beams.length + 1 }, (_, b) => b) },
        beams.length,
      );
      rows = running.map((prompt, i) => prompt.beams.map((_, b) => i * settings.numBeams + b));
    }
  } finally {
    cache.dispose();
  }
  return prompts.flatMap((prompt) => prompt.best(settings.numReturnSequences));
}

function packed(prompts: readonly BeamPrompt[]): TokenBatch {
  const offsets = new Int32Array(prompts.length + 1);
  for (const [b, { history }] of prompts.entries()) offsets[b + 1] = offsets[b]! + history.length;
  const tokens = new Int32Array(offsets.at(-1)!);
  for (const [b, { history }] of prompts.entries()) tokens.set(history.ids.subarray(0, history.length), offsets[b]);
  return { tokens, offsets };
}
