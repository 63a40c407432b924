import type { Json } from "@ettin/core";
import { UsageError } from "./command.ts";

export interface MetadataFilter {
  /** Whether an item's metadata have all that was asked for. */
  accepts(id: string, metadata: Json): boolean;
  /** What is to be said of a key that no item had, after the searches; null where each was there. */
  missing(): string | null;
}

/** `--filter lang=en --filter year=2020`: all must hold; a value is compared as it is written. */
export function metadataFilter(options: readonly string[]): MetadataFilter | undefined {
  const pairs = options.map((text) => {
    const at = text.indexOf("=");
    if (at < 1) throw new UsageError(`--filter is ${JSON.stringify(text)}, but key=value is needed`);
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
  if (pairs.length === 0) return undefined;
  const sought = new Set(pairs.map(([key]) => key));
  const there = new Set<string>();
  return {
    accepts(_, metadata) {
      const values = (typeof metadata === "object" && metadata !== null ? metadata : {}) as Readonly<
        Record<string, Json>
      >;
      if (sought.size > 0) {
        for (const key in values) {
          there.add(key);
          sought.delete(key);
        }
      }
      return pairs.every(([key, value]) => {
        const held = values[key];
        return held !== undefined && (typeof held === "string" ? held : JSON.stringify(held)) === value;
      });
    },
    missing() {
      if (sought.size === 0) return null;
      const has = there.size > 0 ? `there is ${[...there].join(", ")}` : "the items have no metadata";
      return `no item has ${[...sought].join(", ")}, which --filter asks for; ${has}`;
    },
  };
}
