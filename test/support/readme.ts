/** The programs in a README, run as they stand there. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./root.ts";

/** The TypeScript blocks of a document. */
export const codeBlocks = (path: string): string[] =>
  [...readFileSync(join(ROOT, path), "utf8").matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);

const IMPORT = /^import \{([^}]*)\} from "@ettin\/\w+";$/gm;

/** What a block imports. */
export const importedNames = (code: string): string[] =>
  [...code.matchAll(IMPORT)].flatMap(([, names]) => names!.split(",").map((name) => name.trim()));

/**
 * Runs a block.
 *
 * @param names what it imports, and uses without declaring it
 * @param results names that it declares, parted by commas
 * @param instead what stands for a model's or a file's name
 */
export function runCode(
  code: string,
  names: object,
  results: string,
  instead: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  let body = code.replace(IMPORT, "");
  for (const [name, path] of Object.entries(instead)) body = body.replaceAll(name, path.replaceAll("\\", "/"));
  const AsyncFunction = (async () => {}).constructor as new (
    ...args: string[]
  ) => (...values: unknown[]) => Promise<Record<string, unknown>>;
  return new AsyncFunction(...Object.keys(names), `${body}\nreturn { ${results} };`)(...Object.values(names));
}
