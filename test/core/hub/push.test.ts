import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HubError, type PushToHubOptions, pushToHub, snapshotDownload } from "@ettin/core";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { sha256, startHub, TOKEN } from "../../support/hub-server.ts";

const hub = await startHub();
const root = temporaryFolder();
const WEIGHTS = Buffer.from(Float64Array.from({ length: 200_000 }, (_, i) => i).buffer); // 1.6 MB
const model = join(root, "model");
mkdirSync(join(model, "1_Pooling"), { recursive: true });
mkdirSync(join(model, ".git"));
writeFileSync(join(model, "config.json"), '{"a": 1}');
writeFileSync(join(model, "1_Pooling/config.json"), "{}");
writeFileSync(join(model, "empty.txt"), "");
writeFileSync(join(model, ".secret"), "no");
writeFileSync(join(model, ".git/config"), "no");
writeFileSync(join(root, "weights"), WEIGHTS);
symlinkSync(join(root, "weights"), join(model, "model.safetensors"));
const UPLOADED = ["1_Pooling/config.json", "config.json", "empty.txt", "model.safetensors"];

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (/^(HF|HUGGING)/.test(name)) vi.stubEnv(name, undefined);
  vi.stubEnv("HF_HOME", join(root, "home"));
  hub.repos.clear();
  hub.faults.clear();
  hub.blobs.clear();
  hub.uploads.length = 0;
  hub.seen.length = 0;
});
afterEach(() => vi.unstubAllEnvs());

const push = (more: Partial<PushToHubOptions> = {}) =>
  pushToHub(model, { repo: "me/model", token: TOKEN, endpoint: hub.endpoint, ...more });

test("a folder becomes a repository with one commit: small files in it, large ones in storage", async () => {
  const { commit, url } = await push({ private: true, commitMessage: "First" });

  expect(commit).toBe("c".repeat(40));
  expect(url).toBe(`${hub.endpoint}/me/model/commit/${commit}`);
  expect(hub.uploads.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    "repo me/model",
    `blob ${sha256(WEIGHTS)}`,
    "commit main",
  ]);
  expect(hub.uploads[0]!.body).toMatchObject({ visibility: "private", type: "model" });
  expect(hub.uploads[2]!.body).toMatchObject({ summary: "First" });
  const { files } = hub.repos.get("me/model")!;
  expect([...files.keys()].sort()).toEqual(UPLOADED);
  expect(files.get("model.safetensors")!.equals(WEIGHTS)).toBe(true);
  expect(files.get("config.json")!.toString()).toBe('{"a": 1}');
});

test("what was pushed downloads again", async () => {
  await push();
  hub.repos.get("me/model")!.commit = "c".repeat(40);
  const folder = await snapshotDownload("me/model", { endpoint: hub.endpoint, cacheDir: join(root, "cache") });
  expect(folder.endsWith("c".repeat(40))).toBe(true);
});

test("the token reaches the hub, and not storage", async () => {
  await push();
  for (const { host, authorization } of hub.seen)
    expect(authorization).toBe(host === "hub" ? `Bearer ${TOKEN}` : undefined);
  expect(new Set(hub.seen.map(({ host }) => host))).toEqual(new Set(["hub", "storage"]));
});

test("a repository that is there gets another commit, and what storage has is not sent again", async () => {
  await push();
  hub.uploads.length = 0;
  await push();
  expect(hub.uploads.map(({ kind }) => kind)).toEqual(["commit"]);
});

test("a branch is made when it is not there", async () => {
  await push({ revision: "v1" });
  await push({ revision: "v1" });
  expect(hub.uploads.map(({ kind, name }) => `${kind} ${name}`).filter((line) => !line.startsWith("blob"))).toEqual([
    "repo me/model",
    "branch v1",
    "commit v1",
    "commit v1",
  ]);
});

test("a file that is to be kept stays where the repository has it, and goes along where it has none", async () => {
  hub.add("me/model", { "config.json": "theirs", "other.txt": "too" });
  const { kept } = await push({ keepExisting: ["config.json", "empty.txt", "other.txt"] });
  expect(kept).toEqual(["config.json"]); // other.txt is not in the folder
  const { files } = hub.repos.get("me/model")!;
  expect(files.get("config.json")!.toString()).toBe("theirs");
  expect([...files.keys()].sort()).toEqual([...UPLOADED, "other.txt"].sort());
});

