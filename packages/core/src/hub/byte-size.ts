import { EngineError } from "../errors.ts";

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/**
 * Bytes of a size such as 1000, "500MB", "5GB" (10⁹) or "5GiB" (2³⁰).
 *
 * @param where for messages: the function that the caller wrote
 * @param option the option's name, for messages
 */
export function parseByteSize(where: string, option: string, size: number | string): number {
  const [, digits = "", unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(String(size)) ?? [];
  const factor = UNITS[unit.toUpperCase()];
  const bytes = digits === "" || factor === undefined ? Number.NaN : Math.floor(Number(digits) * factor);
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw new EngineError(where, `${option} is ${JSON.stringify(size)}`, 'Use a number of bytes, or "500MB", "5GB".');
  }
  return bytes;
}
