import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { downloadFile, HubError, type HubOptions } from "@ettin/core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { gitHash, sha256, startHub, TOKEN } from "../../support/hub-server.ts";

const hub = await startHub();
const root = temporaryFolder();
const LARGE = Buffer.from(Float64Array.from({ length: 40_000 }, (_, i) => i).buffer); // 320,000 bytes
let cacheDir = "";
let caches = 0;

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (/^(HF|HUGGING)/.test(name)) vi.stubEnv(name, undefined);
  vi.stubEnv("HF_HOME", join(root, "home"));
  cacheDir = join(root, `cache-${caches++}`);
  hub.repos.clear();
  hub.faults.clear();
  hub.seen.length = 0;
});
afterEach(() => vi.unstubAllEnvs());

const options = (more: HubOptions = {}): HubOptions => ({ endpoint: hub.endpoint, cacheDir, ...more });
const get = (path: string, more: HubOptions = {}, id = "o/n") => downloadFile(id, path, options(more));
const failure = async (work: Promise<unknown>): Promise<HubError> => {
  const error = await work.then(
    () => new Error("it succeeded"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof HubError)) throw error;
  return error;
};
const folder = () => join(cacheDir, "models--o--n");
const filesBelow = (path: string) =>
  existsSync(path)
    ? (readdirSync(path, { recursive: true }) as string[]).filter((name) => !lstatSync(join(path, name)).isDirectory())
    : [];

describe("a file of the hub", () => {
  test("lies in the cache as Python's client puts it there", async () => {
    const { commit } = hub.add("o/n", { "config.json": "{}", "a/b/model.safetensors": LARGE });

    const small = await get("config.json");
    const large = await get("a/b/model.safetensors");

    expect(small).toBe(join(folder(), "snapshots", commit, "config.json"));
    expect(readFileSync(small, "utf8")).toBe("{}");
    expect(readFileSync(large).equals(LARGE)).toBe(true);
    expect(readlinkSync(small)).toBe(join("..", "..", "blobs", gitHash(Buffer.from("{}"))));
    expect(readlinkSync(large)).toBe(join("..", "..", "..", "..", "blobs", sha256(LARGE)));
    expect(readFileSync(join(folder(), "refs/main"), "utf8")).toBe(commit);
    expect(readFileSync(join(cacheDir, "CACHEDIR.TAG"), "utf8")).toMatch(
      /^Signature: 8a477f597d28d172789f06886806bc55\n/,
    );
    expect(filesBelow(folder()).filter((name) => name.endsWith("incomplete") || name.endsWith("tmp"))).toEqual([]);
  });

  test("is asked for once: then a question about the branch is enough, and a commit needs none", async () => {
    const { commit } = hub.add("o/n", { "model.safetensors": LARGE });
    await get("model.safetensors");
    hub.requests();

    await get("model.safetensors");
    expect(hub.requests()).toEqual(["HEAD hub /o/n/resolve/main/model.safetensors"]);
    await get("model.safetensors", { revision: commit });
    expect(hub.requests()).toEqual([]);
  });

  test("is linked, not downloaded, when a later commit has the same contents", async () => {
    hub.add("o/n", { "model.safetensors": LARGE });
    const before = await get("model.safetensors");
    const { commit } = hub.add("o/n", { "model.safetensors": LARGE, more: "x" });
    hub.requests();

    const after = await get("model.safetensors");

    expect(after).not.toBe(before);
    expect(hub.requests()).toEqual(["HEAD hub /o/n/resolve/main/model.safetensors"]);
    expect(readFileSync(join(folder(), "refs/main"), "utf8")).toBe(commit);
  });

  test("of a branch with a slash and of a pull request have refs of their own", async () => {
    const { commit } = hub.add("o/n", { x: "1" }, { revisions: new Set(["refs/pr/1", "a b"]) });
    await get("x", { revision: "refs/pr/1" });
    await get("x", { revision: "a b" });
    expect(hub.requests()).toContain("HEAD hub /o/n/resolve/refs%2Fpr%2F1/x");
    expect(readFileSync(join(folder(), "refs/refs/pr/1"), "utf8")).toBe(commit);
  });

  test("comes as a copy where links are unwanted", async () => {
    vi.stubEnv("HF_HUB_DISABLE_SYMLINKS", "1");
    hub.add("o/n", { x: "1", "model.safetensors": LARGE });
    const path = await get("model.safetensors");
    expect(lstatSync(path).isFile()).toBe(true);
    expect(readFileSync(path).equals(LARGE)).toBe(true);
    expect(filesBelow(join(folder(), "blobs"))).toEqual([]);
  });

  test("of datasets and spaces goes by their addresses and folders", async () => {
    hub.add("o/n", { x: "1" });
    await get("x", { repoType: "dataset" });
    await get("x", { repoType: "space" });
    expect(hub.requests().filter((request) => request.startsWith("HEAD"))).toEqual([
      "HEAD hub /datasets/o/n/resolve/main/x",
      "HEAD hub /spaces/o/n/resolve/main/x",
    ]);
    expect(readdirSync(cacheDir)).toEqual(["CACHEDIR.TAG", "datasets--o--n", "spaces--o--n"]);
  });

  test("reports its progress up to its size", async () => {
    hub.add("o/n", { "model.safetensors": LARGE });
    const seen: number[] = [];
    await get("model.safetensors", {
      onProgress: ({ received, size, file }) => seen.push(received, size!, file.length),
    });
    expect(seen.slice(-3)).toEqual([LARGE.length, LARGE.length, "model.safetensors".length]);
  });

  test("is fetched once when two calls want it at once", async () => {
    hub.add("o/n", { "model.safetensors": LARGE });
    const [a, b] = await Promise.all([get("model.safetensors"), get("model.safetensors")]);
    expect(a).toBe(b);
    expect(hub.requests().filter((request) => request.startsWith("GET storage"))).toHaveLength(1);
  });

  test("is fetched again when its blob was deleted or cut short", async () => {
    hub.add("o/n", { "model.safetensors": LARGE });
    const path = await get("model.safetensors");
    const blob = join(folder(), "blobs", sha256(LARGE));
    rmSync(blob);
    await get("model.safetensors");
    expect(readFileSync(path).equals(LARGE)).toBe(true);
    writeFileSync(blob, "short");
    await get("model.safetensors");
    expect(readFileSync(path).equals(LARGE)).toBe(true);
  });
});

