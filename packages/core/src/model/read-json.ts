import { readFile, stat } from "node:fs/promises";
import { EngineError } from "../errors.ts";
import type { Json } from "./config-fields.ts";

/** Configurations are a few kilobytes; one with a name for each of many labels may have megabytes. */
const LARGEST = 1 << 26;

/**
 * Reads an object from a JSON file.
 *
 * @returns null if there is no such file
 * @throws EngineError that names the file, if it is too large, not JSON or not an object
 */
export async function readJson(where: string, file: string): Promise<Json | null> {
  let text: string;
  try {
    const { size } = await stat(file);
    if (size > LARGEST) {
      throw new EngineError(where, `${file} has ${size} bytes`, `A configuration has at most ${LARGEST}.`);
    }
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new EngineError(where, `${file} is not JSON: ${(error as Error).message}`, "Download or write it again.", {
      cause: error,
    });
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new EngineError(where, `${file} is not a JSON object`, "Download or write it again.");
  }
  return value as Json;
}
