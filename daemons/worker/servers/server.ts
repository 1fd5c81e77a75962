import { LinkedAbort } from "#shared/aborts.ts";
import { isRecord, parseJson } from "#shared/json.ts";
import { errorMessage, invalidRequest, LlorchError } from "#shared/errors.ts";
import { readSse } from "#shared/http/sse.ts";
import { Pause } from "./pause.ts";

/** Longest wait for a reply that is not a stream, in milliseconds. */
const CALL_MS = 60_000;

/** A server with OpenAI's API. */
export interface OpenaiServer {
  /** @throws {LlorchError} the server's error, see {@linkcode serverError} */
  get(path: string, signal: AbortSignal): Promise<unknown>;
  /** @throws {LlorchError} as {@linkcode get} */
  text(path: string, signal: AbortSignal): Promise<string>;
  /** @throws {LlorchError} as {@linkcode get} */
  post(path: string, body: unknown, signal: AbortSignal): Promise<unknown>;
  /**
   * The chunks of a streamed reply, up to its end.
   *
   * @throws {LlorchError} as {@linkcode get}, also in mid-stream
   */
  stream(path: string, body: unknown, signal: AbortSignal): AsyncGenerator<unknown>;
}

/** Options of {@linkcode openaiServer}. */
export interface ServerOptions {
  /** Without it, no key is sent. */
  readonly apiKey?: string | undefined;
  /** @default the usual transport */
  readonly http?: Deno.HttpClient | undefined;
  /**
   * Called before each request.
   *
   * @throws {LlorchError} if the server must not be called
   */
  readonly allow?: (signal: AbortSignal) => Promise<void>;
  /**
   * How long a request waits for a server that is busy or being restarted, in milliseconds; after it,
   * the request ends with that error. @default 0
   */
  readonly patienceMs?: number;
}

/**
 * A client of the server at `baseUrl`.
 *
 * @throws {LlorchError} from its methods, see {@linkcode OpenaiServer}
 */
