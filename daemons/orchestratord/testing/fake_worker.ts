import {
  ACCEPTED,
  type EndData,
  type ExecuteRequest,
  type RouteInput,
  type TokenData,
  workerRoutes,
} from "#shared/contracts/mod.ts";
import { MAX_INNER_JSON_LEVELS } from "#shared/defaults.ts";
import { LlorchError } from "#shared/errors.ts";
import { defined } from "#shared/json.ts";
import { type App, createApp } from "#shared/http/app.ts";
import { bearerAuth } from "#shared/http/auth.ts";
import { LargeBodies } from "#shared/http/large_bodies.ts";
import { listen, type Server } from "#shared/http/serve.ts";
import { encodeSse, SSE } from "#shared/http/sse.ts";
import { StreamResponse } from "#shared/http/stream_response.ts";
import { createLogger } from "#shared/logging.ts";

/**
 * A worker without an engine. It counts like the counter model: the prompt `w7` is answered with 8,
 * 9, 10 …; token ids are the numbers.
 */
export class FakeWorker {
  readonly token = "worker-token";
  /** Requests of all executions, in order. */
  readonly executions: ExecuteRequest[] = [];
  /** Called when an execution begins. */
  onExecute: () => void = () => {};
  /** Called with the text of each execution's body. */
  onBody: ((text: string) => void) | undefined;
  /** Requests to count a prompt's tokens. */
  readonly counted: RouteInput<typeof workerRoutes.tokenize>["body"][] = [];
  /** Requests to render a chat. */
  readonly rendered: RouteInput<typeof workerRoutes.render>["body"][] = [];
  /** Number of calls for embeddings. */
  calls = 0;
  /** Number of executions whose client closed the stream. */
  cancelled = 0;
  /** Additional fields of its token events. */
  tokenFields: Readonly<Record<string, unknown>> = {};
  /** Answers the next executions with this error event instead of tokens. */
  failWith: LlorchError | undefined;
  /** Its answer to every prompt, event by event; undefined: it counts. */
  script: readonly Omit<TokenData, "i">[] | undefined;
  /** Additional fields of its `started` events. */
  startedFields: Readonly<Record<string, unknown>> = {};
  /** Additional fields of its `end` events. */
  endFields: Readonly<Partial<EndData>> = {};
  /** Prompt progress that it reports before the first token, in tokens; undefined: none. */
  prompt:
    | {
      readonly done: number;
      readonly total: number;
      readonly cached?: number;
      readonly ms?: number;
    }
    | undefined;
  #allowed = Infinity;
  #waiting: (() => void)[] = [];
  #server!: Server;
  #cut = new AbortController();

