import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { tensorBoard } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { maskedCrc32c } from "../../../packages/core/src/logging/crc32c.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { fakeRun } from "../../support/trainer-run.ts";

const root = temporaryFolder();
const newFolder = () => mkdtempSync(join(root, "run-"));

/** The messages of a file, their checksums checked. */
function messages(path: string): Buffer[] {
  const bytes = readFileSync(path);
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(bytes.readUInt32LE(at + 8)).toBe(maskedCrc32c(bytes.subarray(at, at + 8)));
    const message = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(maskedCrc32c(message));
    found.push(message);
    at += 16 + length;
  }
  return found;
}

describe("tensorBoard", () => {
  test("writes whole records of version, arguments, training and evaluation", async () => {
    const outputDir = newFolder();
    const run = fakeRun(tensorBoard(), { outputDir });
    await run.begin();
    await run.step();
    await run.log({ loss: 2 });
    await run.evaluate({ eval_loss: 3 });
    await run.end();
    await run.close();
    const [name, ...others] = readdirSync(outputDir);
    expect(others).toEqual([]);
    expect(name).toMatch(/^events\.out\.tfevents\.\d{10}\..+\.\d+\.\d+$/);
    const [version, args, training, evaluation, ...more] = messages(join(outputDir, name!)).map((m) =>
      m.toString("latin1"),
    );
    expect(version).toContain("brain.Event:2");
    expect(args).toContain('"learningRate": 0.001');
    expect(training).toContain("train/loss");
    expect(training).toContain("train/tokens_per_second");
    expect(evaluation).toContain("eval/loss");
    expect(more).toEqual([]);
  });
  test("a run that goes on writes a second file, which first takes back later steps", async () => {
    const outputDir = newFolder();
    for (const from of [0, 5]) {
      const run = fakeRun(tensorBoard(), { outputDir }, from);
      await run.begin();
      await run.close();
    }
    const files = readdirSync(outputDir);
    expect(files).toHaveLength(2);
    const second = files.map((name) => messages(join(outputDir, name))).find((found) => found.length === 3)!;
    // step 6 (field 2, varint) and session_log { status: START } (field 7: two bytes, 08 01)
    expect(second[1]!.subarray(9).toString("hex")).toBe("10063a020801");
  });
});
