/**
 * A hub for tests: the part of the Hugging Face protocol that downloads and uploads speak, over repositories in memory,
 * on 127.0.0.1. Large files are served by a second server, a storage host that may not see the token.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll } from "vitest";
import { type Upload, uploads } from "./hub-uploads.ts";

export interface HubRepo {
  /** Files of the commit that every revision points to, until one is committed. */
  files: Map<string, Buffer>;
  /** Paths that are stored large: redirected to the storage host, with a sha256. */
  large: Set<string>;
  commit: string;
  revisions: Set<string>;
  /** Who may read: all, those with the token, those with the token whom the owner let in. */
  access: "public" | "private" | "gated";
}

/** What goes wrong with a path, in the order of requests for its contents. */
export interface Fault {
  /** The connection breaks after so many bytes of the answer. */
  cutAfter?: number;
  /** The answer is this status. */
  status?: number;
  /** The contents are these. */
  replace?: Buffer;
  /** Ranges are ignored: the answer is 200 and whole. */
  wholeAlways?: boolean;
  /** Nothing is sent after so many bytes, and the connection stays. */
  stallAfter?: number;
}

export interface Seen {
  readonly host: "hub" | "storage";
  readonly method: string;
  readonly url: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

export const TOKEN = "hf_test_secret";

export const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
export const gitHash = (bytes: Buffer): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

export class HubServer {
  readonly repos = new Map<string, HubRepo>();
  readonly seen: Seen[] = [];
  /** By path in a repository, or by the start of an address. */
  readonly faults = new Map<string, Fault[]>();
  readonly uploads: Upload[] = [];
  /** Bytes of contents that were sent, by path in a repository. */
  readonly sent = new Map<string, number>();
  /** What was uploaded to storage, by sha256. */
  readonly blobs = new Map<string, Buffer>();
  pageSize = 1000;
  endpoint = "";
  storage = "";
  private readonly servers: Server[] = [];

  async start(): Promise<this> {
    this.endpoint = await this.listen((request, response) => this.answer(request, response));
    this.storage = await this.listen((request, response) => this.answerStorage(request, response));
    return this;
  }

