/**
 * A server with OpenAI's API as one that runs elsewhere: with a key, several models, and days on which
 * it refuses, redirects or hangs up. It counts, like `daemons/worker/testing/fake_openai.ts`.
 *
 * @module
 */
import { delay } from "#shared/lifecycle.ts";

/** The key that the server demands. */
export const ELSEWHERE_KEY = "sk-elsewhere-0123456789";

/** A request to the server. */
export interface Call {
  readonly path: string;
  readonly authorization: string | null;
  readonly body: Record<string, unknown>;
}

/** Options of {@linkcode elsewhere}. */
export interface ElsewhereOptions {
  /** As vLLM it returns token ids. */
  readonly kind?: "openai" | "vllm";
  readonly models?: readonly string[];
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Milliseconds before each token. */
  readonly interval?: number;
}

/** A running server. */
export interface Elsewhere extends AsyncDisposable {
  readonly url: string;
  readonly calls: readonly Call[];
  /** Most streams that ran at the same time. */
  readonly mostStreams: number;
  /** Answers the next generations instead, one each. */
  readonly replies: Response[];
  /** Cuts the connection of the next streams after this many tokens each. */
  readonly cuts: number[];
  /** Figures of vLLM's `/metrics`. */
  metrics: { running: number; waiting: number };
}

/** Last number that it counts to. */
const LAST = 500;

/** Starts the server on a free port of this machine. */
export function elsewhere(options: ElsewhereOptions = {}): Elsewhere {
  const { kind = "openai", models = ["counting", "other"], tls, interval = 0 } = options;
  const calls: Call[] = [];
  const replies: Response[] = [];
  const cuts: number[] = [];
  const metrics = { running: 0, waiting: 0 };
  let running = 0;
  let most = 0;
  const stop = new AbortController();
  const tokensOf = (text: string) => (text.match(/\d+/g) ?? ["0"]).map(Number);
  const textOf = (id: number) => ` w${id}`;

  async function handle(request: Request): Promise<Response> {
    const { pathname: path } = new URL(request.url);
    const authorization = request.headers.get("authorization");
    const body = request.method === "POST" ? await request.json() : {};
    calls.push({ path, authorization, body });
    if (authorization !== `Bearer ${ELSEWHERE_KEY}`) {
      const message = `Incorrect API key provided: ${authorization}`;
      return Response.json({ error: { message } }, { status: 401 });
    }
    const isVllm = kind === "vllm";
    switch (path) {
      case "/v1/models":
        return Response.json({
          data: models.map((id) => ({ id, ...isVllm ? { max_model_len: 4096 } : {} })),
        });
      case "/version":
        return isVllm ? Response.json({ version: "0.32.0" }) : missing();
      case "/openapi.json":
        return isVllm ? Response.json({}) : missing();
      case "/metrics":
        return isVllm ? new Response(vllmMetrics(metrics)) : missing();
      case "/tokenize":
        return isVllm
          ? Response.json({ tokens: tokensOf(String(body.prompt ?? said(body))) })
          : missing();
      case "/detokenize":
        return isVllm ? Response.json({ prompt: body.tokens.map(textOf).join("") }) : missing();
      case "/v1/completions":
      case "/v1/chat/completions":
        return replies.shift() ?? generate(path, body, request.signal);
      default:
        return missing();
    }
  }

  function generate(path: string, body: Record<string, unknown>, signal: AbortSignal): Response {
    if (!models.includes(String(body["model"]))) {
      return Response.json({ error: { message: "no such model" } }, { status: 404 });
    }
    const prompt = Array.isArray(body["prompt"])
      ? body["prompt"].map(Number)
      : tokensOf(String(body["prompt"] ?? said(body)));
    const first = prompt.at(-1)! + 1;
    const limit = Number(body["max_tokens"] ?? 16);
    const ids = Array.from({ length: Math.min(limit, LAST - first) }, (_, at) => first + at);
    const ofToken = (id: number) => ({
      ...path === "/v1/completions" ? { text: textOf(id) } : { delta: { content: textOf(id) } },
      ...kind === "vllm" && path === "/v1/completions" ? { token_ids: [id] } : {},
      finish_reason: null,
    });
    const usage = { prompt_tokens: prompt.length, completion_tokens: ids.length };
    if (body["stream"] !== true) {
      // A word that a grammar allows, which is asked for to find out whether grammars are kept.
      const said = body["structured_outputs"] ? { text: "no" } : ofToken(ids[0] ?? 0);
      const choice = { ...ofToken(ids[0] ?? 0), ...said, finish_reason: "length" };
      return Response.json({ choices: [choice], usage });
    }
    const cut = cuts.shift();
    async function* chunks() {
      most = Math.max(most, ++running);
      try {
        for (const [at, id] of ids.entries()) {
          await delay(interval);
          if (signal.aborted) return;
          if (at === cut) throw new Error("cut");
          yield sse({ choices: [ofToken(id)] });
        }
        yield sse({ choices: [{ text: "", delta: {}, finish_reason: "length" }] });
        yield sse({ choices: [], usage });
        yield sse("[DONE]");
      } finally {
        running--;
      }
    }
    return new Response(ReadableStream.from(chunks()), {
      headers: { "content-type": "text/event-stream" },
    });
  }

  const server = Deno.serve({
    ...{ hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen() {} },
    ...(tls ? { cert: Deno.readTextFileSync(tls.cert), key: Deno.readTextFileSync(tls.key) } : {}),
    onError: () => new Response("cut", { status: 500 }),
  }, handle);
  return {
    url: `${tls ? "https" : "http"}://127.0.0.1:${server.addr.port}`,
    calls,
    replies,
    cuts,
    metrics,
    get mostStreams() {
      return most;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await server.finished;
    },
  };
}

function missing(): Response {
  return Response.json({ error: { message: "Not Found" } }, { status: 404 });
}

function said(body: Record<string, unknown>): string {
  const messages = body["messages"] as readonly { content: string }[] | undefined;
  return (messages ?? []).map(({ content }) => content).join("");
}

function sse(value: unknown): Uint8Array {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return new TextEncoder().encode(`data: ${text}\n\n`);
}

function vllmMetrics({ running, waiting }: Elsewhere["metrics"]): string {
  return `# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="counting"} ${running}.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="counting"} ${waiting}.0
`;
}
