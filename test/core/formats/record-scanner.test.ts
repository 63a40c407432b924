import { NumpyGenerator } from "@ettin/core";
import { describe, expect, test } from "vitest";
import {
  documentScanner,
  jsonArrayScanner,
  lineScanner,
  paragraphScanner,
  type RecordScanner,
} from "../../../packages/core/src/formats/record-scanner.ts";

/** The records of a text that arrives in pieces which end at the places given. */
function records(scanner: RecordScanner, text: string, cuts: readonly number[]): [string, number][] {
  const bytes = Buffer.from(text);
  const found: [string, number][] = [];
  let [start, last] = [0, 0];
  for (const end of [...cuts.filter((cut) => cut < bytes.length), bytes.length]) {
    const held = bytes.subarray(start, end);
    start += scanner.scan(held, end === bytes.length, (from, to, line) =>
      found.push([held.toString("utf8", from, to), line]),
    );
    expect(end).toBeGreaterThanOrEqual(last);
    last = end;
  }
  return found;
}

const TEXTS = [
  '[{"a": "x\\\\"}, {"b": "]}\\"["},\n [1, [2]], "t,\\"", 3 ,true]\n',
  "[]",
  ' [ {"ü": "🙂,"} ]  ',
  "one\r\ntwo\n\n\n three \nfour",
  "\n\n\n",
  "a\r\n\r\nb\r\n\r\n\r\nc",
];

describe.each([
  ["lines", () => lineScanner(true), () => true],
  ["lines that are not blank", () => lineScanner(false), () => true],
  ["paragraphs", () => paragraphScanner(), (text: string) => text !== TEXTS[3]],
  ["documents", () => documentScanner(), () => true],
  ["items of an array", () => jsonArrayScanner(), (text: string) => text.trimStart().startsWith("[")],
] as const)("%s", (_, make, fits) => {
  test("are the same in whatever pieces the bytes arrive", () => {
    const generator = new NumpyGenerator(5);
    for (const text of TEXTS.filter(fits)) {
      const size = Buffer.byteLength(text);
      const whole = records(make(), text, []);
      const bytes = Array.from({ length: size }, (_, i) => i + 1);
      expect(records(make(), text, bytes)).toEqual(whole);
      for (let round = 0; round < 20; round++) {
        const cuts = bytes.filter(() => generator.random() < 0.2);
        expect(records(make(), text, cuts), JSON.stringify({ text, cuts })).toEqual(whole);
      }
    }
  });
});

test("items of an array are those of JSON.parse, on the lines where they begin", () => {
  const items = records(jsonArrayScanner(), TEXTS[0]!, [7, 20, 31]);
  expect(items.map(([text]) => JSON.parse(text))).toEqual(JSON.parse(TEXTS[0]!));
  expect(items.map(([, line]) => line)).toEqual([1, 1, 2, 2, 2, 2]);
});