  private async listen(handle: (request: IncomingMessage, response: ServerResponse) => unknown): Promise<string> {
    const server = createServer(handle);
    this.servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  stop(): void {
    for (const server of this.servers) {
      server.closeAllConnections();
      server.close();
    }
  }

  /** Adds a repository; files above 1,000 bytes are stored large. */
  add(id: string, files: Record<string, string | Buffer>, options: Partial<HubRepo> = {}): HubRepo {
    const contents = new Map(Object.entries(files).map(([path, content]) => [path, Buffer.from(content)]));
    const large = new Set([...contents].filter(([, content]) => content.length > 1000).map(([path]) => path));
    const commit = createHash("sha1").update(id).update(JSON.stringify(files)).digest("hex");
    const repo: HubRepo = {
      files: contents,
      large,
      commit,
      revisions: new Set(["main"]),
      access: "public",
      ...options,
    };
    this.repos.set(id, repo);
    return repo;
  }

  private answer(request: IncomingMessage, response: ServerResponse): unknown {
    const url = request.url!;
    this.see("hub", request);
    const fault = this.nextFault(url);
    if (fault?.status) return refuse(response, fault.status);
    if (request.method === "POST") return uploads(this, request, response);

    const api = /^\/api\/(?:model|dataset|space)s\/([^?]+?)\/(revision|tree)\/([^/?]+)\??(.*)$/.exec(url);
    const resolve = /^\/(?:datasets\/|spaces\/)?([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url);
    const id = api?.[1] ?? resolve?.[1] ?? "";
    const revision = decodeURIComponent(api?.[3] ?? resolve?.[2] ?? "");
    const repo = this.repos.get(id);
    const refusal = this.refusal(repo, request, api !== null);
    if (refusal || !repo) return refuse(response, ...(refusal ?? [404, ""]));
    if (revision !== repo.commit && !repo.revisions.has(revision)) return refuse(response, 404, "RevisionNotFound");
    if (api?.[2] === "revision")
      return json(response, {
        _id: "1",
        id,
        sha: repo.commit,
        private: false,
        lastModified: "2026-01-01T00:00:00.000Z",
      });
    if (api) return this.tree(id, repo, new URLSearchParams(api[4]), response);
    return this.file(repo, decodeURIComponent(resolve![3]!), request, response);
  }

  private refusal(repo: HubRepo | undefined, { headers }: IncomingMessage, api: boolean): [number, string] | null {
    const known = headers.authorization === `Bearer ${TOKEN}`;
    if (!repo || (repo.access === "private" && !known)) return [known ? 404 : 401, "RepoNotFound"];
    // as there: what a gated repository holds is public, its contents are not
    if (repo.access === "gated" && !known && !api) return [headers.authorization ? 403 : 401, "GatedRepo"];
    return null;
  }

  private tree(id: string, repo: HubRepo, query: URLSearchParams, response: ServerResponse): void {
    const start = Number(query.get("cursor") ?? 0);
    const paths = [...repo.files.keys()];
    const page = paths.slice(start, start + this.pageSize).map((path) => {
      const content = repo.files.get(path)!;
      const lfs = { oid: sha256(content), size: content.length, pointerSize: 130 };
      const oid = repo.large.has(path) ? gitHash(Buffer.from(`pointer ${path}`)) : gitHash(content);
      return { type: "file", path, size: content.length, oid, ...(repo.large.has(path) ? { lfs } : {}) };
    });
    if (start + this.pageSize < paths.length) {
      const next = `${this.endpoint}/api/models/${id}/tree/${repo.commit}?recursive=true&cursor=${start + this.pageSize}`;
      response.setHeader("link", `<${next}>; rel="next"`);
    }
    json(response, page);
  }

  private file(repo: HubRepo, path: string, request: IncomingMessage, response: ServerResponse): unknown {
    response.setHeader("x-repo-commit", repo.commit);
    const content = repo.files.get(path);
    if (!content) return refuse(response, 404, "EntryNotFound");
    if (repo.large.has(path)) {
      response.setHeader("x-linked-etag", `"${sha256(content)}"`);
      response.setHeader("x-linked-size", content.length);
      response.writeHead(302, { location: `${this.storage}/${sha256(content)}/${path}`, "content-length": 0 });
      return response.end();
    }
    response.setHeader("etag", `"${gitHash(content)}"`);
    return this.send(content, path, request, response);
  }

  private answerStorage(request: IncomingMessage, response: ServerResponse): unknown {
    this.see("storage", request);
    if (request.headers.authorization) return refuse(response, 400); // a signed address and a token: refused, as there
    if (request.method === "PUT") return uploads(this, request, response);
    const [, hash, ...path] = request.url!.split("/");
    const content = [...this.repos.values()]
      .flatMap((repo) => [...repo.files.values()])
      .find((each) => sha256(each) === hash);
    if (!content) return refuse(response, 404);
    return this.send(content, path.join("/"), request, response);
  }

  /** Contents, or a part of them, with what is to go wrong. */
  private send(content: Buffer, path: string, request: IncomingMessage, response: ServerResponse): unknown {
    const fault = request.method === "HEAD" ? undefined : this.nextFault(path);
    if (fault?.status) return refuse(response, fault.status);
    const whole = fault?.replace ?? content;
    const asked = /^bytes=(\d+)-(\d*)$/.exec((!fault?.wholeAlways && request.headers.range) || "");
    const from = Number(asked?.[1] ?? 0);
    const body = whole.subarray(from, asked?.[2] ? Number(asked[2]) + 1 : whole.length);
    response.statusCode = asked ? 206 : 200;
    if (asked) response.setHeader("content-range", `bytes ${from}-${from + body.length - 1}/${whole.length}`);
    this.sent.set(path, (this.sent.get(path) ?? 0) + (request.method === "HEAD" ? 0 : body.length));
    response.setHeader("content-length", body.length);
    if (request.method === "HEAD") return response.end();
    const cut = fault?.cutAfter ?? fault?.stallAfter;
    if (cut === undefined) return response.end(body);
    return response.write(body.subarray(0, cut), () => {
      if (fault?.cutAfter !== undefined) setTimeout(() => response.destroy(), 20); // once the bytes are on their way
    });
  }

  private nextFault(key: string): Fault | undefined {
    for (const [start, faults] of this.faults) if (key.startsWith(start)) return faults.shift();
    return undefined;
  }

  private see(host: Seen["host"], { method = "", url = "", headers }: IncomingMessage): void {
    this.seen.push({ host, method, url, range: headers.range, authorization: headers.authorization });
  }

  /** "HEAD hub /a/b/resolve/main/x", …, since the last call. */
  requests(): string[] {
    return this.seen.splice(0).map(({ method, host, url }) => `${method} ${host} ${url.replace(/[?].*/, "")}`);
  }
}

export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

export function refuse(response: ServerResponse, status: number, code = ""): void {
  if (code) response.setHeader("x-error-code", code);
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ error: `status ${status}` }));
}

/** A hub that stops after the file's tests. */
export async function startHub(): Promise<HubServer> {
  const hub = await new HubServer().start();
  afterAll(() => hub.stop());
  return hub;
}
