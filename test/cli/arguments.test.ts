import { expect, test } from "vitest";
import { choiceOption, numberOption, parseArguments } from "../../packages/cli/src/arguments.ts";
import type { Command } from "../../packages/cli/src/command.ts";
import { nearest } from "../../packages/cli/src/nearest.ts";
import { runCommand } from "../support/terminal.ts";

const command: Command = {
  name: "paint",
  summary: "",
  operands: ["wall", "colour"],
  options: {
    coats: { type: "string", value: "n", help: "" },
    skip: { type: "string", multiple: true, value: "text", help: "" },
    json: { type: "boolean", help: "" },
  },
  run: async () => 0,
};
const parse = (...args: string[]) => parseArguments(command, args);

test("operands and options come in any order, with = or a space, and after -- everything is an operand", () => {
  const all = { operands: ["north", "dark red"], options: { coats: "-2", skip: ["a", "--"], json: true } };
  expect(parse("north", "--coats=-2", "dark red", "--skip", "a", "--skip=--", "--json")).toEqual(all);
  expect(parse("--json", "--coats", "-2", "--skip=a", "--skip=--", "north", "dark red")).toEqual(all);
  expect(parse("--", "north", "--json").operands).toEqual(["north", "--json"]);
});

test.each<[string[], string]>([
  [["a", "b", "--caots", "2"], "ettin paint has no option --caots. Did you mean --coats?"],
  [["a", "b", "--colour"], "ettin paint has no option --colour. See ettin paint --help"],
  [["a", "b", "-x"], "ettin paint has no option -x. See ettin paint --help"],
  [["a", "b", "--constructor=1"], "ettin paint has no option --constructor"],
  [["a", "b", "--coats"], "--coats needs a value: --coats <n>"],
  [["a", "b", "--coats", "--json"], "--coats needs a value"],
  [["a", "b", "--json=yes"], '--json takes no value, but has "yes"'],
  [["a", "b", "--coats=1", "--coats=2"], "--coats is given twice"],
  [["a"], "ettin paint needs <wall> <colour>, but <colour> is missing"],
  [["a", "b", "c"], 'does not know what to do with "c". Put quotes around a text with spaces.'],
])("%j is a wrong command line", (args, message) => {
  expect(() => parse(...args)).toThrow(message);
});

test("numbers and choices say what they want", () => {
  expect(numberOption({ a: "-1.5e2" }, "a")).toBe(-150);
  expect(numberOption({}, "a")).toBeUndefined();
  for (const wrong of ["x", "", " ", "NaN", "Infinity", "1,5"]) {
    expect(() => numberOption({ a: wrong }, "a")).toThrow(`--a is ${JSON.stringify(wrong)}, but a number is needed`);
  }
  expect(() => numberOption({ a: "1.5" }, "a", { whole: true, min: 1 })).toThrow("but a whole number from 1 is needed");
  expect(() => numberOption({ a: "2" }, "a", { min: 0, max: 1 })).toThrow("but a number from 0 to 1 is needed");
  expect(choiceOption({ a: "x" }, "a", ["x", "y"])).toBe("x");
  expect(() => choiceOption({ a: "z" }, "a", ["x", "y"])).toThrow('--a is "z", but x or y is needed');
});

test.each<[string, string | undefined]>([
  ["tempreature", "temperature"],
  ["topk", "top-k"],
  ["top-k", "top-k"],
  ["sed", "seed"],
  ["quantum", undefined],
  ["", undefined],
])("the nearest option to %j is %j", (word, name) => {
  expect(nearest(word, ["temperature", "top-k", "top-p", "seed"])).toBe(name);
});

test("without a command the overview goes to the error output, with exit code 2", async () => {
  const { code, stdout, stderr } = await runCommand([]);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain("Usage: ettin <command>");
});

test.each([["--help"], ["-h"], ["help"]])("%s shows every command", async (...args) => {
  const { code, stdout, stderr } = await runCommand(args);
  expect([code, stderr]).toEqual([0, ""]);
  for (const name of ["fill-mask", "generate", "info", "doctor"]) expect(stdout).toContain(`\n  ${name}`);
});

test.each(["fill-mask", "generate", "info", "doctor"])(
  "ettin %s --help shows its options, in lines that fit",
  async (name) => {
    const { code, stdout } = await runCommand([name, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: ettin ${name}`);
    expect(stdout).toContain("--debug");
    for (const line of stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(120);
    expect(await runCommand(["help", name])).toMatchObject({ stdout });
    expect(await runCommand([name, "-h"])).toMatchObject({ stdout });
  },
);

test("the version is the package's", async () => {
  expect((await runCommand(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test("a wrong command names the nearest one", async () => {
  expect(await runCommand(["fil-mask"])).toEqual({
    code: 2,
    stdout: "",
    stderr: 'ettin: there is no command "fil-mask". Did you mean ettin fill-mask?\n',
  });
  expect((await runCommand(["dance"])).stderr).toContain("See ettin --help");
});

test("an error is a line; with --debug it has its stack and its cause", async () => {
  const plain = await runCommand(["info", "./nothing"]);
  expect(plain.code).toBe(1);
  expect(plain.stderr).toMatch(/^ettin: \[resolveFolder\] "\.\/nothing" is no folder.*\n$/);
  const debug = await runCommand(["info", "./nothing", "--debug"]);
  expect(debug.stderr).toMatch(/\n {4}at /);
});
