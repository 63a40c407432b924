/** Masks that another program drew: for runs whose losses are compared number by number. */
import { readFileSync } from "node:fs";
import { EngineError } from "@ettin/core";
import type { Masker } from "./masking.ts";
import type { TokenIds } from "./token-ids.ts";

interface StepMasks {
  /** For each sequence of the step: the selected places, ascending. */
  readonly positions: readonly (readonly number[])[];
  /** What stands there in the input: the mask token, a random id, or the id itself. */
  readonly tokens: readonly (readonly number[])[];
  /** The file and line, for messages. */
  readonly at: string;
}

/**
 * Reads masks from a file of JSON lines, one for each step:
 *
 *     {"step": 0, "positions": [[2, 5], [1]], "tokens": [[4, 4], [17]]}
 *
 * Entry i belongs to sequence i of the step: the places that are predicted, counted from the sequence's first token, and
 * what the model sees there.
 *
 * @throws EngineError naming file and line: what does not parse, or does not fit the batch
 */
export function maskFile(where: string, path: string, { vocabSize }: TokenIds): Masker {
  const steps = readSteps(where, path);
  return ({ tokens, offsets }, { step, firstSequence }) => {
    const { positions, tokens: seen, at } = steps.get(step) ?? refuse(where, path, `has no masks for step ${step}`);
    const masked = tokens.slice();
    const selected: number[] = [];
    for (let b = 0; b + 1 < offsets.length; b++) {
      const name = `sequence ${firstSequence + b}`;
      const places = positions[firstSequence + b];
      const ids = seen[firstSequence + b];
      const length = offsets[b + 1]! - offsets[b]!;
      if (!places || places.length !== ids?.length) refuse(where, at, `has no masks for ${name}`);
      places.forEach((place, i) => {
        if (!(Number.isInteger(place) && place > (places[i - 1] ?? -1) && place < length)) {
          refuse(where, at, `has place ${place} in ${name} of ${length} tokens`);
        }
        const id = ids[i]!;
        if (!(Number.isInteger(id) && id >= 0 && id < vocabSize)) {
          refuse(where, at, `has id ${id} in ${name}, of a vocabulary of ${vocabSize}`);
        }
        masked[offsets[b]! + place] = id;
        selected.push(offsets[b]! + place);
      });
    }
    return { tokens: masked, selected: Int32Array.from(selected) };
  };
}

function readSteps(where: string, path: string): Map<number, StepMasks> {
  const steps = new Map<number, StepMasks>();
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  lines.forEach((line, i) => {
    const at = `${path}:${i + 1}`;
    let value: { step?: unknown; positions?: unknown; tokens?: unknown } | null;
    try {
      value = JSON.parse(line);
    } catch (error) {
      refuse(where, at, `is not JSON: ${(error as Error).message}`);
    }
    const { step, positions, tokens } = value ?? {};
    if (typeof step !== "number" || !isLists(positions) || !isLists(tokens)) {
      refuse(where, at, "lacks step, positions or tokens");
    }
    steps.set(step, { positions, tokens, at });
  });
  return steps;
}

const isLists = (value: unknown): value is number[][] => Array.isArray(value) && value.every(Array.isArray);

function refuse(where: string, place: string, what: string): never {
  throw new EngineError(where, `${place} ${what}`, "Use the masks that were drawn for this data and its order.");
}
