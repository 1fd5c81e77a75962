import { onAbort } from "#shared/aborts.ts";
import { gpuLayersOf, threadsOf } from "#shared/config/llama.ts";
import { EXIT } from "#shared/defaults.ts";
import { modelMemory, withCacheTypes } from "#shared/models/estimate.ts";
import { readGguf } from "#shared/models/gguf.ts";
import { readTemplateFile, withTemplate } from "#shared/models/template_file.ts";
import { piecesOf, textOf } from "../answers/pieces.ts";
import { readPrompt } from "../answers/prompt.ts";
import { usableThreads } from "../cores.ts";
import { modelRef, queueLimit } from "../config.ts";
import { DEFAULT_BATCH, type Engine, EngineStuck, type LoadEngine } from "../engine/engine.ts";
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
    const asked = threadsOf(config.threads);
    const threads = usableThreads(
      asked,
      (cores) => log.warn("threads_beyond_cores", { threads: asked, cores, used: cores }),
    );
    const { chat_template_file: templateFile } = config;
    const chatTemplate = templateFile === undefined
      ? undefined
      : await readTemplateFile(templateFile);
    const fingerprint = withTemplate(fileFingerprint, chatTemplate);
    const loading = loadEngine({
      model: config.model,
      gpu: config.gpu,
      gpuLayers: gpuLayersOf(config.gpu_layers),
      memory: withCacheTypes(modelMemory(info), config),
      context: config.context,
      slots: config.slots,
      threads,
      settings: config,
      chatTemplate,
      adapters: new Map((config.lora ?? []).map((each) => {
        const at = each.indexOf("=");
        return [each.slice(0, at), each.slice(at + 1)];
      })),
      onProgress,
      onWarning: (message) => log.warn("engine", { message }),
      onCrash(error) {
        const code = error instanceof UnusableModelError ? EXIT.unusableModel : EXIT.failed;
        onFatal(error, code);
        return code;
      },
      signal,
    });
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
    get idle() {
      return generator.idle && vectors.active === 0;
    },
    async execute(request, log) {
      requireCapability(engine, "generate");
      return await generator.execute(request, log);
    },
    cancel: (jobId, attempt) => generator.cancel(jobId, attempt),
    async tokenize(fields) {
      const { tokens } = await readPrompt(fields, engine);
      return fields.with_pieces ? { tokens, pieces: await piecesOf(tokens, engine) } : { tokens };
    },
    detokenize: (tokens) => textOf(tokens, engine),
    render: async (chat) => (await readPrompt(chat, engine)).text ?? "",
    template: () => engine.template,
    embed: (request, signal) => vectors.embed(engine, request, signal),
    rerank: (request, signal) => vectors.rerank(engine, request, signal),
    memoryBytes: () => engine.memoryBytes(),
    drain: (deadlineMs) => generator.drain(deadlineMs),
    close,
  };
}
