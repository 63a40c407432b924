import { open } from "node:fs/promises";
import { EngineError } from "../errors.ts";
import { fileChunks } from "./index-folder.ts";
import { ItemTable } from "./item-table.ts";
import { Pauses } from "./pauses.ts";
import type { Json } from "./vector-index.ts";

/**
 * Reads ids and metadata: JSON lines, one for each place, `{"id": …, "metadata": …}` or null.
 *
 * @param places how many lines there have to be
 * @param count how many of them have to be items
 */
export async function readItems(where: string, path: string, places: number, count: number): Promise<ItemTable> {
  const table = new ItemTable();
  const pauses = new Pauses();
  let place = 0;
  const refuse = (what: string, offset: number): never => {
    const at = `${path}, line ${place + 1} (byte ${offset})`;
    throw new EngineError(
      where,
      `${at} ${what}`,
      "The file is damaged: restore it, or build and save the index again.",
    );
  };
  const take = (line: Buffer, offset: number): void => {
    if (place >= places) refuse(`is one more than the ${places} of index.json`, offset);
    let item: { id?: unknown; metadata?: Json } | null = null;
    try {
      item = JSON.parse(line.toString("utf8"));
    } catch (error) {
      refuse(`is not JSON: ${(error as Error).message}`, offset);
    }
    if (item === null) table.setFree(place);
    else if (typeof item?.id !== "string") refuse("has no id that is a string", offset);
    else if (table.placeOf(item.id) !== undefined) {
      refuse(`has id ${JSON.stringify(item.id)}, as line ${table.placeOf(item.id)! + 1}`, offset);
    } else table.set(place, item.id, item.metadata ?? null);
    place++;
  };

  const file = await open(path, "r");
  try {
    let rest: Buffer = Buffer.alloc(0);
    let restAt = 0;
    for await (const { bytes, offset } of fileChunks(file)) {
      const text = Buffer.concat([rest, bytes]);
      restAt = offset - rest.length;
      let start = 0;
      for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, start)) {
        take(text.subarray(start, end), restAt + start);
        start = end + 1;
        if (place % 256 === 0) await pauses.take();
      }
      restAt += start;
      rest = Buffer.from(text.subarray(start));
    }
    if (rest.length > 0) refuse("is cut off", restAt);
    if (place < places) refuse(`is where the file ends, but index.json has ${places} lines`, restAt);
  } finally {
    await file.close();
  }
  if (table.size !== count) {
    throw new EngineError(where, `${path} has ${table.size} items, but index.json ${count}`, "Build the index again.");
  }
  return table;
}
