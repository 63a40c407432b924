/** What the library's errors say to programs, as options of the command line. */
const WORDS: readonly (readonly [said: RegExp, here: string])[] = [
  [/with onBadRow: "skip"/, "with --skip-bad"],
  [/set onBadRow: "skip"/, "pass --skip-bad"],
  [/set onEmptyText: "skip"/, "pass --skip-empty"],
  [/with textColumn\b/, "with --text-column"],
  [/, or leave such rows out: dataset\.filter\(.*?\) => …\)/, ", or leave such rows out"],
  [/ Rename one with renameColumn\./, ""],
  [/use device: "cpu"/, "use --device cpu"],
  [/, or start a new one in another outputDir\./, ", or begin anew: another --output<overwrite>."],
  [/ with the same transformations, or start a new run\./, " or begin anew: another --output<overwrite>."],
  [/Pass a tokenizer for its texts/, "Pass --tokenizer <folder> for its texts"],
  [/Say of how many tokens: tokens\./, "Say of how many tokens: --tokens <n>."],
];

/**
 * A message with the command line's words in place of a program's.
 *
 * @param options of the command that failed
 */
export const inOptionWords = (message: string, options: readonly string[]): string =>
  WORDS.reduce((text, [said, here]) => text.replace(said, here), message).replace(
    "<overwrite>",
    options.includes("overwrite") ? ", or --overwrite" : "",
  );
