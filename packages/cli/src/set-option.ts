import { type OptionValues, UsageError } from "./command.ts";

/**
 * Options that are given as key=value, several times: `--set weightDecay=0.01 --set report=["metrics"]`. A value is what
 * JSON makes of it, or the text itself.
 */
export function keyValues(options: OptionValues, name: string): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const text of (options[name] as readonly string[] | undefined) ?? []) {
    const at = text.indexOf("=");
    if (at < 1) throw new UsageError(`--${name} is ${JSON.stringify(text)}, but key=value is needed`);
    const [key, value] = [text.slice(0, at), text.slice(at + 1)];
    if (Object.hasOwn(found, key)) throw new UsageError(`--${name} ${key} is given twice`);
    found[key] = parsed(value);
  }
  return found;
}

function parsed(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
