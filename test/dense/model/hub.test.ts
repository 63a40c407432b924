import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { resolveFolder } from "@ettin/core";
import { SentenceTransformer } from "@ettin/dense";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DENSE, disposed, expectRows, facts, openModel } from "../../support/dense-fixture.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { startHub, TOKEN } from "../../support/hub-server.ts";

const hub = await startHub();
const root = temporaryFolder();

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (/^(HF|HUGGING)/.test(name)) vi.stubEnv(name, undefined);
  vi.stubEnv("HF_HOME", join(root, "home"));
});
afterEach(() => vi.unstubAllEnvs());

test("a model is pushed as one commit with a card that names it, and opens from the hub with the files it needs", async () => {
  const model = await openModel(join(DENSE, "model"));
  const { commit } = await model.pushToHub("me/retriever", { token: TOKEN, endpoint: hub.endpoint });
  const repo = hub.repos.get("me/retriever")!;
  expect(hub.uploads.at(-1)).toMatchObject({ kind: "commit", body: { summary: "Add SentenceTransformer model" } });
  expect(repo.files.get("README.md")!.toString()).toContain('SentenceTransformer.fromPretrained("me/retriever")');
  repo.commit = commit;
  repo.files.set("onnx/model.onnx", Buffer.from("large"));
  repo.files.set("old/model.safetensors", Buffer.from("large"));

  const from = { endpoint: hub.endpoint, cacheDir: join(root, "cache"), token: TOKEN };
  const again = disposed(await SentenceTransformer.fromPretrained("me/retriever", from));
  expectRows(await again.encode(facts.texts), facts.embeddings);
  expect(again.baseModel).toBe("me/retriever");
  const snapshot = join(root, "cache/models--me--retriever/snapshots", commit);
  expect(existsSync(join(snapshot, "2_Dense/model.safetensors"))).toBe(true);
  expect(existsSync(join(snapshot, "onnx")) || existsSync(join(snapshot, "old"))).toBe(false);

  await again.savePretrained(join(root, "saved"));
  expect(readFileSync(join(root, "saved/README.md"), "utf8")).toBe(repo.files.get("README.md")!.toString());
});

describe("a card that is there", () => {
  const to = { token: TOKEN, endpoint: hub.endpoint };
  const readme = (id: string) => hub.repos.get(id)!.files.get("README.md")!.toString();
  const opened = async (text: string) => {
    const folder = join(temporaryFolder(), "model");
    cpSync(join(DENSE, "model"), folder, { recursive: true });
    writeFileSync(join(folder, "README.md"), text);
    return openModel(folder);
  };

  test("goes along with a model that was not trained, and names it", async () => {
    const model = await opened('# Mine\n\nSentenceTransformer("sentence_transformers_model_id")\n');
    await model.pushToHub("me/card", to);
    expect(readme("me/card")).toBe('# Mine\n\nSentenceTransformer("me/card")\n');
    await model.pushToHub("me/card-given", { ...to, card: { description: "Said now." } });
    expect(readme("me/card-given")).toContain("# me/card-given\n\nSaid now.");
  });

  test("in the repository stays, whatever the model, unless it is to be replaced", async () => {
    hub.add("me/theirs", { "README.md": "theirs" });
    const model = await opened("ours");
    expect((await model.pushToHub("me/theirs", to)).kept).toEqual(["README.md"]);
    await model.pushToHub("me/theirs", { ...to, card: { description: "Said now." } });
    expect(readme("me/theirs")).toBe("theirs");
    expect(hub.repos.get("me/theirs")!.files.has("model.safetensors")).toBe(true);
    expect((await model.pushToHub("me/theirs", { ...to, replaceModelCard: true })).kept).toEqual([]);
    expect(readme("me/theirs")).toBe("ours");
  });

  test("createPr proposes the model", async () => {
    hub.add("you/theirs", { "README.md": "theirs" });
    const { pullRequest } = await (await opened("ours")).pushToHub("you/theirs", { ...to, createPr: true });
    expect(pullRequest).toBe(`${hub.endpoint}/you/theirs/discussions/1`);
    expect([...hub.repos.get("you/theirs")!.files.keys()]).toEqual(["README.md"]);
  });
});

test("a name alone is one of sentence-transformers", async () => {
  const repo = hub.repos.get("me/retriever")!;
  hub.repos.set("sentence-transformers/small", repo);
  const from = { endpoint: hub.endpoint, cacheDir: join(root, "cache"), token: TOKEN };
  const model = disposed(await SentenceTransformer.fromPretrained("small", from));
  expect(model.embeddingDimension).toBe(12);
  await expect(SentenceTransformer.fromPretrained("none-such", from)).rejects.toThrow("none-such");
  await expect(SentenceTransformer.fromPretrained("a/b/c", from)).rejects.toThrow("is no folder");
});

test("offline, a cache that lacks a module's file is an error that names it", async () => {
  const repo = hub.repos.get("me/retriever")!;
  hub.repos.set("me/partial", repo);
  const cacheDir = join(root, "partial");
  const files = [
    "modules.json",
    "config_sentence_transformers.json",
    "*.safetensors",
    "*.json",
    "1_Pooling/*",
    "3_Normalize/*",
  ];
  await resolveFolder("me/partial", { endpoint: hub.endpoint, cacheDir, files });
  const from = { cacheDir, localFilesOnly: true };
  await expect(SentenceTransformer.fromPretrained("me/partial", from)).rejects.toMatchObject({
    code: "offline",
    what: expect.stringContaining("2_Dense/config.json of me/partial"),
  });
  await resolveFolder("me/partial", { endpoint: hub.endpoint, cacheDir, files: ["2_Dense/*"] });
  const model = disposed(await SentenceTransformer.fromPretrained("me/partial", from));
  expectRows(await model.encode(facts.texts), facts.embeddings);
});
