import {
  type Message,
  NO_AUDIO,
  NO_IMAGES,
  type Sense,
  senseOf,
  takenHash,
  takenUrl,
  urlOf,
  withMedia,
} from "#shared/contracts/mod.ts";
import { type FieldError, invalidRequest, LlorchError } from "#shared/errors.ts";
import { ImageHosts } from "#shared/net/image_hosts.ts";
import type { Config } from "../config.ts";
import type { OrchestratorMetrics } from "../metrics.ts";
import type { Image, ImageStore } from "../store/image_store.ts";
import { fetchImage, type ImageSource } from "./fetch_image.ts";
import { HeldImages } from "./held_images.ts";
import { ImageRefusal, readDataUrl, readImage, readSound } from "./read_image.ts";

/** Dependencies of {@linkcode Images}. */
export interface ImagesDeps {
  readonly config: Pick<Config, "images">;
  readonly store: { readonly images: ImageStore };
  readonly metrics: Pick<OrchestratorMetrics, "images">;
  /** Replaces the system's resolver and network. */
  readonly network?: Pick<ImageSource, "resolve" | "get">;
}

/** The images of a request. */
export interface TakenImages {
  /** New ones, each once. */
  readonly images: readonly Image[];
  /** Hashes of those that are stored already. */
  readonly known: readonly string[];
  /** The URL by which an image of the request is known from now on. */
  readonly urlOf: (url: string) => string | undefined;
}

const NONE: TakenImages = { images: [], known: [], urlOf: () => undefined };

/** Takes the images of requests, and gives them to workers. */
export class Images {
  readonly #deps: ImagesDeps;
  readonly #held: HeldImages;

  constructor(deps: ImagesDeps) {
    this.#deps = deps;
    this.#held = new HeldImages(() => deps.config.images.max_held_bytes);
  }

  /** Bytes of the images in memory. */
  get heldBytes(): number {
    return this.#held.bytes;
  }

  /**
   * Reads and checks every image of a request.
   *
   * @param mayName Whether the request may name images by their hash, which clients must not.
   * @throws {LlorchError} `INVALID_REQUEST` that names the parts that cannot be taken
   */
  async take(messages: readonly Message[] | undefined, mayName = false): Promise<TakenImages> {
    const given = urlsIn(messages);
    if (given.size === 0) return NONE;
    const { max_count, max_total_bytes } = this.#deps.config.images;
    const count = [...given.values()].reduce((sum, fields) => sum + fields.length, 0);
    if (count > max_count) {
      const message = `has ${count} images: at most ${max_count} are allowed (images.max_count)`;
      throw invalidRequest([{ field: "messages", message }]);
    }
    const urls = new Map<string, string>();
    const images = new Map<string, Image>();
    const known: string[] = [];
    const errors: FieldError[] = [];
    let bytes = 0;
    for (const [url, [field = ""]] of given) {
      const hash = mayName ? takenHash(url) : undefined;
      const held = hash === undefined ? undefined : this.#held.get(hash);
      try {
        if (hash === undefined || held) {
          const image = held ?? await this.#read(url, field);
          urls.set(url, takenUrl(image.sha256));
          if (!images.has(image.sha256)) bytes += image.data.byteLength;
          images.set(image.sha256, image);
        } else {
          const facts = await this.#deps.store.images.facts(hash);
          if (!facts) throw new ImageRefusal("was erased after its retention");
          known.push(hash);
          bytes += facts.bytes;
        }
      } catch (error) {
        if (!(error instanceof ImageRefusal)) throw error;
        errors.push({ field, message: error.message });
      }
      if (bytes > max_total_bytes) {
        const message = `has more than ${max_total_bytes} bytes of images (images.max_total_bytes)`;
        throw invalidRequest([{ field: "messages", message }]);
      }
    }
    if (errors.length > 0) throw invalidRequest(errors);
    return {
      images: [...images.values()],
      known,
      urlOf: (url) => urls.get(url),
    };
  }

  /**
   * Holds new images in memory until they are let go of.
   *
   * @throws {LlorchError} as {@linkcode HeldImages.hold}
   */
  hold({ images }: Pick<TakenImages, "images">): () => void {
    return this.#held.hold(images);
  }