export function openaiServer(baseUrl: string, options: ServerOptions = {}): OpenaiServer {
  const { apiKey, http, allow, patienceMs = 0 } = options;
  const pause = new Pause(patienceMs);

  async function send(path: string, body: unknown, signal: AbortSignal): Promise<Response> {
    await allow?.(signal);
    let response: Response;
    try {
      response = await fetch(baseUrl + path, {
        method: body === undefined ? "GET" : "POST",
        headers: {
          ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
          "content-type": "application/json",
        },
        redirect: "manual",
        signal,
        ...(http ? { client: http } : {}),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      signal.throwIfAborted();
      throw lost(reasonOf(error), error);
    }
    if (response.ok) return response;
    const retryAfterMs = retryAfter(response.headers.get("retry-after"));
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel();
      throw lost(`it redirects ${whither(response)}, which is not followed`);
    }
    const text = withoutKey(await response.text().catch(() => ""), apiKey);
    throw serverError(response.status, parseJson(text) ?? text, retryAfterMs);
  }

  /** Sends a request again to a server that was busy, before anything of its answer has come. */
  async function sendPatiently(
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<Response> {
    const wait = pause.begin();
    while (true) {
      await wait.untilFree(signal);
      try {
        return await send(path, body, signal);
      } catch (error) {
        signal.throwIfAborted();
        wait.failed(error);
      }
    }
  }

  async function call(path: string, body: unknown, signal: AbortSignal): Promise<string> {
    using limit = new LinkedAbort(signal);
    limit.abortAfter(CALL_MS, () => lost(`no reply to ${path} within ${CALL_MS} ms`));
    const response = await (body === undefined ? send : sendPatiently)(path, body, limit.signal);
    return await response.text().catch((error) => {
      limit.signal.throwIfAborted();
      throw lost(errorMessage(error), error);
    });
  }

  return {
    get: async (path, signal) => parseJson(await call(path, undefined, signal)),
    text: (path, signal) => call(path, undefined, signal),
    post: async (path, body, signal) => parseJson(await call(path, body, signal)),
    async *stream(path, body, signal) {
      const response = await sendPatiently(path, body, signal);
      if (!response.body) throw lost("it answered a stream without a body");
      try {
        for await (const { data } of readSse(response.body, signal)) {
          if (data === "[DONE]") return;
          const chunk = parseJson(data);
          const error = isRecord(chunk) ? chunk["error"] : undefined;
          if (isRecord(error)) {
            const said = parseJson(withoutKey(data, apiKey));
            throw serverError(Number(error["code"]) || 500, said);
          }
          yield chunk;
        }
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof LlorchError) throw error;
        throw lost(errorMessage(error), error);
      }
    },
  };
}

/** Some servers repeat the key that they refuse. */
function withoutKey(text: string, apiKey: string | undefined): string {
  return apiKey === undefined ? text : text.replaceAll(apiKey, "[key]");
}

/** Where a redirect leads, without the path, which may be secret. */
function whither({ url, status, headers }: Response): string {
  const to = URL.parse(headers.get("location") ?? "", url);
  return to === null ? `(${status}) to nowhere` : `(${status}) to ${to.protocol}//${to.host}`;
}

/** The time in a `Retry-After`, in milliseconds; undefined without one. */
export function retryAfter(value: string | null, now = Date.now()): number | undefined {
  if (value === null) return undefined;
  const ms = /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** What a failed request says: `fetch` hides it in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? reasonOf(cause) : errorMessage(error);
}

/** The end of the message about a server that does not answer. */
export const GOES_ON = "; the job can continue elsewhere";

function lost(reason: string, cause?: unknown): LlorchError {
  const message = `The engine does not answer: ${reason}${GOES_ON}`;
  return new LlorchError("WORKER_LOST", message, { cause });
}

/** Statuses for which the request is the reason: another try would end alike. */
const THEIRS: ReadonlySet<number> = new Set([400, 404, 405, 413, 422, 501]);

/** A key or an account that does not do: the operator's matter, not the client's. */
const REFUSED: ReadonlySet<number> = new Set([401, 402, 403]);

/** A server that loads, is overloaded, or that the proxy before it cannot reach. */
const AWAY: ReadonlySet<number> = new Set([502, 503, 504, 529]);

/** Matches servers' messages about a prompt that is too long, since they have no common code. */
const TOO_LONG = /context (size|length|window)|maximum.{0,20}length|max_model_len|too long/i;

/**
 * Converts a server's error to one of our codes. Errors of the caller keep the server's message;
 * others become errors of the worker.
 *
 * @param body The reply: OpenAI's envelope, vLLM's flat one, FastAPI's `detail`, or text.
 */
export function serverError(status: number, body: unknown, retryAfterMs = 1000): LlorchError {
  const envelope = isRecord(body) && isRecord(body["error"]) ? body["error"] : body;
  const fields = isRecord(envelope) ? envelope : {};
  const sent = fields["message"] ?? fields["detail"] ?? envelope;
  const text = (typeof sent === "string" ? sent : JSON.stringify(sent) ?? "").slice(0, 500).trim();
  const words = text === "" ? `status ${status}` : text;
  const isTheirs = THEIRS.has(status);
  if (fields["type"] === "exceed_context_size_error" || isTheirs && TOO_LONG.test(words)) {
    return new LlorchError(
      "CONTEXT_LENGTH_EXCEEDED",
      `Cannot fit the prompt and a reply: ${words}`,
    );
  }
  if (isTheirs) {
    const field = typeof fields["param"] === "string" ? fields["param"] : "";
    return invalidRequest([{ field, message: `the engine refuses the request: ${words}` }]);
  }
  const options = { retryAfterMs };
  if (status === 429) return new LlorchError("QUEUE_FULL", `The engine is busy: ${words}`, options);
  if (REFUSED.has(status)) {
    // Their words may name the account.
    return new LlorchError("UNAUTHORIZED", `The engine refuses the worker's key (${status})`, {
      cause: new Error(`status ${status}: ${words}`),
    });
  }
  if (AWAY.has(status)) {
    return new LlorchError("NOT_READY", `The engine takes no requests: ${words}`, options);
  }
  return new LlorchError("INTERNAL", "The engine failed; the worker's log has its message", {
    cause: new Error(`status ${status}: ${words}`),
  });
}
