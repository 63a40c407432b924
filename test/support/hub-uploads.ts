/** The uploading part of the hub for tests: repository and branch creation, preupload, the LFS batch, storage, commits. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type HubServer, json, refuse, sha256, TOKEN } from "./hub-server.ts";

/** A request that changed something. */
export interface Upload {
  readonly kind: "repo" | "branch" | "blob" | "commit" | "pull request";
  readonly name: string;
  readonly body: unknown;
}

export async function uploads(hub: HubServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bodyOf(request);
  const [url, query] = request.url!.split("?") as [string, string | undefined];
  const proposed = query === "create_pr=1";

  if (request.method === "PUT") {
    const oid = url.slice("/upload/".length);
    if (sha256(body) !== oid) return refuse(response, 400);
    hub.blobs.set(oid, body);
    hub.uploads.push({ kind: "blob", name: oid, body });
    response.end();
    return;
  }
  if (request.headers.authorization !== `Bearer ${TOKEN}`) return refuse(response, 401);
  const text = body.toString();
  if (url === "/api/repos/create") {
    const { name, organization, ...rest } = JSON.parse(text);
    const id = `${organization}/${name}`;
    if (hub.repos.has(id))
      return json(response, { error: "You already created this model repo", url: `${hub.endpoint}/${id}` }, 409);
    hub.add(id, {});
    hub.uploads.push({ kind: "repo", name: id, body: rest });
    return json(response, { url: `${hub.endpoint}/${id}`, id });
  }
  const batch = /^\/([^/]+\/[^/]+)\.git\/info\/lfs\/objects\/batch$/.exec(url);
  if (batch) {
    const { objects } = JSON.parse(text) as { objects: { oid: string; size: number }[] };
    const upload = ({ oid }: { oid: string }) => ({ href: `${hub.storage}/upload/${oid}` });
    return json(response, {
      transfer: "basic",
      objects: objects.map((each) => ({
        ...each,
        ...(hub.blobs.has(each.oid) ? {} : { actions: { upload: upload(each) } }),
      })),
    });
  }
  const [, id = "", action = "", name = ""] =
    /^\/api\/models\/([^/]+\/[^/]+)\/(preupload|commit|branch)\/(.+)$/.exec(url) ?? [];
  const repo = hub.repos.get(id);
  if (!repo) return refuse(response, 404, "RepoNotFound");
  const revision = decodeURIComponent(name);
  if (action === "branch") {
    if (repo.revisions.has(revision)) return refuse(response, 409);
    repo.revisions.add(revision);
    hub.uploads.push({ kind: "branch", name: revision, body: null });
    return json(response, {});
  }
  if (!repo.revisions.has(revision)) return refuse(response, 404, "RevisionNotFound");
  if (action === "preupload") {
    const { files } = JSON.parse(text) as { files: { path: string; size: number }[] };
    const mode = (path: string, size: number) => (path.endsWith(".safetensors") || size > 1000 ? "lfs" : "regular");
    return json(response, { files: files.map(({ path, size }) => ({ path, uploadMode: mode(path, size) })) });
  }
  const lines = text.split("\n").map((line) => JSON.parse(line) as { key: string; value: Record<string, string> });
  const commitOid = "c".repeat(40);
  const header = lines.find(({ key }) => key === "header")!.value;
  const made = { commitOid, commitUrl: `${hub.endpoint}/${id}/commit/${commitOid}`, hookOutput: "" };
  if (proposed) {
    hub.uploads.push({ kind: "pull request", name: revision, body: header });
    return json(response, { ...made, pullRequestUrl: `${hub.endpoint}/${id}/discussions/1` });
  }
  for (const { key, value } of lines) {
    if (key === "file") repo.files.set(value.path!, Buffer.from(value.content!, "base64"));
    if (key === "lfsFile") {
      repo.files.set(value.path!, hub.blobs.get(value.oid!)!);
      repo.large.add(value.path!);
    }
  }
  hub.uploads.push({ kind: "commit", name: revision, body: header });
  json(response, made);
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}
