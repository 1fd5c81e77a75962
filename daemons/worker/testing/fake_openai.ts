/**
 * A server with OpenAI's API for tests, started as an engine's command. It counts: the tokens of
 * ` w7 w8` are 7 and 8, and after 7 it always generates ` w8`, up to ` w50`, which is the last. As
 * `vllm` and `llama-server` it accepts and returns token ids, as `openai` it does not.
 *
 * `--interval=10` pauses for 10 ms before each token. With `--thinks` its template ends in an
 * open thought, and its chats think ` hm` twice. With `--free` it keeps to no grammar. `GET /seen` lists the request bodies so far.
 * After `/refuse` it answers every generation with 400; after `/hang` it answers no request.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { delay } from "#shared/lifecycle.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    kind: { type: "string", default: "openai" },
    interval: { type: "string", default: "0" },
    thinks: { type: "boolean", default: false },
    free: { type: "boolean", default: false },
  },
});
const { kind } = values;
const LAST = 50;
const seen: unknown[] = [];
let isHanging = false;
let isRefusing = false;

const tokensOf = (text: string) => (text.match(/\d+/g) ?? ["0"]).map(Number);
const textOf = (ids: readonly number[]) => ids.map((id) => ` w${id}`).join("");
const missing = () => new Response("no such route", { status: 404 });

Deno.serve({ hostname: "127.0.0.1", port: Number(values.port), onListen() {} }, async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/hang") isHanging = true;
  else if (pathname === "/refuse") isRefusing = true;
  else if (isHanging) await new Promise(() => {});
  if (request.method === "GET") return get(pathname);
  const body = await request.json();
  seen.push({ pathname, ...body });
  return post(pathname, body, request.signal);
});

function get(pathname: string): Response {
  const isOurs = (name: string) => kind === name;
  switch (pathname) {
    case "/health":
    case "/hang":
    case "/refuse":
      return Response.json({ status: "ok" });
    case "/seen":
      return Response.json(seen);
    case "/v1/models":
      return Response.json({
        data: [{
          id: "counting",
          ...isOurs("vllm") ? { max_model_len: 256 } : { meta: { n_vocab: 2000 } },
        }],
      });
    case "/props":
      return isOurs("llama-server")
        ? Response.json({
          default_generation_settings: { n_ctx: 256 },
          chat_template: "{{}}",
        })
        : missing();
    case "/openapi.json":
      return isOurs("vllm")
        ? Response.json({
          components: { schemas: { ChatCompletionRequest: { properties: { model: {} } } } },
        })
        : missing();
    case "/version":
      return isOurs("vllm") ? Response.json({ version: "0.11.0" }) : missing();
    default:
      return missing();
  }
}

interface Body {
  readonly prompt?: string | readonly number[];
  readonly messages?: readonly { content: string }[];
  readonly content?: string;
  readonly tokens?: readonly number[];
  readonly with_pieces?: boolean;
  readonly input?: string | readonly string[];
  readonly documents?: readonly string[];
  readonly max_tokens?: number;
  readonly n_predict?: number;
  readonly stream?: boolean;
  readonly tools?: readonly unknown[];
  readonly structured_outputs?: unknown;
  readonly n_probs?: number;
  readonly return_progress?: boolean;
  readonly input_prefix?: string;
}

function post(pathname: string, body: Body, signal: AbortSignal): Response | Promise<Response> {
  const said = (body.messages ?? []).map(({ content }) => content).join("");
  switch (pathname) {
    case "/tokenize": {
      const tokens = tokensOf(body.content ?? String(body.prompt ?? said));
      // Pieces that are no text are lists of bytes.
      const piece = (id: number, at: number) => ({ id, piece: at === 0 ? textOf([id]) : [195] });
      return Response.json({ tokens: body.with_pieces ? tokens.map(piece) : tokens });
    }
    case "/detokenize": {
      const text = textOf(body.tokens!) + (values.thinks ? "<think>" : "");
      return Response.json({ content: text, prompt: text });
    }
    case "/apply-template":
      return Response.json({ prompt: values.thinks ? `${said}<think>` : said });
    case "/v1/embeddings": {
      const inputs = [body.input!].flat();
      const data = inputs.map((_, index) => ({ index, embedding: [3, 4] }));
      return Response.json({ data, usage: { prompt_tokens: inputs.length } });
    }
    case "/v1/rerank":
      return Response.json({
        results: body.documents!.map((text, index) => ({ index, relevance_score: text.length })),
        usage: { prompt_tokens: 3 },
      });
    case "/infill":
    case "/completion":
    case "/v1/completions":
    case "/v1/chat/completions":
      if (isRefusing) {
        const error = { message: "grammar is not understood", param: "grammar", code: 400 };
        return Response.json({ error }, { status: 400 });
      }
      return generate(pathname, body, said, signal);
    default:
      return missing();
  }
}

function generate(pathname: string, body: Body, said: string, signal: AbortSignal): Response {
  const prompt = typeof body.prompt === "object"
    ? body.prompt
    : tokensOf(body.prompt ?? body.input_prefix ?? said);
  const first = prompt.at(-1)! + 1;
  const limit = body.max_tokens ?? body.n_predict ?? Infinity;
  const count = Math.max(0, Math.min(limit, LAST + 1 - first));
  const ids = Array.from({ length: count }, (_, at) => first + at);
  const reason = count < limit ? "stop" : "length";
  const usage = { prompt_tokens: prompt.length, completion_tokens: count };
  if (!body.stream) {
    const text = body.structured_outputs && !values.free ? "no" : textOf(ids);
    const choice = { text, token_ids: ids, finish_reason: reason };
    return Response.json({ choices: [choice], usage });
  }
  const isOwn = pathname === "/completion" || pathname === "/infill";
  const chunk = (id: number, index: number) =>
    isOwn
      ? {
        ...{ content: textOf([id]), tokens: [id], stop: false, tokens_predicted: index + 1 },
        ...(body.n_probs === undefined ? {} : { completion_probabilities: [{ id, prob: 0.5 }] }),
      }
      : pathname === "/v1/chat/completions"
      ? { choices: [{ delta: { content: textOf([id]) }, finish_reason: null }] }
      : { choices: [{ text: textOf([id]), token_ids: [id], finish_reason: null }] };
  const callDelta = (call: Record<string, unknown>) => ({
    choices: [{ delta: { tool_calls: [{ index: 0, ...call }] }, finish_reason: null }],
  });
  const isChat = pathname === "/v1/chat/completions";
  const thoughts = !values.thinks || !isChat
    ? []
    : [kind === "vllm" ? "reasoning" : "reasoning_content"]
      .flatMap((field) =>
        [1, 2].map(() => ({
          choices: [{ delta: { [field]: " hm" }, finish_reason: null }],
        }))
      );
  const ending = isOwn
    ? [{
      content: "",
      tokens: [],
      stop: true,
      stop_type: reason === "stop" ? "eos" : "limit",
      tokens_evaluated: prompt.length,
    }]
    : body.tools
    ? [
      callDelta({ id: "c1", type: "function", function: { name: "go", arguments: "" } }),
      callDelta({ function: { arguments: '{"n": ' } }),
      callDelta({ function: { arguments: "1}" } }),
      { choices: [{ delta: {}, finish_reason: "tool_calls" }] },
    ]
    : [{ choices: [{ text: "", delta: {}, finish_reason: reason }] }, { choices: [], usage }];
  const encode = (value: unknown) =>
    new TextEncoder().encode(
      `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`,
    );
  async function* chunks() {
    const total = prompt.length;
    const prompt_progress = { total, cache: 1, processed: total - 1, time_ms: 5 };
    if (body.return_progress) {
      yield encode({ content: "", tokens: [], stop: false, tokens_predicted: 0, prompt_progress });
    }
    for (const each of thoughts) yield encode(each);
    for (const [index, id] of ids.entries()) {
      await delay(Number(values.interval));
      if (signal.aborted) return;
      yield encode(chunk(id, index));
    }
    for (const each of ending) yield encode(each);
    yield encode("[DONE]");
  }
  return new Response(ReadableStream.from(chunks()), {
    headers: { "content-type": "text/event-stream" },
  });
}
