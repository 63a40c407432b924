/** What kind of repository. */
export type RepoType = "model" | "dataset" | "space";

/** How far a download is. */
export interface DownloadProgress {
  /** The file's path in the repository. */
  readonly file: string;
  /** Bytes of it that have arrived. */
  readonly received: number;
  /** Its bytes; null where the server does not say. */
  readonly size: number | null;
}

/** Of every function that reads from the hub. */
export interface HubOptions {
  /** A branch, a tag or a commit. @default "main" */
  revision?: string;
  /**
   * Access token; sent to the hub only, never to the storage it redirects to.
   *
   * @default the environment variable HF_TOKEN, else the file that `huggingface-cli login` writes
   */
  token?: string;
  /** @default the environment variable HF_HUB_CACHE, else `$HF_HOME/hub`, else `~/.cache/huggingface/hub` */
  cacheDir?: string;
  /** @default the environment variable HF_ENDPOINT, else "https://huggingface.co" */
  endpoint?: string;
  /** Makes no request: only the cache answers. @default whether the environment variable HF_HUB_OFFLINE is on */
  localFilesOnly?: boolean;
  /** @default "model" */
  repoType?: RepoType;
  /** Stops the work; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called as files arrive; not for files that the cache has. */
  onProgress?: (progress: DownloadProgress) => void;
}