  /** Opens a worker on a free port. */
  static async open(): Promise<FakeWorker> {
    const worker = new FakeWorker();
    const app = worker.#app();
    worker.#server = await listen({ hostname: "127.0.0.1", port: 0 }, async (request) => {
      if (worker.onBody && request.url.endsWith(workerRoutes.execute.path)) {
        worker.onBody(await request.clone().text());
      }
      return await app.fetch(request);
    });
    return worker;
  }

  get url(): string {
    return this.#server.url;
  }

  /** Allows this many more tokens, over all executions. */
  allow(tokens: number): void {
    this.#allowed = tokens;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Breaks every running stream without an end, as a killed process does. */
  crash(): void {
    this.#cut.abort();
    this.#cut = new AbortController();
  }

  async close(): Promise<void> {
    this.crash();
    await this.#server.close(0);
  }

  #app(): App {
    const app = createApp({
      title: "fake",
      log: createLogger("fake"),
      authorize: bearerAuth(this.token),
      limits: {
        maxLevels: MAX_INNER_JSON_LEVELS,
        large: new LargeBodies(() => ({ maxBytes: 1e9, maxOpenBytes: 1e9 })),
      },
    });
    app.mount(workerRoutes.execute, ({ body, signal }) => {
      this.executions.push(body);
      this.onExecute();
      const both = AbortSignal.any([signal, this.#cut.signal]);
      signal.addEventListener("abort", () => this.cancelled++);
      return new StreamResponse(this.#events(body, both, this.#cut.signal), {
        format: SSE,
        keepAliveMs: 10_000,
      });
    });
    app.mount(workerRoutes.cancel, () => ACCEPTED);
    app.mount(workerRoutes.embed, async ({ body, signal }) => {
      this.calls++;
      signal.addEventListener("abort", () => this.cancelled++);
      await this.#turn(signal);
      if (this.failWith) throw this.failWith;
      const vector = (size: number) => new Uint8Array(Float32Array.of(size, 0).buffer).toBase64();
      return {
        embeddings: body.input.map((each) => vector(each.length)),
        tokens: body.input.length,
      };
    });
    app.mount(workerRoutes.rerank, ({ body }) => ({
      scores: body.documents.map((document) => document.length / 100),
      tokens: 1,
    }));
    app.mount(workerRoutes.tokenize, ({ body }) => {
      this.counted.push(body);
      const words = (body.prompt ?? "").split(" ");
      const tokens = words.map((_, index) => index);
      return { tokens, count: tokens.length, ...(body.with_pieces ? { pieces: words } : {}) };
    });
    app.mount(workerRoutes.detokenize, ({ body }) => ({
      text: body.tokens.map((token) => ` w${token}`).join(""),
    }));
    app.mount(workerRoutes.render, ({ body }) => {
      this.rendered.push(body);
      return { prompt: body.messages.map(({ content }) => content).join("|") };
    });
    app.mount(workerRoutes.template, () => ({
      ...{ chat_template: "{{ messages }}", bos_token: "<s>", eos_token: "</s>" },
    }));
    return app;
  }

  async *#events(
    request: ExecuteRequest,
    signal: AbortSignal,
    cut: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const { job_id, model, attempt } = request;
    yield encodeSse("started", {
      job_id,
      worker_id: "w",
      model,
      started_at: new Date().toISOString(),
      ...this.startedFields,
    });
    if (this.prompt) {
      const resumed = request.resume_tokens.length;
      yield encodeSse("metrics", {
        tokens_out: resumed,
        prompt_done: this.prompt.done + resumed,
        prompt_total: this.prompt.total + resumed,
        ...defined({ prompt_cached: this.prompt.cached, prompt_ms: this.prompt.ms }),
        decode_time_ms: 0,
        tokens_per_second: 0,
        attempt,
      });
    }
    if (this.failWith) {
      const { code, message, retriable, details } = this.failWith;
      yield encodeSse("error", { code, message, retriable, ...(details ? { details } : {}) });
      return;
    }
    const first = Number(/(\d+)\s*$/.exec(request.prompt ?? "w0")?.[1] ?? 0) + 1;
    let made = request.resume_tokens.length;
    const { script } = this;
    const length = script?.length ?? Infinity;
    for (
      let index = request.resume_index;
      made < (request.max_tokens ?? 10) && index < length;
      index++
    ) {
      await this.#turn(signal);
      if (cut.aborted) throw new Error("crash");
      if (signal.aborted) return;
      const token = script?.[index] ?? { t: ` w${first + made}`, ids: [first + made] };
      yield encodeSse("token", { i: index, ...token, ...this.tokenFields });
      made += token.ids?.length ?? 0;
      yield encodeSse("metrics", {
        tokens_out: made,
        decode_time_ms: 1,
        tokens_per_second: 1,
        attempt,
      });
    }
    yield encodeSse("end", {
      tokens_in: 1,
      tokens_cached: 0,
      tokens_out: made,
      ttft_ms: 1,
      decode_time_ms: 1,
      stop_reason: "MAX_TOKENS",
      seed: request.seed ?? 0,
      ...this.endFields,
    });
  }

  async #turn(signal: AbortSignal): Promise<void> {
    while (this.#allowed <= 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    this.#allowed--;
  }
}
