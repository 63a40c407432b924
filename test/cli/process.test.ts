/** The program as a process: what its streams and signals do. */
import { spawn } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { saveSmallEncoder } from "../support/dense-model.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ROOT } from "../support/root.ts";

const root = temporaryFolder();
const model = join(root, "model");
beforeAll(() => saveSmallEncoder(model));

/** Runs the command line of the sources in a shell: `ettin` is the program. */
function inShell(command: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const program = `'${process.execPath}' --import ./test/support/from-sources.mjs packages/cli/src/bin.ts`;
  const child = spawn("bash", ["-c", command.replaceAll("ettin ", `${program} `)], { cwd: ROOT });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (piece) => {
    stdout += piece;
  });
  child.stderr.on("data", (piece) => {
    stderr += piece;
  });
  return new Promise((resolve) => {
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

describe("the streams of ettin", () => {
  test("piped lines are read, although they are there before the model is", async () => {
    const { code, stdout, stderr } = await inShell(`printf 'one\\n\\ntwo' | ettin encode ${model} --truncate-dim 2`);
    expect([code, stderr]).toEqual([0, ""]);
    const texts = stdout.trimEnd().split("\n");
    expect(texts.map((line) => JSON.parse(line).text)).toEqual(["one", "", "two"]);
  });

  test("an input without lines is an error that says so", async () => {
    const { code, stderr } = await inShell(`ettin encode ${model} < /dev/null`);
    expect([code, stderr]).toEqual([2, "ettin: there are no texts to encode\n"]);
  });

  test.runIf(process.platform === "linux")(
    "an output that cannot be written is one line, and exit code 1",
    async () => {
      const { code, stderr } = await inShell("ettin info ettin-encoder-17m > /dev/full");
      expect(code).toBe(1);
      expect(stderr).toMatch(/^ettin: the output cannot be written: ENOSPC.*\n$/);
    },
  );

  test.runIf(process.platform === "linux")("an error output that cannot be written changes no exit code", async () => {
    expect((await inShell("ettin nosuch 2> /dev/full")).code).toBe(2);
  });

  test("a pipe that closes early is no error", async () => {
    const { stdout, stderr } = await inShell("ettin --help | head -1; echo $" + "{PIPESTATUS[0]}");
    expect([stdout, stderr]).toEqual(["ettin: train and run Ettin models in Node\n0\n", ""]);
  });
});

test.runIf(process.platform !== "win32").each([
  ["INT", 130],
  ["TERM", 143],
  ["HUP", 129],
])("SIG%s ends a command with %d and leaves no partial file", async (signal, exitCode) => {
  const folder = temporaryFolder();
  const rows = Array.from({ length: 60_000 }, (_, i) => `${JSON.stringify({ text: `row ${i} of many words` })}\n`);
  writeFileSync(join(folder, "rows.jsonl"), rows.join(""));
  const seen = `for i in $(seq 200); do ls -A ${folder} | grep -q partial && break; sleep 0.1; done; sleep 0.5`;
  const run = `ettin encode ${model} --input ${folder}/rows.jsonl --output ${folder}/v.npy`;
  const { stdout, stderr } = await inShell(`${run} & p=$!; ${seen}; kill -${signal} $p; wait $p; echo $?`);
  expect([stdout, stderr]).toEqual([`${exitCode}\n`, ""]);
  expect(readdirSync(folder)).toEqual(["rows.jsonl"]);
});
