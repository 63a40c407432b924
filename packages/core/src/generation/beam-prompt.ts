import { drawUniform } from "./draw-token.ts";
import type { FinishReason, GeneratedSequence } from "./generate-options.ts";
import type { GenerationRequest } from "./generation-request.ts";
import { process } from "./processors.ts";
import type { GrowingHistory } from "./score-processor.ts";
import { normalise } from "./warpers.ts";

interface Beam {
  readonly history: GrowingHistory;
  /** The sum of processed log-probabilities. */
  readonly score: number;
}

interface Finished {
  readonly history: GrowingHistory;
  readonly score: number;
  /** Null: a place that nothing has finished in. */
  readonly reason: FinishReason | null;
}

/** A beam and an id behind it. */
interface Candidate {
  readonly beam: number;
  readonly id: number;
  readonly score: number;
}

/** Worse than any score. */
const OUT = -1e9;

/** The beams of one prompt. */
export class BeamPrompt {
  readonly history: GrowingHistory;
  beams: readonly Beam[];
  done = false;
  private readonly request: GenerationRequest;
  private readonly prompt: number;
  private finished: readonly Finished[];
  private improvable = true;

  constructor(request: GenerationRequest, history: GrowingHistory, prompt: number) {
    this.request = request;
    this.history = history;
    this.prompt = prompt;
    const each = <T>(make: (i: number) => T) => Array.from({ length: request.settings.numBeams }, (_, i) => make(i));
    this.beams = each((i) => ({ history, score: i === 0 ? 0 : OUT })); // at first they are all one
    this.finished = each(() => ({ history, score: OUT, reason: null }));
  }

  /**
   * Continues the beams by one token.
   *
   * @param scores rows of the model's scores; `rows`: which of them each beam reads
   * @param halt why all that is running ends now, or null
   * @returns for each new beam the row that its scores came from
   */
  step(scores: Float32Array, rows: readonly number[], halt: FinishReason | null): number[] {
    const { settings, processors, stop } = this.request;
    const { numBeams, eos, lengthPenalty, earlyStopping } = settings;
    const vocabulary = this.request.model.config.vocabSize;
    const sums = this.beams.map(({ history, score }, b) => {
      const own = scores.slice(rows[b]! * vocabulary, (rows[b]! + 1) * vocabulary);
      normalise(own);
      process(own, history, processors);
      for (let i = 0; i < own.length; i++) own[i] = own[i]! + score;
      return own;
    });
    const count = Math.max(2, 1 + eos.length) * numBeams;
    const candidates = settings.doSample ? this.draw(sums, count) : bestOf(sums, count);

    const grown = candidates.map(({ beam, id, score }) => {
      const history = this.beams[beam]!.history.fork();
      history.push(id);
      let reason: FinishReason | null = null;
      if (eos.includes(id)) reason = "eos";
      else if (stop?.complete(history)) reason = "stop";
      else if (history.newTokens >= history.mostNewTokens) reason = "length";
      else reason = halt;
      return { beam, history, score, reason };
    });

    const ranked = grown.map((each) => ({ ...each, score: each.reason === null ? each.score : each.score + OUT }));
    const next = descending(ranked).slice(0, numBeams);
    this.beams = next;

    const newTokens = grown[0]?.history.newTokens ?? 0;
    const full = earlyStopping === true && this.finished.every(({ reason }) => reason !== null);
    const ended = grown.map((each, i): Finished => {
      const counts = each.reason !== null && i < numBeams && this.improvable && !full;
      const score = each.score / newTokens ** lengthPenalty + (counts ? 0 : OUT);
      return { history: each.history, score, reason: i < numBeams ? each.reason : null };
    });
    this.finished = descending([...this.finished, ...ended]).slice(0, numBeams);

    const length = earlyStopping === "never" && lengthPenalty > 0 ? this.history.mostNewTokens : newTokens;
    const possible = (next[0]?.score ?? OUT) / length ** lengthPenalty;
    const worst = Math.min(...this.finished.map(({ score }) => score));
    this.improvable &&= this.finished.some(({ reason }) => possible > (reason === null ? OUT : worst));
    this.done =
      !this.improvable ||
      (earlyStopping === true && this.finished.every(({ reason }) => reason !== null)) ||
      grown.every(({ reason }) => reason !== null);
    return next.map(({ beam }) => rows[beam]!);
  }

  /** The best finished continuations. */
  best(count: number): GeneratedSequence[] {
    return this.finished.slice(0, count).map(({ history, score, reason }) => ({
      prompt: this.prompt,
      ids: history.generated(),
      finishReason: reason ?? "length",
      score,
    }));
  }

  /** Draws candidates without putting them back. */
  private draw(sums: readonly Float32Array[], count: number): Candidate[] {
    const largest = Math.max(...sums.map((row) => row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)));
    const weights = sums.map((row) => Float64Array.from(row, (score) => Math.exp(score - largest)));
    const drawn: Candidate[] = [];
    const step = this.beams[0]!.history.newTokens;
    for (let n = 0; n < count; n++) {
      const total = weights.reduce((sum, row) => row.reduce((a, b) => a + b, sum), 0);
      if (!(total > 0)) break;
      let goal = drawUniform(this.request.seed, this.prompt, step * count + n) * total;
      let found: Candidate | null = null;
      search: for (const [beam, row] of weights.entries()) {
        for (let id = 0; id < row.length; id++) {
          if (row[id] === 0) continue;
          found = { beam, id, score: sums[beam]![id]! };
          goal -= row[id]!;
          if (goal < 0) break search;
        }
      }
      if (!found) break;
      weights[found.beam]![found.id] = 0;
      drawn.push(found);
    }
    return drawn;
  }
}

/** By descending score; equals stay in their order. */
const descending = <T extends { readonly score: number }>(list: readonly T[]): T[] =>
  [...list].sort((a, b) => b.score - a.score);

/** The best candidates of all beams, best first; of equals the earlier. */
function bestOf(sums: readonly Float32Array[], count: number): Candidate[] {
  const best: Candidate[] = [];
  for (const [beam, row] of sums.entries()) {
    for (let id = 0; id < row.length; id++) {
      const score = row[id]!;
      if (best.length === count && !(score > best[count - 1]!.score)) continue;
      let place = best.length === count ? count - 1 : best.length;
      while (place > 0 && score > best[place - 1]!.score) place--;
      if (best.length === count) best.pop();
      best.splice(place, 0, { beam, id, score });
    }
  }
  return best;
}
