import { describe, expect, test } from "vitest";
import { endBefore } from "../../packages/cli/src/end-before.ts";

async function* each(pieces: readonly string[]) {
  yield* pieces;
}

describe("a text ends before the first stop text", () => {
  test.each<[string[], string[], string[]]>([
    [["."], ["One ", "two. ", "Three"], ["One ", "two"]],
    [["two. Th"], ["One ", "two. ", "Three"], ["One "]],
    [["two. Tx"], ["One ", "two. ", "Three"], ["One ", "two. Three"]], // held until it is clear
    [
      ["Three", "wo"],
      ["One ", "two. ", "Three"],
      ["One ", "t"],
    ],
    [["aab"], ["aa", "aab", "c"], ["aa"]],
    [["Q: On"], ["One ", "two"], []], // it began in the prompt
    [["Q: "], ["One ", "Q: two"], ["One "]], // the prompt's own does not count
    [["end"], ["One ", "en"], ["One ", "en"]],
    [[], ["One ", "two"], ["One ", "two"]],
  ])("%j in %j", async (stops, pieces, written) => {
    const got: string[] = [];
    for await (const piece of endBefore(stops, "Q: ", each(pieces))) got.push(piece);
    expect(got).toEqual(written);
  });
});
