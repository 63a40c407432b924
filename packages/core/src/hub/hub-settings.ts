import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import type { HubOptions } from "./hub-options.ts";

/** What holds for one call: its options, else the environment, as Python's client reads it. */
export interface HubSettings {
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly token: string | null;
  readonly cacheDir: string;
  readonly offline: boolean;
  /** Copies in place of symbolic links. */
  readonly copies: boolean;
  /** Milliseconds that a request may take to answer. */
  readonly answerTimeout: number;
  /** Milliseconds without data after which a download counts as broken. */
  readonly dataTimeout: number;
  readonly signal: AbortSignal | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function hubSettings(options: Omit<HubOptions, "onProgress">, env: Environment = process.env): HubSettings {
  const endpoint = (options.endpoint ?? (env.HF_ENDPOINT || "https://huggingface.co")).replace(/\/+$/, "");
  if (!/^https?:\/\/[^/?#@]+(\/[^?#]*)?$/.test(endpoint) || !URL.canParse(endpoint)) {
    throw new EngineError(
      "hub",
      `the endpoint is ${JSON.stringify(endpoint)}`,
      "Use an address such as https://huggingface.co.",
    );
  }
  return {
    endpoint,
    token: findToken(options.token, env),
    cacheDir: options.cacheDir ?? hubCacheFolder(env),
    offline: options.localFilesOnly ?? isOn(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE),
    copies: isOn(env.HF_HUB_DISABLE_SYMLINKS),
    answerTimeout: 1000 * seconds(env.HF_HUB_ETAG_TIMEOUT),
    dataTimeout: 1000 * seconds(env.HF_HUB_DOWNLOAD_TIMEOUT),
    signal: options.signal,
  };
}

/** The folder of downloaded repositories, which Python's client shares. */
export function hubCacheFolder(env: Environment = process.env): string {
  const named = env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE;
  return named ? expand(named, env) : join(hubHome(env), "hub");
}

function hubHome(env: Environment): string {
  if (env.HF_HOME) return expand(env.HF_HOME, env);
  return join(env.XDG_CACHE_HOME ? expand(env.XDG_CACHE_HOME, env) : join(homedir(), ".cache"), "huggingface");
}

/** `~` and `$NAME` or `${NAME}` in a path from the environment. */
function expand(path: string, env: Environment): string {
  const filled = path.replace(/\$(\w+)|\$\{([^}]*)\}/g, (text, bare, braced) => env[bare ?? braced] ?? text);
  return filled.replace(/^~(?=$|[/\\])/, homedir());
}

function findToken(given: string | undefined, env: Environment): string | null {
  if (given !== undefined) return checkToken(given.trim());
  if (isOn(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return null;
  const set = (env.HF_TOKEN ?? env.HUGGING_FACE_HUB_TOKEN ?? "").replace(/[\r\n]/g, "").trim();
  if (set) return checkToken(set);
  try {
    const path = env.HF_TOKEN_PATH ? expand(env.HF_TOKEN_PATH, env) : join(hubHome(env), "token");
    return checkToken(
      readFileSync(path, "utf8")
        .replace(/[\r\n]/g, "")
        .trim(),
    );
  } catch (error) {
    if (error instanceof EngineError) throw error;
    return null; // nobody logged in
  }
}

function checkToken(token: string): string | null {
  if (token === "") return null;
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new EngineError("hub", "the access token has characters that no token has", "Copy it anew, without spaces.");
  }
  return token;
}

const isOn = (value: string | undefined): boolean => /^(1|on|yes|true)$/i.test(value ?? "");

const seconds = (value: string | undefined): number => {
  const number = Number(value);
  return Number.isInteger(number) && number > 0 ? number : 10;
};

/** What holds for the hub in this environment, without the token itself. */
export interface HubStatus {
  readonly endpoint: string;
  readonly cacheFolder: string;
  readonly offline: boolean;
  readonly hasToken: boolean;
}

export function hubStatus(): HubStatus {
  const { endpoint, cacheDir, offline, token } = hubSettings({});
  return { endpoint, cacheFolder: cacheDir, offline, hasToken: token !== null };
}
