import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { type Asked, connectionError, responseError } from "./answer-error.ts";
import { nameBeside } from "./hub-cache.ts";
import { HubError } from "./hub-error.ts";
import { hubFetch, NoAnswer, reason, sleep } from "./hub-fetch.ts";
import type { HubOptions } from "./hub-options.ts";
import type { HubSettings } from "./hub-settings.ts";

/** Contents to fetch: where they are, and how to know them. */
export interface RemoteBlob {
  readonly url: string;
  /** sha256 (64 digits), git's sha1 (40), or a word of the server's that cannot be checked. */
  readonly etag: string;
  readonly size: number | null;
}

/** Breaks in a row, without a byte between them, after which a download gives up. */
const MOST_BREAKS = 5;
const PAUSE = 200; // milliseconds, times the number of the break

/**
 * Downloads contents to a path that appears when they are whole and checked. A broken connection is taken up where it
 * broke, or from the start where the server knows no ranges.
 */
export async function fetchBlob(
  asked: Asked,
  settings: HubSettings,
  remote: RemoteBlob,
  path: string,
  onProgress: HubOptions["onProgress"],
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const partial = nameBeside(path, "incomplete");
  try {
    const file = await open(partial, "wx");
    try {
      const found = await receive(asked, settings, remote, file, onProgress);
      check(asked, remote, found ?? (await hashFile(partial, remote)));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw connectionError(asked, settings, error);
  }
}

interface Received {
  readonly size: number;
  /** Of the contents, when the etag is one. */
  readonly digest: string | null;
}

async function receive(
  asked: Asked,
  settings: HubSettings,
  remote: RemoteBlob,
  file: FileHandle,
  onProgress: HubOptions["onProgress"],
): Promise<Received | null> {
  let hash = startHash(remote.etag, remote.size);
  let received = 0;
  for (let breaks = 0; ; ) {
    const before = received;
    try {
      const stall = new AbortController();
      const headers: Record<string, string> = { "accept-encoding": "identity" };
      if (received > 0) headers.range = `bytes=${received}-`;
      const response = await hubFetch(settings, remote.url, { headers, signal: stall.signal });
      if (response.status === 416 && received === remote.size) break;
      if (!response.ok || response.body === null) throw await responseError(asked, settings, response);
      if (received > 0 && !continues(response, received)) {
        received = 0;
        hash = startHash(remote.etag, remote.size);
        await file.truncate(0);
      }
      for await (const chunk of chunks(response.body, stall, settings)) {
        await writeAt(file, chunk, received);
        hash?.update(chunk);
        received += chunk.length;
        if (remote.size !== null && received > remote.size) break; // check() says so
        onProgress?.({ file: asked.file ?? "", received, size: remote.size });
      }
      if (remote.size === null || received >= remote.size) break;
      throw new NoAnswer(`the connection ended after ${received} of ${remote.size} bytes`);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      breaks = received > before ? 1 : breaks + 1;
      if (breaks >= MOST_BREAKS) throw error;
      await sleep(PAUSE * breaks, settings.signal);
    }
  }
  if (hash === null && remote.size === null && isGitHash(remote.etag)) return null;
  return { size: received, digest: hash?.digest("hex") ?? null };
}

/** Whether an answer goes on from a place: 206, and from there. */
const continues = (response: Response, from: number): boolean =>
  response.status === 206 && (response.headers.get("content-range") ?? "").startsWith(`bytes ${from}-`);

/** A body's pieces; a connection that breaks or stalls is a `NoAnswer`. */
async function* chunks(
  body: ReadableStream<Uint8Array>,
  stall: AbortController,
  settings: HubSettings,
): AsyncGenerator<Uint8Array> {
  const timer = setTimeout(() => stall.abort(), settings.dataTimeout);
  try {
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      timer.refresh();
      yield chunk;
      timer.refresh();
    }
  } catch (error) {
    settings.signal?.throwIfAborted();
    const why = stall.signal.aborted ? `no data for ${settings.dataTimeout / 1000} s` : reason(error);
    throw new NoAnswer(`the connection broke: ${why}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function writeAt(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    done += (await file.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
  }
}

const isSha256 = (etag: string): boolean => /^[0-9a-f]{64}$/.test(etag);
const isGitHash = (etag: string): boolean => /^[0-9a-f]{40}$/.test(etag);

/** git hashes a blob's size before its bytes: null while that is unknown, and where the etag is no hash. */
function startHash(etag: string, size: number | null): Hash | null {
  if (isSha256(etag)) return createHash("sha256");
  if (isGitHash(etag) && size !== null) return createHash("sha1").update(`blob ${size}\0`);
  return null;
}

async function hashFile(path: string, remote: RemoteBlob): Promise<Received> {
  let size = 0;
  for await (const chunk of createReadStream(path)) size += (chunk as Buffer).length;
  const hash = startHash(remote.etag, size);
  if (hash) for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return { size, digest: hash?.digest("hex") ?? null };
}

function check(asked: Asked, remote: RemoteBlob, found: Received): void {
  const fail = (what: string): never => {
    throw new HubError(
      asked.where,
      "corrupt",
      `${asked.file} of ${asked.repo.id}: ${what}. What arrived was deleted`,
      "Try again; if it stays so, a proxy or the server changes the file.",
    );
  };
  if (remote.size !== null && found.size !== remote.size)
    fail(`${found.size} bytes arrived, ${remote.size} were announced`);
  if (found.digest !== null && found.digest !== remote.etag) {
    fail(`its ${isSha256(remote.etag) ? "sha256" : "git sha1"} is ${found.digest}, ${remote.etag} was announced`);
  }
}
