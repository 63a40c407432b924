/** A cache that has a part of a repository, when the hub cannot give the rest. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { AutoModelForCausalLM, AutoModelForMaskedLM, resolveFolder, Tokenizer } from "@ettin/core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { type HubRepo, startHub } from "../../support/hub-server.ts";
import { ROOT } from "../../support/root.ts";

const hub = await startHub();
const root = temporaryFolder();
const SHARDED = "modernbert-decoder-untied-biases-old-keys-sharded";
const SHARDS = [1, 2, 3].map((n) => `model-0000${n}-of-00003.safetensors`);
let cacheDir = "";
let caches = 0;

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (/^(HF|HUGGING)/.test(name)) vi.stubEnv(name, undefined);
  vi.stubEnv("HF_HOME", join(root, "home"));
  cacheDir = join(root, `cache-${caches++}`);
  hub.repos.clear();
});
afterEach(() => vi.unstubAllEnvs());

/** A repository with the files of a fixture. */
function added(fixture: string, names: readonly string[]): HubRepo {
  const folder = join(ROOT, "test/fixtures/models", fixture);
  const files = Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name))]));
  return hub.add("o/n", { ...files, "tokenizer.json": readFileSync(join(ROOT, "examples/tokenizer/tokenizer.json")) });
}
const encoder = () => added("modernbert-mlm", ["config.json", "model.safetensors"]);
const sharded = () => added(SHARDED, ["config.json", "model.safetensors.index.json", ...SHARDS]);
const cached = (...files: string[]) => resolveFolder("o/n", { endpoint: hub.endpoint, cacheDir, files });
const offline = () => ({ cacheDir, localFilesOnly: true });
const unreachable = () => ({ cacheDir, endpoint: "http://127.0.0.1:1" });

describe.each([
  ["with its listing", false],
  ["without a listing", true],
])("a cache %s", (_, forget) => {
  const holds = async (repo: HubRepo, ...files: string[]) => {
    await cached(...files);
    if (forget) rmSync(join(cacheDir, `models--o--n/trees/${repo.commit}.json`));
  };

  test.each<[string, readonly string[]]>([
    ["config.json", ["tokenizer.json"]],
    ["model.safetensors", ["tokenizer.json", "config.json"]],
  ])("that lacks %s is an error that says so", async (lacking, files) => {
    await holds(encoder(), ...files);
    await expect(AutoModelForMaskedLM.fromPretrained("o/n", offline())).rejects.toThrow(
      `[resolveFolder] ${lacking} of o/n at "main" is not in ${cacheDir}, and offline mode is on. Unset HF_HUB_OFFLINE`,
    );
    const error = await AutoModelForMaskedLM.fromPretrained("o/n", unreachable()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "HubError", code: "unreachable" });
    expect(String(error)).toMatch(`o/n could not be asked for at http://127.0.0.1:1`);
    expect(String(error)).toMatch(`and the cache lacks ${lacking}. Check the connection`);
  });

  test("that lacks a shard is an error that names it", async () => {
    await holds(sharded(), "config.json", "*.index.json", SHARDS[0]!, SHARDS[2]!);
    await expect(AutoModelForCausalLM.fromPretrained("o/n", offline())).rejects.toMatchObject({
      code: "offline",
      what: expect.stringContaining(`${SHARDS[1]} of o/n`),
    });
  });

  test("that lacks tokenizer.json is an error for the tokenizer alone", async () => {
    await holds(encoder(), "config.json", "*.safetensors");
    await expect(Tokenizer.fromPretrained("o/n", offline())).rejects.toMatchObject({
      code: "offline",
      what: expect.stringContaining("tokenizer.json of o/n"),
    });
    (await AutoModelForMaskedLM.fromPretrained("o/n", offline())).dispose();
  });

  test("that has what is needed serves, offline or not", async () => {
    await holds(sharded(), "config.json", "*.index.json", "*.safetensors");
    for (const options of [offline(), unreachable()]) {
      (await AutoModelForCausalLM.fromPretrained("o/n", options)).dispose();
    }
  });
});

test("what the repository itself does not have is no matter of the cache", async () => {
  added("modernbert-mlm", ["model.safetensors"]);
  await cached("*.json", "*.safetensors");
  await expect(AutoModelForMaskedLM.fromPretrained("o/n", offline())).rejects.toThrow("has no config.json");
});
