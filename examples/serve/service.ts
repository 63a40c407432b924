// The service of server.ts as a function: a model, an index, and what answers requests.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Server as NetServer } from "node:net";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { BatchQueue, EngineError, type Hit, QueueFullError, type VectorIndex } from "@ettin/core";
import type { SentenceTransformer } from "@ettin/dense";

export interface ServiceOptions {
  /** Milliseconds that a request waits for others while nothing runs. @default 2 */
  maxWait?: number;
  /** Most texts computed together; 1 is one request at a time. @default 64 */
  maxTexts?: number;
  /** Most tokens computed together, counted as a quarter of the characters. @default 4096 */
  maxTokens?: number;
  /** Most texts that wait; beyond it the answer is 503 with Retry-After. @default 1000 */
  maxQueued?: number;
  /** Milliseconds that a connection which is silent may still bring a request after `close`. @default 500 */
  grace?: number;
}

export interface Service {
  readonly server: Server;
  /** Requests that were taken, and those that were answered; what a client left unfinished counts as answered. */
  readonly counts: { accepted: number; answered: number };
  /** Takes no new connections, answers what is there, and ends. */
  close(): Promise<void>;
}

const MOST_BYTES = 1 << 20;
const MOST_TEXTS = 256;
const MOST_HITS = 100;

/** What a request that is wrong is answered with. */
class BadRequest extends Error {
  readonly status: number;

  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

/**
 * POST /encode  {"texts": ["…"], "as": "query"}  →  {"embeddings": [[…]]}; "as" is query or document (default: document)
 * POST /search  {"query": "…", "k": 5}           →  {"hits": [{"id", "score", "metadata"}]}
 * GET  /health                                   →  what waits, what runs, the event loop's delay; 503 while it closes
 */
export function createService(
  model: SentenceTransformer,
  index: VectorIndex | null,
  options: ServiceOptions = {},
): Service {
  const limits = {
    maxWait: options.maxWait ?? 2,
    maxItems: options.maxTexts ?? 64,
    maxSize: options.maxTokens ?? 4096,
    maxQueued: options.maxQueued ?? 1000,
    sizeOf: (text: string) => Math.ceil(text.length / 4),
  };
  const encodeQuery = (texts: readonly string[], signal: AbortSignal) => model.encodeQuery(texts, { signal });
  const queues = {
    query: new BatchQueue(encodeQuery, limits),
    document: new BatchQueue((texts: readonly string[], signal) => model.encodeDocument(texts, { signal }), limits),
    search: new BatchQueue<string, Hit[]>(
      async (texts, signal) => index!.searchBatch(await encodeQuery(texts, signal), { k: MOST_HITS, signal }),
      limits,
    ),
  };
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const counts = { accepted: 0, answered: 0 };
  let closing = false;

  async function answer(request: IncomingMessage, signal: AbortSignal): Promise<unknown> {
    const route = `${request.method} ${request.url}`;
    if (route === "POST /encode") {
      const { texts, as = "document" } = await readBody(request);
      if (!Array.isArray(texts) || texts.length === 0 || !texts.every((text) => typeof text === "string")) {
        throw new BadRequest('send {"texts": ["…"]}');
      }
      if (texts.length > MOST_TEXTS) throw new BadRequest(`send at most ${MOST_TEXTS} texts`, 413);
      if (as !== "query" && as !== "document") throw new BadRequest('"as" is "query" or "document"');
      const embeddings = await Promise.all(texts.map((text: string) => queues[as].add(text, { signal })));
      return { embeddings: embeddings.map((each) => Array.from(each)) };
    }
    if (route === "POST /search") {
      if (!index) throw new BadRequest("this service has no index", 404);
      const { query, k = 10 } = await readBody(request);
      if (typeof query !== "string") throw new BadRequest('send {"query": "…"}');
      if (typeof k !== "number" || !Number.isInteger(k) || k < 1 || k > MOST_HITS)
        throw new BadRequest(`"k" is a whole number to ${MOST_HITS}`);
      return { hits: (await queues.search.add(query, { signal })).slice(0, k) };
    }
    throw new BadRequest("there are POST /encode, POST /search and GET /health", 404);
  }

  function health() {
    const [queued, running] = (["queued", "running"] as const).map((what) =>
      Object.values(queues).reduce((sum, queue) => sum + queue[what], 0),
    );
    const report = {
      status: closing ? "closing" : "ok",
      ...counts,
      queued,
      running,
      eventLoopDelay: { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, worst: delay.max / 1e6 },
      texts: index?.size ?? 0,
    };
    delay.reset();
    return report;
  }

  const server = createServer((request, response) => {
    if (closing) response.setHeader("connection", "close"); // the next request goes to another server
    if (request.url === "/health") return send(response, closing ? 503 : 200, health());
    counts.accepted++;
    const gone = new AbortController();
    response.on("close", () => {
      counts.answered++;
      if (!response.writableFinished) gone.abort(new Error("the client is gone"));
    });
    answer(request, gone.signal).then(
      (result) => send(response, 200, result),
      (error: unknown) => {
        if (error instanceof QueueFullError) response.setHeader("retry-after", String(error.retryAfter));
        send(response, statusOf(error), { error: error instanceof Error ? error.message : String(error) });
      },
    );
  });

  async function close(): Promise<void> {
    closing = true;
    // Only the port is closed: a connection that is open may be sending its next request at this moment.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
    const { grace = 500 } = options;
    for (let silent = 0; silent < grace || counts.answered < counts.accepted; ) {
      const before = counts.accepted;
      await sleep(20);
      silent = counts.accepted === before ? silent + 20 : 0;
    }
    server.closeAllConnections();
    await closed;
    await Promise.all(Object.values(queues).map((queue) => queue.close()));
    delay.disable();
  }
  return { server, counts, close };
}

/** The JSON object that a request carries. */
async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > MOST_BYTES) throw new BadRequest(`send at most ${MOST_BYTES} bytes`, 413);
    pieces.push(piece);
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(pieces).toString("utf8"));
    if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  } catch {}
  throw new BadRequest("send a JSON object");
}

function statusOf(error: unknown): number {
  if (error instanceof BadRequest) return error.status;
  if (error instanceof QueueFullError) return 503;
  return error instanceof EngineError ? 422 : 500;
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return;
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}
