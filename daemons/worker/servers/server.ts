import { LinkedAbort } from "#shared/aborts.ts";
import { isRecord, parseJson } from "#shared/json.ts";
import { errorMessage, invalidRequest, LlorchError } from "#shared/errors.ts";
import { readSse } from "#shared/http/sse.ts";

/** Longest wait for a reply that is not a stream, in milliseconds. */
const CALL_MS = 60_000;

/** A server with OpenAI's API on this machine. */
export interface OpenaiServer {
  /** @throws {LlorchError} the server's error, see {@linkcode serverError} */
  get(path: string, signal: AbortSignal): Promise<unknown>;
  /** @throws {LlorchError} as {@linkcode get} */
  post(path: string, body: unknown, signal: AbortSignal): Promise<unknown>;
  /**
   * The chunks of a streamed reply, up to its end.
   *
   * @throws {LlorchError} as {@linkcode get}, also in mid-stream
   */
  stream(path: string, body: unknown, signal: AbortSignal): AsyncGenerator<unknown>;
}

/**
 * A client of the server at `baseUrl`.
 *
 * @throws {LlorchError} from its methods, see {@linkcode OpenaiServer}
 */
export function openaiServer(baseUrl: string, apiKey: string): OpenaiServer {
  async function send(path: string, body: unknown, signal: AbortSignal): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(baseUrl + path, {
        method: body === undefined ? "GET" : "POST",
        headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
        redirect: "error",
        signal,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      signal.throwIfAborted();
      throw lost(errorMessage(error), error);
    }
    if (response.ok) return response;
    const text = await response.text().catch(() => "");
    throw serverError(response.status, parseJson(text) ?? text);
  }

  async function call(path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    using limit = new LinkedAbort(signal);
    limit.abortAfter(CALL_MS, () => lost(`no reply to ${path} within ${CALL_MS} ms`));
    const response = await send(path, body, limit.signal);
    return parseJson(await response.text());
  }

  return {
    get: (path, signal) => call(path, undefined, signal),
    post: call,
    async *stream(path, body, signal) {
      const response = await send(path, body, signal);
      if (!response.body) throw lost("it answered a stream without a body");
      try {
        for await (const { data } of readSse(response.body, signal)) {
          if (data === "[DONE]") return;
          const chunk = parseJson(data);
          const error = isRecord(chunk) ? chunk["error"] : undefined;
          if (isRecord(error)) throw serverError(Number(error["code"]) || 500, chunk);
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

function lost(reason: string, cause?: unknown): LlorchError {
  const message = `The engine does not answer: ${reason}; the job can continue elsewhere`;
  return new LlorchError("WORKER_LOST", message, { cause });
}

/** Matches servers' messages about a prompt that is too long, since they have no common code. */
const TOO_LONG = /context (size|length|window)|maximum.{0,20}length|max_model_len|too long/i;

/**
 * Converts a server's error to one of our codes. Errors of the caller keep the server's message;
 * others become errors of the worker.
 *
 * @param body The reply: OpenAI's envelope, vLLM's flat one, FastAPI's `detail`, or text.
 */
export function serverError(status: number, body: unknown): LlorchError {
  const envelope = isRecord(body) && isRecord(body["error"]) ? body["error"] : body;
  const fields = isRecord(envelope) ? envelope : {};
  const sent = fields["message"] ?? fields["detail"] ?? envelope;
  const text = (typeof sent === "string" ? sent : JSON.stringify(sent) ?? "").slice(0, 500).trim();
  const words = text === "" ? `status ${status}` : text;
  const isTheirs = status === 400 || status === 413 || status === 422 || status === 501;
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
  const options = { retryAfterMs: 1000 };
  if (status === 429) return new LlorchError("QUEUE_FULL", `The engine is busy: ${words}`, options);
  if (status === 503) {
    return new LlorchError("NOT_READY", `The engine takes no requests: ${words}`, options);
  }
  return new LlorchError("INTERNAL", "The engine failed; the worker's log has its message", {
    cause: new Error(`status ${status}: ${words}`),
  });
}
