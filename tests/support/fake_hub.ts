/**
 * A fake model hub, and a fake file store that it redirects downloads to. A test can make any reply
 * go wrong.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** A request that one of the two servers got. */
export interface HubRequest {
  readonly server: "hub" | "store";
  readonly method: string;
  readonly path: string;
  readonly authorization: string | null;
  /** First byte of the requested range; 0 without one. */
  readonly start: number;
  /** Number of earlier requests with the same server, method and path. */
  readonly before: number;
}

/** What goes wrong with one reply; empty: nothing does. */
export interface Trouble {
  /** Replies with this status, and with `body` and `headers`. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Breaks the connection after this many bytes of the body. */
  readonly dropAfter?: number;
  /** Sends nothing more after this many bytes of the body, but keeps the connection open. */
  readonly stallAfter?: number;
  /** Sends other bytes, of the same length. */
  readonly corrupt?: boolean;
  /** Ignores ranges and sends the whole file. */
  readonly noRanges?: boolean;
  /** Serves only this many bytes of the file, with a matching `content-length`. */
  readonly length?: number;
  /** Sends no `content-length`, and this many bytes more than the file has. */
  readonly surplus?: number;
}

/** Options of {@linkcode withFakeHub}. */
export interface FakeHubOptions {
  /** Contents by `org/repo/path`. */
  readonly files: Record<string, Uint8Array<ArrayBuffer>>;
  /** Hashes that the hub announces, by the same key; the right one by default, `null` for none. */
  readonly hashes?: Record<string, string | null>;
  readonly trouble?: (request: HubRequest) => Trouble | undefined;
  /** Serves the files itself instead of redirecting. */
  readonly isStoreless?: boolean;
}

/** A running fake hub. */
export interface FakeHub {
  readonly url: string;
  readonly requests: HubRequest[];
  /** May be changed while the hub runs. */
  readonly files: Record<string, Uint8Array<ArrayBuffer>>;
}

/** Runs a test with a fake hub and its store, on free ports. */
export async function withFakeHub(
  options: FakeHubOptions,
  test: (hub: FakeHub) => Promise<void>,
): Promise<void> {
  const play = new Play(options);
  await using store = listen((request) => play.store(request));
  play.storeUrl = `http://127.0.0.1:${store.addr.port}`;
  await using hub = listen((request) => play.hub(request));
  await test({
    url: `http://127.0.0.1:${hub.addr.port}`,
    requests: play.requests,
    files: options.files,
  });
}

function listen(handler: (request: Request) => Response) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  return {
    addr: server.addr,
    async [Symbol.asyncDispose]() {
      await server.shutdown().catch(() => {});
    },
  };
}

class Play {
  readonly requests: HubRequest[] = [];
  readonly #options: FakeHubOptions;
  storeUrl = "";

  constructor(options: FakeHubOptions) {
    this.#options = options;
  }

  hub(request: Request): Response {
    const { pathname } = new URL(request.url);
    const { trouble, response } = this.#note("hub", request, pathname);
    if (response) return response;
    const listed = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/[^/]+$/.exec(pathname)?.[1];
    if (listed !== undefined) return this.#list(listed);
    const found = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(decodeURIComponent(pathname));
    const key = `${found?.[1]}/${found?.[3]}`;
    const content = this.#options.files[key];
    if (content === undefined) {
      return new Response("Entry not found", {
        status: 404,
        headers: { "x-error-code": "EntryNotFound" },
      });
    }
    const announced = this.#options.hashes?.[key];
    const hash = announced === undefined ? sha256(content) : announced;
    const headers = {
      "x-repo-commit": "c".repeat(40),
      "x-linked-size": String(content.length),
      ...(hash === null ? {} : { "x-linked-etag": `"${hash}"` }),
    };
    if (this.#options.isStoreless) return serve(request, content, trouble, headers);
    return new Response(null, {
      status: 302,
      headers: { ...headers, location: `${this.storeUrl}/blob/${key}?signature=x` },
    });
  }

  store(request: Request): Response {
    const { pathname } = new URL(request.url);
    const { trouble, response } = this.#note("store", request, pathname);
    const content = this.#options.files[decodeURIComponent(pathname).slice("/blob/".length)];
    return response ??
      (content === undefined
        ? new Response(null, { status: 404 })
        : serve(request, content, trouble));
  }

  #note(server: HubRequest["server"], request: Request, path: string) {
    const { method, headers } = request;
    const entry: HubRequest = {
      server,
      method,
      path,
      authorization: headers.get("authorization"),
      start: Number(/^bytes=(\d+)/.exec(headers.get("range") ?? "")?.[1] ?? 0),
      before:
        this.requests.filter((each) =>
          each.server === server && each.method === method && each.path === path
        ).length,
    };
    this.requests.push(entry);
    const trouble = this.#options.trouble?.(entry) ?? {};
    const response = trouble.status === undefined ? undefined : new Response("no", {
      status: trouble.status,
      headers: { ...trouble.headers },
    });
    return { trouble, response };
  }

  #list(repo: string): Response {
    const entries = Object.keys(this.#options.files)
      .filter((key) => key.startsWith(`${repo}/`))
      .map((key) => ({
        type: "file",
        path: key.slice(repo.length + 1),
        size: this.#options.files[key]!.length,
      }));
    if (entries.length === 0) return new Response(null, { status: 404 });
    return Response.json([{ type: "directory", path: "doc" }, ...entries]);
  }
}

/** Serves a file, or the requested range of it. */
function serve(
  request: Request,
  whole: Uint8Array<ArrayBuffer>,
  trouble: Trouble,
  more: Readonly<Record<string, string>> = {},
): Response {
  const content = trouble.length === undefined ? whole : whole.slice(0, trouble.length);
  const etag = `"${sha256(whole).slice(0, 32)}"`;
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "");
  const condition = request.headers.get("if-range");
  const isPart = range !== null && !trouble.noRanges && (condition === null || condition === etag);
  const start = isPart ? Number(range[1]) : 0;
  const last = isPart && range[2] ? Number(range[2]) : content.length - 1;
  if (start >= content.length) return new Response(null, { status: 416 });
  const bytes = content.slice(start, Math.min(last, content.length - 1) + 1);
  if (trouble.corrupt) bytes[bytes.length - 1] = bytes[bytes.length - 1]! ^ 1;
  const headers = new Headers({ etag, ...more });
  if (isPart) {
    const end = start + bytes.length - 1;
    headers.set("content-range", `bytes ${start}-${end}/${content.length}`);
  }
  if (trouble.surplus === undefined) headers.set("content-length", String(bytes.length));
  const body = request.method === "HEAD" ? null : bodyOf(bytes, trouble);
  return new Response(body, { status: isPart ? 206 : 200, headers });
}

function bodyOf(
  bytes: Uint8Array<ArrayBuffer>,
  { dropAfter, stallAfter, surplus }: Trouble,
): BodyInit {
  if (dropAfter === undefined && stallAfter === undefined && surplus === undefined) return bytes;
  let isSent = false;
  return new ReadableStream({
    async pull(controller) {
      if (!isSent) {
        isSent = true;
        const count = dropAfter ?? stallAfter;
        if (count !== 0) controller.enqueue(bytes.subarray(0, count));
        if (surplus !== undefined) controller.enqueue(new Uint8Array(surplus));
        // Fewer bytes than `content-length` says: the server breaks the connection.
      } else if (surplus !== undefined || dropAfter !== undefined) controller.close();
      else await new Promise(() => {});
    },
  });
}

function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
