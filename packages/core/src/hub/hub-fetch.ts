import type { HubSettings } from "./hub-settings.ts";

/** Hosts that get the token whatever the endpoint: its mirrors lead there. */
const HUB_ORIGINS: ReadonlySet<string> = new Set(["https://huggingface.co", "https://hf.co"]);

const ATTEMPTS = 3;
const FIRST_PAUSE = 200; // milliseconds; doubles
const LONGEST_PAUSE = 5000;
const MOST_REDIRECTS = 5;

export interface HubRequest extends RequestInit {
  /** Stops at a redirect to a host that is no part of the hub, and returns that redirect. */
  stopOutside?: boolean;
}

/** No answer came: no connection, or none in time. */
export class NoAnswer extends Error {}

/** Whether an address belongs to the hub, so that it may see the token. */
export function isHubUrl(settings: HubSettings, url: string): boolean {
  const { origin } = new URL(url);
  return origin === new URL(settings.endpoint).origin || HUB_ORIGINS.has(origin);
}

/**
 * A request with the token where it belongs: to hub hosts, step by step along redirects, and to nobody else (a storage
 * host may get an `authorization` of its own in `request.headers`). Reading
 * requests are repeated when the connection fails, the server has a fault (5xx) or asks for patience (429).
 *
 * @throws NoAnswer, or the signal's reason when it stops the work
 */
export async function hubFetch(settings: HubSettings, url: string, request: HubRequest = {}): Promise<Response> {
  const method = request.method ?? "GET";
  const attempts = method === "GET" || method === "HEAD" ? ATTEMPTS : 1;
  for (let attempt = 1, pause = FIRST_PAUSE; ; attempt++, pause *= 2) {
    settings.signal?.throwIfAborted();
    let wait = pause;
    try {
      const response = await follow(settings, url, request);
      if (attempt === attempts || (response.status < 500 && response.status !== 429)) return response;
      wait = Math.max(pause, 1000 * (Number(response.headers.get("retry-after")) || 0));
      if (wait > LONGEST_PAUSE) return response;
      await response.body?.cancel();
    } catch (error) {
      settings.signal?.throwIfAborted();
      if (attempt === attempts || !(error instanceof NoAnswer)) throw error;
    }
    await sleep(wait, settings.signal);
  }
}

async function follow(settings: HubSettings, start: string, request: HubRequest): Promise<Response> {
  const { stopOutside = false, ...init } = request;
  let url = start;
  for (let redirects = 0; ; redirects++) {
    const response = await once(settings, url, init);
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || location === null) return response;
    if (!URL.canParse(location, url)) throw new NoAnswer(`${url} redirects to no address`);
    const next = new URL(location, url).href;
    if (!/^https?:/.test(next)) throw new NoAnswer(`${url} redirects to ${new URL(next).protocol}`);
    if (stopOutside && !isHubUrl(settings, next)) return response;
    if (redirects === MOST_REDIRECTS) throw new NoAnswer(`${start} redirects more than ${MOST_REDIRECTS} times`);
    await response.body?.cancel();
    // A credential of the request's own is for the host that it was made for.
    if (new URL(next).origin !== new URL(url).origin) {
      init.headers = new Headers(init.headers);
      init.headers.delete("authorization");
    }
    url = next;
  }
}

async function once(settings: HubSettings, url: string, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  if (settings.token !== null && isHubUrl(settings, url)) headers.set("authorization", `Bearer ${settings.token}`);
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), settings.answerTimeout);
  const signals = [init.signal, settings.signal, isUpload(init) ? null : timeout.signal].filter(
    (signal) => signal != null,
  );
  try {
    return await fetch(url, { ...init, headers, redirect: "manual", signal: AbortSignal.any(signals) });
  } catch (error) {
    settings.signal?.throwIfAborted();
    init.signal?.throwIfAborted();
    if (timeout.signal.aborted)
      throw new NoAnswer(`no answer from ${hostOf(url)} in ${settings.answerTimeout / 1000} s`);
    throw new NoAnswer(`${hostOf(url)}: ${reason(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** Sending takes as long as it takes. */
const isUpload = (init: RequestInit): boolean => init.method === "PUT" || init.method === "POST";

const hostOf = (url: string): string => new URL(url).host;

/** What is behind fetch's own "fetch failed". */
export function reason(error: unknown): string {
  const { message, cause } = error as Error;
  if (cause instanceof Error) return cause.message || (cause as NodeJS.ErrnoException).code || message;
  return message;
}

export function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
