import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync } from "node:fs";
import { Agent, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createIndex, ModernBertModel, modelFingerprint } from "@ettin/core";
import { SentenceTransformer } from "@ettin/dense";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createService, type Service, type ServiceOptions } from "../../examples/serve/service.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ROOT } from "../support/root.ts";
import { BPE } from "../support/tokenizers.ts";

const root = temporaryFolder();
const folder = join(root, "model");
const indexFolder = join(root, "index");
const TEXTS = ["a tale of the sea", "seven apples in a sack", "the keeper of the lighthouse"];
let model: SentenceTransformer;

beforeAll(async () => {
  const shape = { vocabSize: 4096, hiddenSize: 64, intermediateSize: 64, numHiddenLayers: 2, numAttentionHeads: 1 };
  const encoder = ModernBertModel.fromConfig({ ...shape, maxPositionEmbeddings: 128 }, { seed: 5 });
  await encoder.savePretrained(folder);
  encoder.dispose();
  cpSync(BPE, folder, { recursive: true });
  model = await SentenceTransformer.fromPretrained(folder);
  const index = await createIndex({ dim: 64, model: await modelFingerprint(model) });
  await index.add({ ids: ["sea", "apples", "light"], vectors: await model.encodeDocument(TEXTS) });
  await index.save(indexFolder);
  index.dispose();
});
afterAll(() => model.dispose());

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Record<string, unknown>;
}

function ask(port: number, path: string, body?: unknown, agent?: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? "GET" : "POST";
    const sent = request({ port, path, method, host: "127.0.0.1", ...(agent && { agent }) }, async (response) => {
      try {
        let text = "";
        for await (const piece of response.setEncoding("utf8")) text += piece;
        resolve({ status: response.statusCode!, headers: response.headers, body: JSON.parse(text) });
      } catch (error) {
        reject(error);
      }
    });
    sent.on("error", reject);
    sent.end(typeof body === "string" ? body : JSON.stringify(body));
  });
}

/** A service that is closed after `use`. */
async function serving(options: ServiceOptions, use: (port: number, service: Service) => Promise<void>): Promise<void> {
  const index = await createIndex({ dim: 64 });
  await index.add({ ids: ["sea", "apples", "light"], vectors: await model.encodeDocument(TEXTS) });
  const service = createService(model, index, { grace: 0, ...options });
  service.server.listen(0, "127.0.0.1");
  await once(service.server, "listening");
  try {
    await use((service.server.address() as AddressInfo).port, service);
  } finally {
    await service.close();
    index.dispose();
  }
}

describe("the service", () => {
  test("encodes as the model does, and finds a text by itself", () =>
    serving({}, async (port) => {
      const { status, body } = await ask(port, "/encode", { texts: TEXTS });
      expect(status).toBe(200);
      const expected = await model.encodeDocument(TEXTS);
      expect(body.embeddings).toEqual(expected.map((each) => Array.from(each)));
      const found = await ask(port, "/search", { query: TEXTS[1], k: 1 });
      expect(found.body).toEqual({ hits: [{ id: "apples", score: expect.closeTo(1, 5), metadata: null }] });
      expect((await ask(port, "/health")).body).toMatchObject({ status: "ok", accepted: 2, answered: 2, texts: 3 });
    }));

  test("computes what arrives together in one batch, with the results of each alone", () =>
    serving({ maxWait: 30 }, async (port) => {
      const alone = await ask(port, "/encode", { texts: ["three"], as: "query" });
      const many = await Promise.all(
        ["one", "two", "three"].map((text) => ask(port, "/encode", { texts: [text], as: "query" })),
      );
      expect(many[2]!.body).toEqual(alone.body);
    }));

  test.each<[string, string, unknown, number, string]>([
    ["no JSON", "/encode", "not json", 400, "send a JSON object"],
    ["no texts", "/encode", { texts: [] }, 400, '{"texts"'],
    ["a null", "/encode", { texts: [null] }, 400, '{"texts"'],
    ["300 texts", "/encode", { texts: Array(300).fill("a") }, 413, "at most 256"],
    ["an unknown kind", "/encode", { texts: ["a"], as: "poem" }, 400, '"as"'],
    ["a megabyte", "/encode", { texts: ["a".repeat(2 ** 20)] }, 413, "bytes"],
    ["no hits", "/search", { query: "a", k: 0 }, 400, '"k"'],
    ["an unknown path", "/nothing", {}, 404, "GET /health"],
  ])("%s is refused: POST %s", (_, path, body, status, message) =>
    serving({}, async (port) => {
      const answer = await ask(port, path, body);
      expect(answer.status).toBe(status);
      expect(answer.body.error).toContain(message);
    }),
  );

  test("beyond its queue it answers 503 with Retry-After", () =>
    serving({ maxTexts: 1, maxQueued: 1 }, async (port) => {
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => ask(port, "/encode", { texts: ["word ".repeat(100)] })),
      );
      const refused = answers.filter(({ status }) => status === 503);
      expect(refused.length).toBeGreaterThan(0);
      expect(Number(refused[0]!.headers["retry-after"])).toBeGreaterThanOrEqual(1);
      expect(answers.filter(({ status }) => status === 200).length).toBe(12 - refused.length);
    }));
});

test("SIGTERM under load loses no request that was taken", async () => {
  const args = ["--import", "./test/support/from-sources.mjs", "examples/serve/server.ts", "--port", "0"];
  const child = spawn(process.execPath, [...args, "--model", folder, "--index", indexFolder], { cwd: ROOT });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (piece) => {
    output += piece;
  });
  child.stderr.setEncoding("utf8").on("data", (piece) => {
    output += piece;
  });
  const ended = once(child, "close");
  while (!output.includes("listening on")) {
    if (child.exitCode !== null) throw new Error(output);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const port = Number(/:(\d+)/.exec(output)![1]);
  const agent = new Agent({ keepAlive: true, maxSockets: 20 });
  let [answered, cut] = [0, 0];
  const client = async (): Promise<void> => {
    for (;;) {
      try {
        const { status } = await ask(port, "/search", { query: "Where is the sea?", k: 2 }, agent);
        expect(status).toBe(200);
        answered++;
      } catch (error) {
        // The port is closed now; anything else would be an answer that was lost.
        if ((error as NodeJS.ErrnoException).code !== "ECONNREFUSED") cut++;
        return;
      }
    }
  };
  const clients = Promise.all(Array.from({ length: 20 }, client));
  while (answered < 60) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGTERM");
  await clients;
  const [code] = await ended;
  agent.destroy();
  expect(output).toContain(`closed: ${answered} requests accepted, ${answered} answered`);
  expect([code, cut]).toEqual([0, 0]);
});
