import { onAbort } from "#shared/aborts.ts";
import { mostKeptBytes } from "#shared/config/llama.ts";
import { type LoadMemory, MEDIA_TOKEN } from "#shared/contracts/worker.ts";
import { EXIT } from "#shared/defaults.ts";
import { readGguf } from "#shared/models/gguf.ts";
import { withTemplate } from "#shared/models/template_file.ts";
import { piecesOf, textOf } from "../answers/pieces.ts";
import { readPrompt } from "../answers/prompt.ts";
import { modelRef, queueLimit, type WorkerConfig } from "../config.ts";
import {
  DEFAULT_BATCH,
  type Engine,
  type EngineOptions,
  EngineStuck,
  type LoadEngine,
} from "../engine/engine.ts";
import { type EngineCalls, engineOptions } from "./engine_options.ts";
import { isMedia } from "../engine/media_tokens.ts";
import { Generator } from "./generator.ts";
import { type LoadModel, type Model, type SavedSlots, UnusableModelError } from "../model.ts";
import { SlotFiles } from "../slots/slot_files.ts";
import { requireCapability, VectorCalls } from "../answers/vector_calls.ts";

/** A {@linkcode LoadModel} that computes in this process, with an engine that runs in steps. */
export function localModel(loadEngine: LoadEngine): LoadModel {
  return async (config, { log, observer, onProgress, onFatal, signal }) => {
    const info = await readGguf(config.model);
    const { fingerprint: fileFingerprint, contextLength } = info;
    if (config.context !== undefined && contextLength > 0 && config.context > contextLength) {
      log.warn("context_beyond_training", { context: config.context, trained: contextLength });
    }
    const options = await engineOptions(config, {
      onProgress,
      onWarning: (message) => log.warn("engine", { message }),
      onCrash(error) {
        const code = error instanceof UnusableModelError ? EXIT.unusableModel : EXIT.failed;
        onFatal(error, code);
        return code;
      },
      onTooManyThreads: (threads, cores) =>
        log.warn("threads_beyond_cores", { threads, cores, used: cores }),
      signal,
    });
    const fingerprint = withTemplate(fileFingerprint, options.chatTemplate);
    const loading = loadEngine(options);
    const engine = await unlessStopped(loading, signal);
    let isStuck = false;
    const generator = new Generator({
      engine,
      workerId: config.worker_id,
      modelRef: modelRef(config),
      queueLimit: queueLimit(config),
      prefillChunk: config.prefill_chunk,
      prefillSlowdown: config.prefill_slowdown,
      batchSize: config.batch_size ?? DEFAULT_BATCH,
      cacheBytes: mostKeptBytes(config),
      cacheExpireMs: config.cache_expire_ms,
      metricsIntervalMs: config.metrics_interval_ms,
      streamBuffer: config.stream_buffer,
      slowReaderMs: config.slow_reader_ms,
      observer,
      log,
      onFatal(error) {
        isStuck = error instanceof EngineStuck;
        onFatal(error);
      },
    });
    const vectors = new VectorCalls(config.slots + queueLimit(config));
    const { saved_slots_dir: dir } = config;
    const savedSlots = dir === undefined || engine.sequences.length === 0
      ? undefined
      : new SlotFiles({
        dir,
        fingerprint,
        engine,
        settings: config,
        slots: generator,
      });
    return serve(fingerprint, engine, generator, vectors, savedSlots, async () => {
      engine.stop();
      await generator.close();
      // What is stuck cannot be freed.
      if (!isStuck) await engine.dispose();
    });
  };
}

/** Finds out what the load of a worker would take, by its engine. */
export function localMemory(
  estimate: (options: EngineOptions) => Promise<LoadMemory>,
): (config: WorkerConfig, calls: EngineCalls) => Promise<LoadMemory> {
  return async (config, calls) => await estimate(await engineOptions(config, calls));
}

/** How long a stop waits for a load to end, in milliseconds; then the process must end during it. */
const LEAVE_MS = 1_000;

/** Waits for a load. If the signal aborts, it waits only briefly: llama.cpp may not notice it. */
async function unlessStopped<T>(loading: Promise<T>, signal: AbortSignal): Promise<T> {
  const left = Promise.withResolvers<never>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const leave = () => timer = setTimeout(() => left.reject(signal.reason), LEAVE_MS);
  const forget = onAbort(signal, leave);
  try {
    return await Promise.race([loading, left.promise]);
  } finally {
    clearTimeout(timer);
    forget();
  }
}

function serve(
  fingerprint: string,
  engine: Engine,
  generator: Generator,
  vectors: VectorCalls,
  savedSlots: SavedSlots | undefined,
  close: () => Promise<void>,
): Model {
  return {
    fingerprint,
    backend: engine.backend,
    context: engine.context,
    threads: engine.threads,
    capabilities: engine.capabilities,
    warning: engine.warning,
    pids: [],
    savedSlots,
    get active() {
      return generator.active;
    },
    get waiting() {
      return generator.waiting;
    },
    get cacheBytes() {
      return generator.cacheBytes;
    },
    get idle() {
      return generator.idle && vectors.active === 0;
    },
    async execute(request, log) {
      requireCapability(engine, "generate");
      return await generator.execute(request, log);
    },
    cancel: (order) => generator.cancel(order),
    async tokenize(fields) {
      const { tokens: own, release } = await readPrompt(fields, engine);
      release?.();
      const tokens = own.map((token) => isMedia(token) ? MEDIA_TOKEN : token);
      return fields.with_pieces ? { tokens, pieces: await piecesOf(tokens, engine) } : { tokens };
    },
    detokenize: (tokens) => textOf(tokens, engine),
    async render(chat) {
      const { text = "", release } = await readPrompt(chat, engine);
      release?.();
      return text;
    },
    template: () => engine.template,
    embed: (request, signal) => vectors.embed(engine, request, signal),
    rerank: (request, signal) => vectors.rerank(engine, request, signal),
    memoryBytes: () => engine.memoryBytes(),
    drain: (deadlineMs) => generator.drain(deadlineMs),
    close,
  };
}
