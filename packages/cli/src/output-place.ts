/** Looks at the place of an output before the work that fills it. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { UsageError } from "./command.ts";

const kindOf = async (path: string): Promise<"file" | "folder" | null> => {
  const status = await stat(path).catch(() => null);
  return status && (status.isDirectory() ? "folder" : "file");
};

async function checkWritable(option: string, path: string, folder: string): Promise<void> {
  await access(folder, constants.W_OK).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`--${option} ${path}: ${folder} cannot be written (${error.code}). Choose another place`);
  });
}

/** @throws UsageError where no file can be made at a path */
export async function checkOutputFile(option: string, path: string): Promise<void> {
  if (path === "") throw new UsageError(`--${option} is "", but a file's path is needed`);
  if ((await kindOf(path)) === "folder") throw new UsageError(`--${option} ${path} is a folder. Name a file in it`);
  const folder = dirname(resolve(path));
  const kind = await kindOf(folder);
  if (kind === null) throw new UsageError(`--${option} ${path}: there is no folder ${folder}. Make it first`);
  if (kind === "file") throw new UsageError(`--${option} ${path}: ${folder} is a file, no folder`);
  await checkWritable(option, path, folder);
}

/** @throws UsageError where no folder is or can be made at a path */
export async function checkOutputFolder(option: string, path: string): Promise<void> {
  if (path === "") throw new UsageError(`--${option} is "", but a folder's path is needed`);
  for (let at = resolve(path); ; at = dirname(at)) {
    const kind = await kindOf(at);
    if (kind === "file") {
      const what = at === resolve(path) ? "is a file" : `is in ${at}, which is a file`;
      throw new UsageError(`--${option} ${path} ${what}. Name a folder`);
    }
    if (kind === "folder") return checkWritable(option, path, at);
    if (at === dirname(at)) return;
  }
}
