import { LlorchError } from "#shared/errors.ts";
import { formatReference, isReference } from "#shared/models/reference.ts";
import { splitPart } from "#shared/models/split.ts";
import type { Hub } from "./hub.ts";
import { askHub } from "./hub_http.ts";
import { isProjector } from "./projector.ts";
import { withStallLimit } from "./stall.ts";

/** Most pages of a listing that are read; a repository of models usually has one. */
const MAX_PAGES = 20;

/** Most names shown when there are several files to choose from. */
const MAX_NAMES = 12;

/**
 * The paths of all files of a repository.
 *
 * @throws {LlorchError} the hub's error; `NOT_READY` if the reply is not a list
 */
export async function listFiles(
  hub: Hub,
  repo: string,
  revision: string,
  signal: AbortSignal,
): Promise<string[]> {
  const first = `${hub.endpoint}/api/models/${repo}/tree/${encodeURIComponent(revision)}`;
  const paths: string[] = [];
  let url: string | undefined = `${first}?recursive=1`;
  for (let page = 0; url !== undefined && page < MAX_PAGES; page++) {
    const at: string = url;
    const { response, json } = await withStallLimit(hub.stallMs * 3, signal, async (limited) => {
      const { response } = await askHub(hub, at, { signal: limited });
      return { response, json: await response.json().catch(() => undefined) as unknown };
    });
    if (!Array.isArray(json)) {
      throw new LlorchError(
        "NOT_READY",
        `${hub.endpoint} does not list ${repo}: check HF_ENDPOINT`,
      );
    }
    for (const entry of json) {
      if (entry?.type === "file" && typeof entry.path === "string") paths.push(entry.path);
    }
    url = nextPage(response.headers.get("link"), hub);
  }
  return paths;
}

/**
 * The only model of a repository.
 *
 * @param paths Of all its files.
 * @throws {LlorchError} with the names when there are several, or none.
 */
export function onlyModel(paths: readonly string[], repo: string): string {
  const files = paths.filter(isModel);
  const [first, ...others] = files;
  if (first === undefined) {
    throw new LlorchError("NOT_FOUND", `${repo} has no GGUF file: look for a repository that has`);
  }
  if (others.length === 0) {
    if (isReference(formatReference({ kind: "hf", ...ANY_REPOSITORY, file: first }))) return first;
    throw new LlorchError(
      "INVALID_REQUEST",
      `${repo} names a file ${JSON.stringify(first)}, which is no plain path inside it: ` +
        "take another repository",
    );
  }
  const names = files.slice(0, MAX_NAMES).join(", ");
  const more = files.length > MAX_NAMES ? `, and ${files.length - MAX_NAMES} more` : "";
  throw new LlorchError(
    "INVALID_REQUEST",
    `${repo} has ${files.length} GGUF files: add ::file= and one of ${names}${more}`,
  );
}

/** Only the file's name is checked. */
const ANY_REPOSITORY = { org: "org", repo: "repo" } as const;

/**
 * Whether a path is that of a GGUF model, and not a later part of a split one. Projectors and importance matrices
 * belong to a model but are no models.
 */
function isModel(path: string): boolean {
  if (!/\.gguf$/i.test(path) || isProjector(path) || /(^|\/)imatrix[^/]*$/i.test(path)) {
    return false;
  }
  return (splitPart(path)?.part ?? 1) === 1;
}

function nextPage(link: string | null, hub: Hub): string | undefined {
  const next = /<([^>]+)>;\s*rel="next"/.exec(link ?? "")?.[1];
  return next?.startsWith(`${hub.endpoint}/`) ? next : undefined;
}
