import { parseArgs } from "node:util";
import { type Command, type OptionSpecs, type OptionValues, UsageError } from "./command.ts";
import { nearest } from "./nearest.ts";

/** Options of every command. */
export const COMMON: OptionSpecs = {
  help: { type: "boolean", help: "show this" },
  debug: { type: "boolean", help: "show the stack of an error" },
};

export interface ParsedArguments {
  readonly operands: readonly string[];
  readonly options: OptionValues;
}

/**
 * The arguments of a command.
 *
 * @throws UsageError naming the option that is unknown (and the nearest known one), lacks its value or comes twice
 */
export function parseArguments(command: Command, args: readonly string[]): ParsedArguments {
  const known: OptionSpecs = { ...command.options, ...COMMON };
  const { tokens } = parseArgs({
    args: [...args],
    options: known as never,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const operands: string[] = [];
  const values: Record<string, string | boolean | string[]> = {};
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    const spec = Object.hasOwn(known, token.name) ? known[token.name] : undefined;
    if (!spec) throw unknownOption(command, token.rawName, Object.keys(known), args[token.index]!);
    const { value } = token;
    if (spec.type === "boolean") {
      if (value !== undefined) throw new UsageError(`--${token.name} takes no value, but has ${JSON.stringify(value)}`);
      values[token.name] = true;
      continue;
    }
    // "--top-k --json" forgot the value; "--temperature -1" and "--stop=--" did not
    if (value === undefined || (!token.inlineValue && /^--[a-z]/.test(value))) {
      throw new UsageError(`--${token.name} needs a value: --${token.name} <${spec.value ?? "value"}>`);
    }
    const several = spec.multiple;
    if (!several && token.name in values) throw new UsageError(`--${token.name} is given twice`);
    if (several) values[token.name] = [...((values[token.name] as string[] | undefined) ?? []), value];
    else values[token.name] = value;
  }
  if (!values.help) checkOperands(command, operands);
  return { operands, options: values };
}

/** @param whole the argument that it was found in: of "-5 degrees" the option is -5 */
function unknownOption(command: Command, given: string, known: readonly string[], whole: string): UsageError {
  const near = nearest(given.replace(/^-+/, ""), known);
  const way = near ? `Did you mean --${near}?` : `See ettin ${command.name} --help`;
  const isText = /\s/.test(whole) || !whole.startsWith("--");
  const dash = isText ? "; a text that begins with a dash goes behind --, after the options" : "";
  return new UsageError(`ettin ${command.name} has no option ${isText ? whole : given}. ${way}${dash}`);
}

function checkOperands({ name, operands, optional, several }: Command, given: readonly string[]): void {
  if (given.length < operands.length) {
    throw new UsageError(
      `ettin ${name} needs ${operands.map((each) => `<${each}>`).join(" ")}, but <${operands[given.length]}> is missing`,
    );
  }
  const most = operands.length + (optional === undefined ? 0 : 1);
  if (given.length > most && !several) {
    const extra = given[most]!;
    throw new UsageError(
      `ettin ${name} does not know what to do with ${JSON.stringify(extra)}. Put quotes around a text with spaces.`,
    );
  }
}

/** An option that is a number; undefined where it was not given. */
export function numberOption(
  options: OptionValues,
  name: string,
  {
    whole = false,
    min = -Infinity,
    max = Infinity,
    above = -Infinity,
  }: { whole?: boolean; min?: number; max?: number; above?: number } = {},
): number | undefined {
  const text = options[name];
  if (text === undefined) return undefined;
  const value = typeof text === "string" && text.trim() !== "" ? Number(text) : Number.NaN;
  const fits =
    Number.isFinite(value) && value >= min && value > above && value <= max && (!whole || Number.isSafeInteger(value));
  if (!fits) {
    const kind = whole ? "a whole number" : "a number";
    const least = above > -Infinity ? `above ${above}` : min > -Infinity && `from ${min}`;
    const range = [least, max < Infinity && `to ${max}`].filter(Boolean).join(" ");
    throw new UsageError(`--${name} is ${JSON.stringify(text)}, but ${kind}${range ? ` ${range}` : ""} is needed`);
  }
  return value;
}

/** An option that is one of some words. */
export function choiceOption<T extends string>(
  options: OptionValues,
  name: string,
  choices: readonly T[],
): T | undefined {
  const text = options[name];
  if (text === undefined) return undefined;
  const found = choices.find((choice) => choice === text);
  if (!found) throw new UsageError(`--${name} is ${JSON.stringify(text)}, but ${oneOf(choices)} is needed`);
  return found;
}

/** "a, b or c" */
const oneOf = (words: readonly string[]): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;

/** Refuses options that have no effect without another one. @param needed that one: "--input" */
export function refuseWithout(options: OptionValues, names: readonly string[], needed: string): void {
  const useless = names.find((name) => options[name] !== undefined);
  if (useless !== undefined) throw new UsageError(`--${useless} has no effect without ${needed}`);
}

/** Refuses two options that say the same. */
export function refuseBoth(options: OptionValues, one: string, other: string): void {
  if (options[one] === undefined || options[other] === undefined) return;
  throw new UsageError(`--${one} and --${other} are both given: keep one of them`);
}

/** An option that is any text. */
export const textOption = (options: OptionValues, name: string): string | undefined =>
  options[name] as string | undefined;

/** Entries whose value is there: what was not given keeps its default. */
export const given = <T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
