import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { createIndex, openIndex } from "@ettin/core";
import { afterEach, expect, test, vi } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { ROOT } from "../../support/root.ts";
import { clustered, named } from "./vectors.ts";

const folder = temporaryFolder();
const kinds = ["exact", "hnsw"] as const;
afterEach(() => {
  vi.restoreAllMocks();
});

/** Saves versions of an index one after the other: every item tells its version. */
const SAVER = `
const core = await import("./packages/core/src/index.ts");
const [kind, folder] = process.argv.slice(-2);
const index = await core.createIndex({ dim: 32, kind });
const ids = Array.from({ length: 1500 }, (_, i) => "v" + i);
const vectors = ids.map((_, i) => Float32Array.from({ length: 32 }, (_, d) => Math.sin(i * 1.7 + d)));
await index.add({ ids, vectors, metadata: ids.map(() => 1) });
for (let version = 1; ; version++) {
  const other = await core.createIndex({ dim: 32, kind: "exact" });
  const target = kind === "exact" ? other : index;
  // the graph stays; its items are told apart by metadata of one added item
  if (kind === "exact") await other.add({ ids, vectors, metadata: ids.map(() => version) });
  else await index.add({ ids: ["version"], vectors: [vectors[0]], metadata: [version] });
  await target.save(folder);
  other.dispose();
  console.log(version);
}
`;

test.each(kinds)(
  "killed while it saves, an %s index is the last one that was whole",
  { timeout: 120_000 },
  async (kind) => {
    const path = join(folder, `killed-${kind}`);
    for (let round = 0; round < 2; round++) {
      const child = spawn(
        process.execPath,
        ["--import", "./scripts/typescript.mjs", "--input-type=module", "--eval", SAVER, "--", kind, path],
        { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] },
      );
      let said = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
      while (said.split("\n").length < 3) await once(child.stdout, "data");
      await new Promise((resolve) => setTimeout(resolve, 3 + 17 * round)); // a save takes a few of them
      child.kill("SIGKILL");
      await once(child, "close");
      const last = Number(said.trim().split("\n").at(-1));
      const index = await openIndex(path);
      try {
        const { metadata } = (await index.get(kind === "exact" ? "v0" : "version"))!;
        expect([last, last + 1]).toContain(metadata);
        expect(index.size).toBe(kind === "exact" ? 1500 : 1501);
        if (kind === "exact") for (const id of named(1500)) expect((await index.get(id))!.metadata).toBe(metadata);
        // What the killed process left goes with the next save.
        await index.save(path);
        expect(readdirSync(path).sort()).toHaveLength(3);
      } finally {
        index.dispose();
      }
    }
  },
);

/** The class of file handles, whose methods every open file has. */
async function fileHandles(): Promise<Record<"write" | "sync", (...values: unknown[]) => Promise<unknown>>> {
  const file = await open(join(ROOT, "package.json"));
  await file.close();
  return Object.getPrototypeOf(file);
}

test.each(kinds)("a write that fails at any point leaves the old %s index, and says why", async (kind) => {
  const path = join(folder, `full-${kind}`);
  const index = await createIndex({ dim: 16, kind });
  await index.add({ ids: named(50), vectors: clustered(50, 16, 1) });
  await index.save(path);
  const before = readdirSync(path).sort();
  await index.delete(["v0"]);
  const handles = await fileHandles();
  const full = () => Promise.reject(Object.assign(new Error("no space left on device, write"), { code: "ENOSPC" }));
  let failures = 0;
  for (const method of ["write", "sync"] as const) {
    for (let calls = 0; ; calls++) {
      const right = handles[method];
      let left = calls;
      const spy = vi.spyOn(handles, method).mockImplementation(function (this: unknown, ...values) {
        return left-- === 0 ? full() : right.apply(this, values);
      });
      const failed = await index.save(path).then(
        () => false,
        (error: NodeJS.ErrnoException) => error.code === "ENOSPC",
      );
      spy.mockRestore();
      if (left >= 0) break; // it was never called so often: the save came through
      if (!failed) continue; // the folder itself could not be flushed after the rename, or it was
      failures++;
      const old = await openIndex(path);
      expect([49, 50]).toContain(old.size);
      if (old.size === 50) expect(readdirSync(path).sort()).toEqual(before);
      old.dispose();
    }
  }
  expect(failures).toBeGreaterThan(3);
  const saved = await openIndex(path);
  expect(saved.size).toBe(49);
  saved.dispose();
  index.dispose();
});

test.skipIf(process.platform === "win32")("hnswlib does not say that a disk is full, but the save does", async () => {
  const path = join(folder, "limited");
  const program = `
    const core = await import("./packages/core/src/index.ts");
    const index = await core.createIndex({ dim: 32, kind: "hnsw" });
    const add = (from, count) => index.add({
      ids: Array.from({ length: count }, (_, i) => "v" + (from + i)),
      vectors: Array.from({ length: count }, (_, i) => Float32Array.from({ length: 32 }, (_, d) => Math.sin((from + i) * 1.7 + d))),
    });
    await add(0, 100);
    await index.save(process.argv.at(-1));
    await add(100, 1000);
    await index.save(process.argv.at(-1)).then(() => console.log("saved"), (error) => console.log(error.message));
    index.dispose();
  `;
  const flags = ["--import", "./scripts/typescript.mjs", "--input-type=module", "--eval", program, "--", path];
  const child = spawn("bash", ["-c", 'ulimit -f 100; exec "$0" "$@"', process.execPath, ...flags], { cwd: ROOT });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  await once(child, "close");
  expect(said).toMatch(/^\[VectorIndex\.save\] .*graph-.*\.bin is no whole file of hnswlib/);
  const index = await openIndex(path);
  expect(index.size).toBe(100);
  index.dispose();
  expect(readdirSync(path)).toHaveLength(3);
});

test("saves to one folder take their turns", async () => {
  const path = join(folder, "turns");
  const index = await createIndex({ dim: 16 });
  const saves: Promise<void>[] = [];
  for (const [i, vector] of clustered(10, 16, 1).entries()) {
    await index.add({ ids: [`v${i}`], vectors: [vector] });
    saves.push(index.save(path));
  }
  await Promise.all(saves);
  index.dispose();
  const saved = await openIndex(path);
  expect(saved.size).toBe(10);
  saved.dispose();
  expect(readdirSync(path)).toHaveLength(3);
});

test("what was there before stays: other files, and an index.json that is something else's", async () => {
  const path = join(folder, "others");
  mkdirSync(path);
  writeFileSync(join(path, "README.md"), "mine");
  const index = await createIndex({ dim: 16 });
  await index.save(path);
  expect(readdirSync(path)).toContain("README.md");
  writeFileSync(join(path, "index.json"), "{}");
  await expect(index.save(path)).rejects.toThrow(
    /index\.json is there and is no index of Ettin\. Save to another folder/,
  );
  index.dispose();
});

test("an index goes on after its folder was replaced or removed", async () => {
  const path = join(folder, "replaced");
  const first = await createIndex({ dim: 16 });
  const vectors = clustered(30, 16, 1);
  await first.add({ ids: named(30), vectors });
  await first.save(path);
  const opened = await openIndex(path);
  await first.delete(named(20));
  await first.save(path);
  expect((await opened.search(vectors[3]!, { k: 1 }))[0]!.id).toBe("v3");
  await opened.save(`${path}-copy`);
  const copy = await openIndex(`${path}-copy`);
  expect(copy.size).toBe(30);
  for (const index of [first, opened, copy]) index.dispose();
});