  /** Stores images for a job or response that is about to be stored; see {@linkcode ImageStore.keep}. */
  keep(owner: string, { images, known }: Pick<TakenImages, "images" | "known">) {
    return this.#deps.store.images.keep(owner, images, known);
  }

  /**
   * Messages for a worker, each image with its bytes.
   *
   * @throws {LlorchError} `CONTENT_EXPIRED` if an image is gone
   */
  async filled(messages: readonly Message[]): Promise<Message[]> {
    const urls = new Map<string, string>();
    for (const url of urlsIn(messages).keys()) urls.set(url, await this.filledUrl(url));
    return withMedia(messages, (url) => urls.get(url));
  }

  /**
   * The data: URL of an image; another URL as it is.
   *
   * @throws {LlorchError} `CONTENT_EXPIRED` if the image is gone
   */
  async filledUrl(url: string): Promise<string> {
    const hash = takenHash(url);
    if (hash === undefined) return url;
    const image = this.#held.get(hash) ?? await this.#deps.store.images.get(hash);
    if (!image) throw new LlorchError("CONTENT_EXPIRED", "An image of the request was erased");
    return dataUrlOf(image);
  }

  /**
   * Fetches an image.
   *
   * @param field What names it in errors.
   * @returns its data: URL
   * @throws {LlorchError} `INVALID_REQUEST`
   */
  async fetched(url: string, field: string): Promise<string> {
    try {
      return dataUrlOf(await this.#read(url, field));
    } catch (error) {
      if (!(error instanceof ImageRefusal)) throw error;
      throw invalidRequest([{ field, message: error.message }]);
    }
  }

  async #read(url: string, field: string): Promise<Image> {
    const { config: { images: bounds }, metrics } = this.#deps;
    const isFetched = /^https?:/i.test(url);
    const source = isFetched ? "url" : "data";
    try {
      const data = isFetched ? await this.#fetch(url, field) : readDataUrl(url, bounds);
      const image = /^data:audio\//i.test(url)
        ? await readSound(data, bounds)
        : await readImage(data, bounds);
      metrics.images.inc({ source, outcome: "taken" });
      return image;
    } catch (error) {
      metrics.images.inc({ source, outcome: "refused" });
      throw error;
    }
  }

  #fetch(url: string, field: string): Promise<Uint8Array<ArrayBuffer>> {
    const { config: { images }, network } = this.#deps;
    return fetchImage(url, field, {
      hosts: new ImageHosts(images.fetch_hosts),
      maxBytes: images.max_bytes,
      deadlineMs: images.fetch_timeout_ms,
      ...network,
    });
  }
}

function dataUrlOf({ format, data }: Image): string {
  const kind = format === "wav" || format === "mp3" ? "audio" : "image";
  return `data:${kind}/${format};base64,${data.toBase64()}`;
}

/** The URL of each image and sound, with the fields that have it. */
function urlsIn(messages: readonly Message[] = []): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  for (const [index, { content }] of messages.entries()) {
    if (typeof content === "string") continue;
    for (const [place, part] of content.entries()) {
      if (part.type === "text") continue;
      const url = urlOf(part);
      const known = fields.get(url);
      const field = `messages.${index}.content.${place}`;
      if (known) known.push(field);
      else fields.set(url, [field]);
    }
  }
  return fields;
}

/**
 * Refuses images, or sounds, for a model that does not take them.
 *
 * @param senses Those that it lacks; none: nothing is refused.
 * @throws {LlorchError} `INVALID_REQUEST` in the words that clients look for
 */
export function refuseMedia(
  messages: readonly Message[] = [],
  senses: readonly Sense[],
  model: string,
): void {
  for (const [index, { content }] of messages.entries()) {
    if (typeof content === "string") continue;
    for (const [place, part] of content.entries()) {
      if (part.type === "text" || !senses.includes(senseOf(part))) continue;
      const isImage = part.type === "image_url";
      const message = `${isImage ? NO_IMAGES : NO_AUDIO}: ${model} ${
        isImage ? "sees" : "hears"
      } nothing`;
      throw invalidRequest([{ field: `messages.${index}.content.${place}`, message }]);
    }
  }
}
