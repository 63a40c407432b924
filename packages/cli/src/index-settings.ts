import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "@ettin/core";
import { textOption } from "./arguments.ts";
import { type OptionValues, UsageError } from "./command.ts";
import { readIndexSource } from "./index-source.ts";

/** What an index says of itself in its index.json; null where a folder has none. */
async function settingsOf(folder: string): Promise<Readonly<Record<string, unknown>> | null> {
  const path = join(folder, "index.json");
  const text = await readFile(path, "utf8").catch(() => null);
  if (text === null) return null;
  try {
    const { format, kind, metric, exact } = JSON.parse(text);
    if (format === "ettin-index") return { kind, metric, storage: exact?.storage };
  } catch {
    if (text.includes('"ettin-index"')) return {}; // damaged: opening it says how
  }
  throw new EngineError("ettin index", `${path} is there and is no index of Ettin`, "Write to a folder of its own.");
}

/**
 * Refuses what an index that is there cannot follow: it keeps what it was made with.
 *
 * @param text the columns of the texts
 */
export async function refuseOtherSettings(
  folder: string,
  options: OptionValues,
  text: readonly string[],
): Promise<void> {
  const settings = await settingsOf(folder);
  if (settings === null || options.rebuild === true) return;
  const way = "Leave it out, or make the index anew: --rebuild";
  for (const name of ["kind", "metric", "storage"]) {
    const asked = textOption(options, name);
    const made = settings[name];
    if (asked === undefined || asked === "auto" || made === undefined || made === asked) continue;
    throw new UsageError(`--${name} is ${asked}, but the index in ${folder} was made with ${made}. ${way}`);
  }
  const made = (await readIndexSource(folder))?.textColumns;
  if (made && made.length > 0 && made.join() !== text.join()) {
    throw new UsageError(
      `the texts are those of ${text.join(",")}, but the index in ${folder} was made of ${made.join(",")}. ` +
        `Pass --text-column ${made.join(",")}, or make the index anew: --rebuild`,
    );
  }
}

/** @throws EngineError where a path is no index */
export async function checkIsIndex(folder: string): Promise<void> {
  const status = await stat(folder).catch(() => null);
  const refuse = (what: string) => {
    throw new EngineError("ettin search", what, "Make an index: ettin index <model> <data> --output <folder>");
  };
  if (!status) refuse(`there is no folder ${folder}`);
  if (!status?.isDirectory()) refuse(`${folder} is a file, but an index is a folder`);
  if (!(await stat(join(folder, "index.json")).catch(() => null)))
    refuse(`${folder} has no index.json: it is no index`);
}
