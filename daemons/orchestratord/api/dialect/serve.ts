import { isTerminal, type RouteReply, type TaskRequest } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { isRecord } from "#shared/json.ts";
import type { App, Caller } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import { type ChoiceItems, type ChoiceJob, followAll, submitAll } from "./choices.ts";
import { askedModel } from "../asked_model.ts";
import { loadingNote, withLoading } from "../loading.ts";
import type { BodyOf, ChunkWriter, ModelRoute, Operation, Translator } from "./dialect.ts";
import { type FieldNames, inItsWords, inWordsOf } from "./field_names.ts";
import { startOrTimeout } from "./start.ts";

/** How one request is answered. */
export interface Answering<Chunk, Whole> {
  readonly tasks: readonly TaskRequest[];
  readonly names: FieldNames;
  /** See {@linkcode SubmitOptions.namesImages}. */
  readonly namesImages?: boolean;
  /** Whether the reply is a stream of chunks instead of one body. */
  readonly isStream: boolean;
  translator(first: ChoiceJob): Translator<Chunk, Whole>;
  readonly writer: ChunkWriter<Chunk>;
}

/** What is known of the client that asks. */
export interface Asking {
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
  readonly correlationId: string;
  readonly caller: Caller | undefined;
  readonly headers?: unknown;
  /** How long the client wants the worker kept afterwards, in ms. */
  readonly keepMs?: number | undefined;
}

/** Mounts an operation. Without an idempotency key, its jobs end when the client leaves. */
export function serve<R extends ModelRoute, Chunk>(
  app: App,
  orchestrator: Orchestrator,
  operation: Operation<R, Chunk>,
): void {
  app.mount<R>(operation.route, async (call): Promise<RouteReply<R> | Response> => {
    const given = call.body as BodyOf<R> & { readonly model: string };
    const body = { ...given, model: askedModel(orchestrator, given.model, call.caller) };
    const names = operation.names(body);
    const settings = orchestrator.loop.meaning(body.model);
    const tasks = await inItsWords(names, () => operation.tasks(body, settings));
    return answer<Chunk, RouteReply<R>>(orchestrator, call, {
      ...{ tasks, names },
      isStream: operation.isStream(body),
      translator: (first) => operation.translator(first, body),
      writer: operation.writer,
    });
  });
}

/** The idempotency key of a call, on routes that take one. */
function keyOf({ headers }: Asking): string | undefined {
  const key = isRecord(headers) ? headers["idempotency-key"] : undefined;
  return typeof key === "string" ? key : undefined;
}

/**
 * Answers a request. Without an idempotency key, its jobs are not stored and end when the client leaves.
 *
 * @throws {LlorchError} the error of a job, unless the stream has begun
 */
export async function answer<Chunk, Whole>(
  orchestrator: Orchestrator,
  asking: Asking,
  answering: Answering<Chunk, Whole>,
): Promise<Whole | Response> {
  try {
    return await answerNow(orchestrator, asking, answering);
  } catch (error) {
    if (!(error instanceof LlorchError)) throw error;
    const { model } = answering.tasks[0]!;
    throw withLoading(
      inWordsOf(answering.names, error),
      model,
      orchestrator.loop.loadOfModel(model),
    );
  }
}

function answerNow<Chunk, Whole>(
  orchestrator: Orchestrator,
  asking: Asking,
  { tasks, names, namesImages, isStream, translator: make, writer }: Answering<Chunk, Whole>,
): Promise<Whole | Response> {
  const { config, openStreams } = orchestrator;
  const { signal } = asking;
  const { correlationId, caller, keepMs } = asking;
  const idempotencyKey = keyOf(asking);
  const submitting = { correlationId, caller, keepMs, idempotencyKey, namesImages };
  const begin = async () => {
    const jobs = await submitAll(orchestrator, tasks, submitting);
    const batches = followAll(jobs, signal);
    return { translator: make(jobs[0]!), batches, jobs: jobs.map(({ id }) => id) };
  };
  if (isStream) {
    return openStreams.place(signal, async (close) => {
      const { translator, batches, jobs } = await begin();
      // A failure before the first byte can be an HTTP status. If loading takes longer, the stream opens first.
      const started = await startOrTimeout(batches, config.streams.first_byte_ms);
      const note = loadingNote(orchestrator.loop, jobs);
      return openStreams.reply(
        frames(started, translator, writer, (error) => inWordsOf(names, error)),
        ...[close, writer, note],
      );
    });
  }
  return openStreams.wait(async () => {
    const { translator, batches } = await begin();
    for await (const { choice, items } of batches) {
      for (const item of items) translator.take(choice, item);
    }
    await translator.settle?.();
    return translator.whole();
  });
}

/**
 * The frames of a stream of chunks.
 *
 * @param shown An error as the client is to read it.
 */
export async function* frames<Chunk>(
  batches: AsyncGenerator<ChoiceItems>,
  translator: Translator<Chunk, unknown>,
  writer: ChunkWriter<Chunk>,
  shown: (error: LlorchError) => LlorchError = (error) => error,
): AsyncGenerator<Uint8Array> {
  let chunks: Chunk[] = [];
  try {
    for await (const { choice, items } of batches) {
      for (const item of items) {
        const made = translator.take(choice, item);
        // If that fails, the answer fails: its last chunks are not sent.
        if (item.kind === "event" && isTerminal(item.event)) await translator.settle?.();
        chunks.push(...made);
      }
      if (chunks.length === 0) continue;
      yield writer.frame(chunks);
      chunks = [];
    }
    if (writer.endFrame) yield writer.endFrame;
  } catch (thrown) {
    if (!(thrown instanceof LlorchError)) throw thrown;
    const error = shown(thrown);
    const failed = translator.fail?.(error);
    // Chunks that came together with the error are sent before it.
    if (failed) chunks.push(...failed);
    if (chunks.length > 0) yield writer.frame(chunks);
    if (!failed) yield writer.errorFrame(error);
  }
}
