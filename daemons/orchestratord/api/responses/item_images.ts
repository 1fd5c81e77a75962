import { imageAt, takenHash } from "#shared/contracts/mod.ts";
import type { Images } from "../../images/images.ts";
import type { Orchestrator } from "../../service.ts";
import type { ResponseRow } from "../../store/response_store.ts";
import type { Item } from "./prompt.ts";
import { requestOf } from "./stored.ts";

/**
 * Items whose images have been fetched, so that they are kept with the response.
 *
 * @throws {LlorchError} `INVALID_REQUEST` if one cannot be fetched
 */
export async function fetchedItems(
  images: Pick<Images, "fetched">,
  items: readonly Item[],
): Promise<readonly Item[]> {
  const urls = new Map<string, string>();
  for (const url of urlsOf(items)) {
    if (!isRemote(url) || urls.has(url)) continue;
    urls.set(url, await images.fetched(url, "input"));
  }
  return urls.size === 0 ? items : withUrls(items, (url) => urls.get(url) ?? url);
}

/** Whether an item has an image that must be fetched. */
export function hasRemoteImages(items: readonly Item[]): boolean {
  return urlsOf(items).some(isRemote);
}

const isRemote = (url: string) => /^https?:/i.test(url);

/**
 * Stores a response, and the images that its client sent with it, each by its hash.
 *
 * @throws {LlorchError} `NOT_READY` if they cannot be written
 */
export async function storeResponse(
  { store, images }: Pick<Orchestrator, "store" | "images">,
  row: ResponseRow,
): Promise<void> {
  const request = requestOf(row);
  const urls = urlsOf(request.items).filter((url) => /^data:/i.test(url));
  if (urls.length === 0) return await store.responses.add(row);
  const taken = await images.take([{ role: "user", content: urls.map(imageAt) }]);
  const settled = await images.keep(row.id, taken);
  try {
    const items = withUrls(request.items, (url) => taken.urlOf(url) ?? url);
    await store.responses.add({ ...row, request: JSON.stringify({ ...request, items }) });
  } finally {
    settled();
  }
}

/**
 * Items as the client sent them, with the bytes of their images.
 *
 * @throws {LlorchError} `CONTENT_EXPIRED` if an image is gone
 */
export async function filledItems(
  images: Pick<Images, "filledUrl">,
  items: readonly Item[],
): Promise<Item[]> {
  const urls = new Map<string, string>();
  for (const url of urlsOf(items)) {
    if (takenHash(url) !== undefined) urls.set(url, await images.filledUrl(url));
  }
  return withUrls(items, (url) => urls.get(url) ?? url);
}

function urlsOf(items: readonly Item[]): string[] {
  const urls: string[] = [];
  withUrls(items, (url) => {
    urls.push(url);
    return url;
  });
  return urls;
}

/** Items whose images have other URLs. */
function withUrls(items: readonly Item[], newUrl: (url: string) => string): Item[] {
  const partsOf = <P extends { readonly type: string }>(parts: string | P[]) =>
    typeof parts === "string"
      ? parts
      : parts.map((part) =>
        part.type === "input_image" && "image_url" in part
          ? { ...part, image_url: newUrl(String(part.image_url)) }
          : part
      );
  return items.map((item): Item => {
    if (item.type === "message" && item.role === "user") {
      return { ...item, content: partsOf(item.content) };
    }
    return "output" in item ? { ...item, output: partsOf(item.output) } : item;
  });
}
