import { EngineError } from "../errors.ts";

/**
 * Why a call to the hub or its cache failed: for callers to whom the cases differ.
 *
 * - `no-repo`: there is no such repository, or it is private and the token does not reach it
 * - `no-revision`, `no-file`: the repository has no such branch, tag or commit; no such file there
 * - `gated`: access has to be asked for on the repository's page
 * - `refused`: any other 4xx status
 * - `unreachable`: no connection, a timeout, or a 5xx status
 * - `offline`: requests are switched off, and the cache does not have it
 * - `corrupt`: what arrived has the wrong size or checksum, or the answer makes no sense
 */
export type HubErrorCode =
  | "no-repo"
  | "no-revision"
  | "no-file"
  | "gated"
  | "refused"
  | "unreachable"
  | "offline"
  | "corrupt";

/** A call to the hub failed. */
export class HubError extends EngineError {
  override readonly name: string = "HubError";
  readonly code: HubErrorCode;

  constructor(where: string, code: HubErrorCode, what: string, wayOut: string, options?: ErrorOptions) {
    super(where, what, wayOut, options);
    this.code = code;
  }
}