describe("the token", () => {
  test("reaches the hub and never the storage that it redirects to", async () => {
    hub.add("o/n", { "model.safetensors": LARGE, x: "1" }, { access: "private" });
    await get("model.safetensors", { token: TOKEN });
    await get("x", { token: TOKEN });
    const sent = (host: string) =>
      new Set(hub.seen.filter((each) => each.host === host).map((each) => each.authorization));
    expect(sent("hub")).toEqual(new Set([`Bearer ${TOKEN}`]));
    expect(sent("storage")).toEqual(new Set([undefined]));
  });

  test.each<[string, () => void]>([
    ["HF_TOKEN, spaces and newlines trimmed", () => vi.stubEnv("HF_TOKEN", ` ${TOKEN}\n`)],
    ["HUGGING_FACE_HUB_TOKEN", () => vi.stubEnv("HUGGING_FACE_HUB_TOKEN", TOKEN)],
    [
      "the file in HF_HOME",
      () => {
        mkdirSync(join(root, "home"), { recursive: true });
        writeFileSync(join(root, "home/token"), `${TOKEN}\n`);
      },
    ],
    [
      "the file that HF_TOKEN_PATH names",
      () => {
        vi.stubEnv("WHERE", root);
        vi.stubEnv("HF_TOKEN_PATH", "$WHERE/other-token");
        writeFileSync(join(root, "other-token"), TOKEN);
      },
    ],
  ])("is found in %s", async (_, set) => {
    set();
    hub.add("o/n", { x: "1" }, { access: "private" });
    expect(readFileSync(await get("x"), "utf8")).toBe("1");
    rmSync(join(root, "home/token"), { force: true });
  });

  test("of the environment stays there when HF_HUB_DISABLE_IMPLICIT_TOKEN is on", async () => {
    vi.stubEnv("HF_TOKEN", TOKEN);
    vi.stubEnv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
    hub.add("o/n", { x: "1" });
    await get("x");
    expect(hub.seen.map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
  });

  test("with characters that would end a header is refused, and not shown", async () => {
    const error = await get("x", { token: "hf_abc\r\nHost: elsewhere" }).catch((reason: Error) => reason);
    expect(String(error)).toMatch(/the access token has characters that no token has/);
    expect(String(error)).not.toContain("hf_abc");
  });

  test("is in no error", async () => {
    hub.add("o/n", {}, { access: "gated" });
    for (const token of [TOKEN, "hf_wrong"]) {
      const { message, stack } = await failure(get("x", { token }));
      expect(message + stack).not.toContain(token);
    }
  });
});

describe("what is not there", () => {
  test("a missing file is an error, and the cache remembers it", async () => {
    const { commit } = hub.add("o/n", { x: "1" });
    const { code, message } = await failure(get("deep/y.json"));
    expect(code).toBe("no-file");
    expect(message).toBe(
      `[downloadFile] o/n at "main" has no file deep/y.json. See its files: ${hub.endpoint}/o/n/tree/main`,
    );
    expect(readFileSync(join(folder(), ".no_exist", commit, "deep/y.json"), "utf8")).toBe("");
    expect((await failure(get("deep/y.json", { localFilesOnly: true }))).code).toBe("no-file");
  });

  test("a missing revision is an error", async () => {
    hub.add("o/n", { x: "1" });
    await get("x");
    const { code, message } = await failure(get("x", { revision: "v9" }));
    expect([code, message]).toEqual([
      "no-revision",
      `[downloadFile] o/n has no revision "v9". See its branches and tags: ${hub.endpoint}/o/n`,
    ]);
  });

  test("a missing repository may be a private one", async () => {
    const { code, message } = await failure(get("x"));
    expect(code).toBe("no-repo");
    expect(message).toContain(`there is no model o/n at ${hub.endpoint} (status 401)`);
    expect(message).toContain("If it is private, set HF_TOKEN");
  });

  test("a gated repository tells how to get in, with and without a token", async () => {
    hub.add("o/n", { x: "1" }, { access: "gated" });
    const without = await failure(get("x"));
    expect(without.code).toBe("gated");
    expect(without.message).toContain(`Ask for access at ${hub.endpoint}/o/n, make a token at`);
    const refused = await failure(get("x", { token: "hf_other" }));
    expect(refused.message).toContain("the token in use has no access (status 403)");
    expect(refused.message).toContain("with the account that the token belongs to");
  });
});

describe("a bad connection", () => {
  beforeEach(() => {
    hub.add("o/n", { "model.safetensors": LARGE, small: "x".repeat(900) });
    hub.requests();
  });
  const ranges = () => hub.seen.filter(({ host }) => host === "storage").map(({ range }) => range);

  test("that breaks is taken up where it broke", async () => {
    hub.faults.set("model.safetensors", [{ cutAfter: 100_000 }, { cutAfter: 50_000 }]);
    const path = await get("model.safetensors");
    expect(readFileSync(path).equals(LARGE)).toBe(true);
    expect(ranges()).toEqual([undefined, "bytes=100000-", "bytes=150000-"]);
  });

  test("that breaks starts anew where the server knows no ranges", async () => {
    hub.faults.set("model.safetensors", [{ cutAfter: 100_000 }, { wholeAlways: true }]);
    const path = await get("model.safetensors");
    expect(readFileSync(path).equals(LARGE)).toBe(true);
    expect(ranges()).toHaveLength(2);
  });

  test("that breaks five times without a byte is an error, and nothing stays", async () => {
    hub.faults.set(
      "model.safetensors",
      Array.from({ length: 5 }, () => ({ cutAfter: 0 })),
    );
    const { code, message } = await failure(get("model.safetensors"));
    expect(code).toBe("unreachable");
    expect(message).toContain("model.safetensors could not be asked for");
    expect(filesBelow(join(folder(), "blobs"))).toEqual([]);
  });

  test("that stalls is taken up after HF_HUB_DOWNLOAD_TIMEOUT seconds", async () => {
    vi.stubEnv("HF_HUB_DOWNLOAD_TIMEOUT", "1");
    hub.faults.set("model.safetensors", [{ stallAfter: 1000 }]);
    expect(readFileSync(await get("model.safetensors")).equals(LARGE)).toBe(true);
    expect(ranges()).toEqual([undefined, "bytes=1000-"]);
  });

  test.each<[string, string]>([
    ["model.safetensors", "sha256"],
    ["small", "git sha1"],
  ])("that changes %s is found by its %s, both are named, and the file is deleted", async (path, kind) => {
    const content = hub.repos.get("o/n")!.files.get(path)!;
    const changed = Buffer.from(content);
    changed[7]! ^= 1;
    hub.faults.set(path, [{ replace: changed }]);
    const { code, message } = await failure(get(path));
    const hash = kind === "sha256" ? sha256 : gitHash;
    expect(code).toBe("corrupt");
    expect(message).toContain(`${path} of o/n: its ${kind} is ${hash(changed)}, ${hash(content)} was announced`);
    expect(filesBelow(join(folder(), "blobs"))).toEqual([]);
    expect(readFileSync(await get(path)).equals(content)).toBe(true);
  });

  test("that sends too much is found by the size", async () => {
    hub.faults.set("small", [{ replace: Buffer.alloc(5000) }]);
    expect((await failure(get("small"))).message).toContain("bytes arrived, 900 were announced");
  });

  test("with a fault of the server is tried again", async () => {
    hub.faults.set("/o/n/resolve/main/small", [{ status: 503 }, { status: 500 }]);
    expect(readFileSync(await get("small"), "utf8")).toHaveLength(900);
  });

  test("with a fault that stays is an error that says so", async () => {
    hub.faults.set(
      "/o/n/resolve/main/small",
      Array.from({ length: 3 }, () => ({ status: 503 })),
    );
    const { code, message } = await failure(get("small"));
    expect(code).toBe("unreachable");
    expect(message).toContain("status 503 for small");
  });

  test("falls back to what the cache has", async () => {
    const path = await get("small");
    hub.faults.set(
      "/o/n/resolve/main/small",
      Array.from({ length: 3 }, () => ({ status: 503 })),
    );
    expect(await get("small")).toBe(path);
    hub.repos.get("o/n")!.access = "private";
    expect(await get("small")).toBe(path);
    expect(await get("small", { endpoint: "http://127.0.0.1:1" })).toBe(path);
  });

  test("to nobody names the host", async () => {
    const { code, message } = await failure(get("small", { endpoint: "http://127.0.0.1:1" }));
    expect(code).toBe("unreachable");
    expect(message).toMatch(/127\.0\.0\.1:1: .*(ECONNREFUSED|bad port)/);
  });
});

describe("offline", () => {
  test.each(["1", "ON", "yes", "True"])("with HF_HUB_OFFLINE=%s only the cache answers", async (value) => {
    hub.add("o/n", { x: "1" });
    const path = await get("x");
    hub.requests();
    vi.stubEnv("HF_HUB_OFFLINE", value);
    expect(await get("x")).toBe(path);
    const { code, message } = await failure(get("y"));
    expect(code).toBe("offline");
    expect(message).toContain(`y of o/n at "main" is not in ${cacheDir}, and offline mode is on`);
    expect((await failure(get("x", { revision: "other" }))).code).toBe("offline");
    expect(hub.requests()).toEqual([]);
  });

  test("an empty HF_HUB_OFFLINE leaves it to TRANSFORMERS_OFFLINE, and an option overrules both", async () => {
    hub.add("o/n", { x: "1" });
    vi.stubEnv("HF_HUB_OFFLINE", "");
    vi.stubEnv("TRANSFORMERS_OFFLINE", "1");
    expect((await failure(get("x"))).code).toBe("offline");
    expect(readFileSync(await get("x", { localFilesOnly: false }), "utf8")).toBe("1");
  });
});

describe("hostile names", () => {
  test.each(["../x", "a/../../x", "/etc/passwd", "a//b", "a\\b", "", ".", "x\0"])(
    "path %j is refused without a request",
    async (path) => {
      await expect(get(path)).rejects.toThrow("is no path in a repository");
      expect(hub.seen).toEqual([]);
    },
  );
  test.each(["../n", "o/..", "o/n/m", "a--b", "", "o/n.git", "o n/x", "."])("repository %j is refused", async (id) => {
    await expect(get("x", {}, id)).rejects.toThrow("is no repository name");
  });
  test.each(["../../x", "a/../b", "", "/x"])("revision %j is refused", async (revision) => {
    await expect(get("x", { revision })).rejects.toThrow("[downloadFile] revision is");
  });
  test.each(["ftp://x", "huggingface.co", "https://user:secret@host", "http://"])(
    "endpoint %j is refused",
    async (endpoint) => {
      await expect(get("x", { endpoint })).rejects.toThrow("[hub] the endpoint is");
    },
  );
});

test("a signal stops a download, and nothing stays", async () => {
  hub.add("o/n", { "model.safetensors": LARGE });
  hub.faults.set("model.safetensors", [{ stallAfter: 1000 }]);
  const stop = new AbortController();
  const reason = new Error("enough");
  const work = get("model.safetensors", { signal: stop.signal, onProgress: () => stop.abort(reason) });
  await expect(work).rejects.toBe(reason);
  expect(filesBelow(join(folder(), "blobs"))).toEqual([]);
  await expect(get("model.safetensors", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});
