import { LlorchError } from "#shared/errors.ts";
import type { Hub } from "./hub.ts";
import { fileChanged, statusError } from "./hub_errors.ts";
import { askHub, send } from "./hub_http.ts";
import type { RemoteFile } from "./remote_file.ts";

/** A stream of a file's bytes. */
export interface ByteStream {
  /** Offset in the file of the first byte. */
  readonly position: number;
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  /** Whether the server sent the requested part; otherwise this is the file from its start. */
  readonly isPart: boolean;
}

/** HTTP statuses of an address that the hub redirected to, once its signature has expired. */
const EXPIRED: ReadonlySet<number> = new Set([400, 401, 403, 404, 410]);

/** Opens parts of one file of the hub, and checks that all are of the same content. */
export class ByteSource {
  readonly #hub: Hub;
  readonly #file: RemoteFile;
  #direct: URL | undefined;
  #etag: string | undefined;

  constructor(hub: Hub, file: RemoteFile) {
    this.#hub = hub;
    this.#file = file;
  }

  /**
   * Opens the file from `start` to before `end`.
   *
   * @throws {LlorchError} `retriable` when the failure may be temporary.
   */
  async open(start: number, end: number, signal: AbortSignal): Promise<ByteStream> {
    const headers: Record<string, string> = { range: `bytes=${start}-${end - 1}` };
    if (this.#etag !== undefined) headers["if-range"] = this.#etag;
    const response = await this.#request(headers, signal);
    try {
      return this.#check(response, start);
    } catch (error) {
      await response.body?.cancel();
      throw error;
    }
  }

  /** The address that the hub redirected to is used again until its signature has expired. */
  async #request(headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    if (this.#direct !== undefined) {
      const response = await send(this.#direct, signal, {
        headers: { "accept-encoding": "identity", ...headers },
      });
      if (response.ok) return response;
      await response.body?.cancel();
      const isExpired = EXPIRED.has(response.status) || response.status < 400;
      if (!isExpired) throw statusError(response, this.#hub, this.#direct);
      this.#direct = undefined;
    }
    const { response, url } = await askHub(this.#hub, this.#file.url, { headers, signal });
    const final = new URL(url);
    if (final.origin !== new URL(this.#hub.endpoint).origin) this.#direct = final;
    return response;
  }

  #check(response: Response, start: number): ByteStream {
    const { headers, status, body } = response;
    const etag = headers.get("etag");
    if (this.#etag !== undefined && etag !== null && etag !== this.#etag) throw fileChanged();
    // A weak validator does not promise the same bytes.
    if (etag !== null && !etag.startsWith("W/")) this.#etag ??= etag;
    if (body === null) throw new LlorchError("NOT_READY", "The server sent nothing");
    if (status !== 206) {
      this.#checkLength(headers.get("content-length"));
      return { position: 0, reader: body.getReader(), isPart: false };
    }
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers.get("content-range") ?? "");
    if (range === null || Number(range[1]) !== start) {
      throw new LlorchError("NOT_READY", "The server sent a different part than was requested");
    }
    this.#checkLength(range[3] === "*" ? null : range[3] ?? null);
    return { position: start, reader: body.getReader(), isPart: true };
  }

  #checkLength(length: string | null): void {
    if (length === null || Number(length) === this.#file.sizeBytes) return;
    throw new LlorchError(
      "CONFLICT",
      `The server has ${length} bytes of ${this.#file.file}, but the hub announced ` +
        `${this.#file.sizeBytes}: try again later, or choose another revision`,
    );
  }
}
