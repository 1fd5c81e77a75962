import { LlorchError } from "#shared/errors.ts";
import type { Hub } from "./hub.ts";
import { askHub } from "./hub_http.ts";
import { withStallLimit } from "./stall.ts";

/** A file in a repository of the hub. */
export interface FileAddress {
  /** `org/repo`. */
  readonly repo: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** Path inside the repository. */
  readonly file: string;
}

/** The hub's facts about a file, before any of it is read. */
export interface RemoteFile extends FileAddress {
  readonly url: string;
  readonly sizeBytes: number;
  /** Hash of its content; absent for files that the hub does not store by hash. */
  readonly sha256?: string;
  /** Identifies this content; absent when the server sends no ETag. */
  readonly tag?: string;
  /** Commit that the revision means now. */
  readonly commit?: string;
}

/** The URL of a file, as the hub's own tool writes it. */
export function fileUrl(hub: Hub, { repo, revision, file }: FileAddress): string {
  const path = file.split("/").map(encodeURIComponent).join("/");
  return `${hub.endpoint}/${repo}/resolve/${encodeURIComponent(revision)}/${path}`;
}

/**
 * Asks the hub for size and content hash of a file.
 *
 * @throws {LlorchError} the hub's error; `NOT_READY` if the reply does not say the size
 */
export async function probeFile(
  hub: Hub,
  address: FileAddress,
  signal: AbortSignal,
): Promise<RemoteFile> {
  const url = fileUrl(hub, address);
  const headers = await withStallLimit(hub.stallMs, signal, async (limited) => {
    const { hubHeaders, response } = await askHub(hub, url, {
      method: "HEAD",
      signal: limited,
      stayOnHub: true,
    });
    await response.body?.cancel();
    return hubHeaders;
  });
  const etag = unquote(headers.get("x-linked-etag") ?? headers.get("etag"));
  const sizeBytes = Number(headers.get("x-linked-size") ?? headers.get("content-length") ?? NaN);
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0) {
    throw new LlorchError(
      "NOT_READY",
      `${new URL(url).host} does not say how long ${address.file} is: check HF_ENDPOINT`,
    );
  }
  const commit = headers.get("x-repo-commit");
  return {
    ...address,
    url,
    sizeBytes,
    ...(/^[0-9a-f]{64}$/.test(etag) ? { sha256: etag } : {}),
    ...(etag === "" ? {} : { tag: etag.replace(/[^\w-]/g, "").slice(0, 16) }),
    ...(commit === null ? {} : { commit }),
  };
}

function unquote(etag: string | null): string {
  return (etag ?? "").replace(/^W\//, "").replaceAll('"', "");
}
