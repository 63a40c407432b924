import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Makes a folder's entries durable, renames among them, where a folder can be opened. */
export async function flushFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  await flush(folder);
}

/** Makes a folder and everything in it durable. */
export async function flushTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await flushTree(path);
    else if (entry.isFile()) await flush(path, "r+");
  }
  await flushFolder(folder);
}

async function flush(path: string, flags = "r"): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
