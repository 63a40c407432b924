import { type PadOptions, padTogether } from "@ettin/core";
import { expect, test } from "vitest";

const rows = [[5, 6, 7], [8], Int32Array.of(9, 10)];

test("rows become one rectangle, filled up behind them or before", () => {
  expect(padTogether(rows, { padTokenId: 0 })).toEqual({
    ids: Int32Array.of(5, 6, 7, 8, 0, 0, 9, 10, 0),
    attentionMask: Int32Array.of(1, 1, 1, 1, 0, 0, 1, 1, 0),
    shape: [3, 3],
  });
  expect(padTogether(rows, { padTokenId: 2, side: "left", width: 4 })).toEqual({
    ids: Int32Array.of(2, 5, 6, 7, 2, 2, 2, 8, 2, 2, 9, 10),
    attentionMask: Int32Array.of(0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 1),
    shape: [3, 4],
  });
});

test("rows of one length need no pad, and no rows make an empty one", () => {
  expect(padTogether([[1], [2]], { padTokenId: null }).ids).toEqual(Int32Array.of(1, 2));
  expect(padTogether([], { padTokenId: null })).toMatchObject({ ids: new Int32Array(), shape: [0, 0] });
});

test.each<[PadOptions, string]>([
  [{ padTokenId: null }, "[padTogether] row 1 has 1 ids of 3, and padTokenId is null. Pass a token's id"],
  [{ padTokenId: -1 }, "and padTokenId is -1"],
  [{ padTokenId: 0, width: 2 }, "[padTogether] width is 2, but row 0 has 3 ids"],
  [{ padTokenId: 0, side: "top" as never }, '[padTogether] side is "top"'],
])("%j is an error", (options, message) => {
  expect(() => padTogether(rows, options)).toThrow(message);
});
