import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  return { ...real, rename: vi.fn(real.rename) };
});

vi.resetModules(); // so that it is imported with the rename above
const { lastCheckpoint, removeCheckpoint, writeCheckpointFolder } = await import(
  "../../../packages/core/src/trainer/checkpoint-folder.ts"
);

const root = temporaryFolder();
let folders = 0;

/** A folder whose checkpoint-4 says "old". */
async function withCheckpoint(): Promise<string> {
  const outputDir = join(root, `run-${folders++}`);
  await write(outputDir, "old");
  return outputDir;
}

const write = (outputDir: string, text: string) =>
  writeCheckpointFolder(outputDir, 4, (folder) => writeFile(join(folder, "trainer_state.json"), text));
const textOf = async (outputDir: string) =>
  readFile(join((await lastCheckpoint(outputDir)) ?? "none", "trainer_state.json"), "utf8");

describe("a checkpoint that is replaced", () => {
  test("gives way to the new one, and nothing is left of it", async () => {
    const outputDir = await withCheckpoint();
    await write(outputDir, "new");
    expect(await textOf(outputDir)).toBe("new");
    expect(await readdir(outputDir)).toEqual(["checkpoint-4"]);
  });

  test("is back where the process was killed before the new one took its name", async () => {
    const outputDir = await withCheckpoint();
    await rename(join(outputDir, "checkpoint-4"), join(outputDir, ".checkpoint-4.replaced.partial"));
    await mkdir(join(outputDir, ".checkpoint-4.partial")); // the new one, whole or not
    expect(await textOf(outputDir)).toBe("old");
    await write(outputDir, "new");
    expect(await readdir(outputDir)).toEqual(["checkpoint-4"]);
  });

  test("goes with the next save where the process was killed after that", async () => {
    const outputDir = await withCheckpoint();
    await mkdir(join(outputDir, ".checkpoint-4.replaced.partial")); // half removed
    expect(await textOf(outputDir)).toBe("old");
    await write(outputDir, "new");
    expect(await textOf(outputDir)).toBe("new");
    expect(await readdir(outputDir)).toEqual(["checkpoint-4"]);
  });

  test("is back where the new one cannot take its name", async () => {
    const outputDir = await withCheckpoint();
    vi.mocked(rename).mockClear();
    const real = vi.mocked(rename).getMockImplementation()!;
    vi.mocked(rename).mockImplementation((from, to) =>
      String(from).endsWith(".checkpoint-4.partial") ? Promise.reject(new Error("EIO")) : real(from, to),
    );
    await expect(write(outputDir, "new")).rejects.toThrow("EIO");
    vi.mocked(rename).mockImplementation(real);
    expect(await readdir(outputDir)).toEqual(["checkpoint-4"]);
    expect(await textOf(outputDir)).toBe("old");
  });

  test("gives way even where another process puts it back in between", async () => {
    const outputDir = await withCheckpoint();
    const real = vi.mocked(rename).getMockImplementation()!;
    let meddled = false;
    vi.mocked(rename).mockImplementation(async (from, to) => {
      await real(from, to);
      if (!meddled && String(to).endsWith(".replaced.partial")) {
        meddled = true;
        await real(to, from);
      }
    });
    await write(outputDir, "new");
    vi.mocked(rename).mockImplementation(real);
    expect(meddled).toBe(true);
    expect(await textOf(outputDir)).toBe("new");
    expect(await readdir(outputDir)).toEqual(["checkpoint-4"]);
  });

  test("does not come back when its step is removed", async () => {
    const outputDir = await withCheckpoint();
    await mkdir(join(outputDir, ".checkpoint-4.replaced.partial"));
    await removeCheckpoint(outputDir, 4);
    expect(await lastCheckpoint(outputDir)).toBeNull();
    expect(await readdir(outputDir)).toEqual([]);
  });
});