test("a hub that does not say whether it has the file gets no commit", async () => {
  hub.add("me/model", { "config.json": "theirs" });
  hub.faults.set("/me/model/resolve/main/config.json", [{ status: 403 }]);
  await expect(push({ keepExisting: ["config.json"] })).rejects.toMatchObject({ code: "refused" });
  expect(hub.uploads).toEqual([]);
});

test("createPr proposes the commit, with its description, and changes nothing", async () => {
  hub.add("me/model", { "config.json": "theirs" });
  const { pullRequest } = await push({ createPr: true, commitMessage: "Add it", commitDescription: "It is good." });
  expect(pullRequest).toBe(`${hub.endpoint}/me/model/discussions/1`);
  const body = { summary: "Add it", description: "It is good." };
  expect(hub.uploads.at(-1)).toMatchObject({ kind: "pull request", name: "main", body });
  expect(hub.repos.get("me/model")!.files.get("config.json")!.toString()).toBe("theirs");
});

test("createPr needs no right to make the repository", async () => {
  hub.add("you/model", {});
  hub.faults.set("/api/repos/create", [{ status: 403 }]);
  expect((await push({ repo: "you/model", createPr: true })).pullRequest).toContain("you/model");
});

test("progress ends at 1 for each file", async () => {
  const last = new Map<string, number>();
  await push({ onProgress: ({ file, done }) => last.set(file, done) });
  expect(last.get("model.safetensors")).toBe(1);
});

test("the token comes from HF_TOKEN", async () => {
  vi.stubEnv("HF_TOKEN", TOKEN);
  await pushToHub(model, { repo: "me/model", endpoint: hub.endpoint });
  expect(hub.uploads.at(-1)!.kind).toBe("commit");
});

test.each<[string, () => Promise<unknown>, string, string]>([
  [
    "no token",
    () => pushToHub(model, { repo: "me/model", endpoint: hub.endpoint }),
    "refused",
    "no token to write to me/model with",
  ],
  [
    "a token that may not write",
    () => push({ token: "hf_other" }),
    "refused",
    "the token in use may not write to me/model (status 401)",
  ],
  ["nobody there", () => push({ endpoint: "http://127.0.0.1:1" }), "unreachable", "me/model could not be asked for"],
])("%s is an error that tells the way out and not the token", async (_, run, code, message) => {
  const error = (await run().catch((reason: unknown) => reason)) as HubError;
  expect(error).toBeInstanceOf(HubError);
  expect(error.code).toBe(code);
  expect(error.message).toContain(`[pushToHub] ${message}`);
  expect(error.message + error.stack).not.toMatch(/hf_/);
});

test("offline mode refuses at once", async () => {
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  await expect(push()).rejects.toMatchObject({ code: "offline" });
  expect(hub.seen).toEqual([]);
});

test.each<[string, Partial<PushToHubOptions>, string]>([
  ["repository", { repo: "../x" }, '"../x" is no repository name'],
  ["revision", { revision: "../x" }, 'revision is "../x"'],
])("a hostile %s is refused", async (_, more, message) => {
  await expect(push(more)).rejects.toThrow(message);
});

test("an empty or missing folder is refused before anything is made", async () => {
  mkdirSync(join(root, "nothing"));
  await expect(
    pushToHub(join(root, "nothing"), { repo: "me/x", token: TOKEN, endpoint: hub.endpoint }),
  ).rejects.toThrow("has no files");
  await expect(pushToHub(join(root, "absent"), { repo: "me/x", token: TOKEN, endpoint: hub.endpoint })).rejects.toThrow(
    "ENOENT",
  );
  expect(hub.seen).toEqual([]);
});

test("a signal stops it before the commit", async () => {
  const stop = new AbortController();
  const reason = new Error("enough");
  await expect(push({ signal: stop.signal, onProgress: () => stop.abort(reason) })).rejects.toBe(reason);
  expect(hub.uploads.map(({ kind }) => kind)).not.toContain("commit");
});

test("the hub's own words about a bad request are passed on", async () => {
  hub.add("me/model", {});
  hub.faults.set("/api/models/me/model/commit", [{ status: 400 }]);
  await expect(push()).rejects.toThrow(`refused it with status 400: status 400`);
});
