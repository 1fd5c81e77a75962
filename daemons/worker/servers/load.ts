import { z } from "zod";
import { DEFAULT_CONTEXT, LOOPBACK } from "#shared/defaults.ts";
import { fillCommand } from "#shared/engine_command.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { delay, UsageError } from "#shared/lifecycle.ts";
import { readGguf } from "#shared/models/gguf.ts";
import { newSecret } from "#shared/secrets.ts";
import type { WorkerConfig } from "../config.ts";
import type { LoadModel } from "../model.ts";
import { tryCapabilities } from "./capabilities.ts";
import { detectServer } from "./detect.ts";
import { loadElsewhere } from "./load_elsewhere.ts";
import { ServerWatch } from "./server_watch.ts";
import { type EngineProcess, startEngine } from "./process.ts";
import { RemoteModel } from "./remote_model.ts";
import { type OpenaiServer, openaiServer } from "./server.ts";

/** Path of a started server's health, unless it is configured. */
const HEALTH_PATH = "/health";

/** Time between two health checks of a starting server, in milliseconds. */
const START_LOOK_MS = 100;

/** A shell's exit code for a program that SIGKILL ended. */
const KILLED_CODE = 128 + 9;

/** More layers than any model has, which means all of them. */
const ALL_LAYERS = 999;

/** Loads a model that a server with OpenAI's API serves: one that is started here, or runs elsewhere. */
export const loadOpenai: LoadModel = (config, context) =>
  config.openai.url === undefined ? loadStarted(config, context) : loadElsewhere(config, context);

/**
 * Starts a server with OpenAI's API as a child process, waits for its health check to succeed, and
 * serves its model. The pool manager's start deadline limits the wait; the worker ends with its
 * server.
 */
const loadStarted: LoadModel = async (config, context) => {
  const { log, signal } = context;
  const fingerprint = config.fingerprint ?? (await readGguf(config.model)).fingerprint;
  const port = freePort();
  const apiKey = newSecret();
  const words = engineWords(config, port);
  const engine = startEngine(words, engineEnv(Deno.env.toObject(), apiKey));
  log.info("engine_started", { program: words[0], group: engine.group, port });
  const stop = () => engine.stop(config.openai.stop_deadline_ms);
  try {
    const server = openaiServer(`http://${LOOPBACK}:${port}`, { apiKey });
    await whenHealthy(server, engine, config, signal);
    const { kind, name } = await detectServer(
      server,
      { name: config.model, isOneOfMany: false },
      signal,
    );
    if (config.openai.vision && kind.vision === false) {
      throw new LlorchError(
        "WORKER_START_FAILED",
        "The engine's section says that it takes images, but llama-server reads only text: start it " +
          "with --mmproj, or remove vision",
      );
    }
    const capabilities = await tryCapabilities(server, name, signal);
    if (capabilities.includes("generate") && kind.tokens) capabilities.push("tokenize");
    log.info("engine_ready", { kind: kind.name, model: name, capabilities });
    const watch = await ServerWatch.open({
      group: engine.group,
      look: (signal) => server.get(config.openai.health_path ?? HEALTH_PATH, signal),
      load: kind.load,
      intervalMs: config.openai.poll_interval_ms,
      unresponsiveMs: config.openai.unresponsive_ms,
      onSilent: (ms) => context.onFatal(new Error(`The engine's health is silent for ${ms} ms`)),
    });
    let isStopping = false;
    const model = new RemoteModel({
      config,
      context,
      server,
      kind,
      capabilities,
      fingerprint,
      name,
      contextTokens: kind.context ?? config.context ?? DEFAULT_CONTEXT,
      isAnswering: () => watch.isAnswering,
      load: () => watch.load,
      memoryBytes: () => Deno.memoryUsage().rss + watch.memory.bytes,
      pids: () => watch.memory.pids,
      async stop() {
        isStopping = true;
        watch.close();
        await stop();
      },
    });
    void engine.ended.then(({ how, wasKilled }) => {
      watch.close();
      if (isStopping) return;
      model.failAll(`The engine has ended: ${how}; the job can continue elsewhere`);
      // The worker ends as its engine did, so that the pool manager can detect an out-of-memory
      // kill.
      const exitCode = wasKilled ? KILLED_CODE : undefined;
      context.onFatal(new Error(`The engine ${words[0]} has ended: ${how}`), exitCode);
    });
    return model;
  } catch (error) {
    await stop();
    throw error;
  }
};

/** The engine's command with its placeholders filled in. */
function engineWords(config: WorkerConfig, port: number): string[] {
  const { context = DEFAULT_CONTEXT, slots, gpu, gpu_layers } = config;
  return fillCommand(readCommand(config.openai.command!), {
    model: config.model,
    host: LOOPBACK,
    port,
    context,
    total_context: context * slots,
    slots,
    threads: config.threads,
    gpu_layers: gpu === "none" ? 0 : Number(gpu_layers ?? ALL_LAYERS),
  });
}

function readCommand(text: string): string[] {
  try {
    return z.array(z.string().min(1)).min(1).parse(JSON.parse(text));
  } catch (error) {
    throw new UsageError(
      `--openai-command: must be a JSON list of texts: current value is ${text}`,
      {
        cause: error,
      },
    );
  }
}

/**
 * Makes llama-server start no ffprobe or ffmpeg with bytes of a client that it cannot decode, such as a
 * damaged PNG.
 */
const NO_FFMPEG = { LLAMA_ARG_VIDEO_FFMPEG_DIR: "/dev/null" };

/**
 * The server's environment: ours without `LLORCH_*`, and a key for llama-server and vLLM, so that
 * only we can call them. llama-server starts no ffmpeg unless the environment says where one is.
 */
export function engineEnv(
  ours: Readonly<Record<string, string>>,
  apiKey: string,
): Record<string, string> {
  const kept = Object.entries(ours).filter(([name]) => !name.startsWith("LLORCH_"));
  return { ...NO_FFMPEG, ...Object.fromEntries(kept), LLAMA_API_KEY: apiKey, VLLM_API_KEY: apiKey };
}

async function whenHealthy(
  server: OpenaiServer,
  engine: EngineProcess,
  config: WorkerConfig,
  signal: AbortSignal,
): Promise<void> {
  const path = config.openai.health_path ?? HEALTH_PATH;
  let gone: string | undefined;
  void engine.ended.then(({ how }) => gone = how);
  while (true) {
    signal.throwIfAborted();
    if (gone !== undefined) {
      throw new LlorchError("WORKER_START_FAILED", `The engine did not start: ${gone}`);
    }
    try {
      await server.get(path, signal);
      return;
    } catch (error) {
      signal.throwIfAborted();
      const isEarly = error instanceof LlorchError && error.retriable;
      if (!isEarly) {
        const said = errorMessage(error instanceof LlorchError ? error.cause ?? error : error);
        const where = `its ${path} answers: ${said}`;
        throw new LlorchError("WORKER_START_FAILED", `The engine did not start: ${where}`, {
          cause: error,
        });
      }
    }
    await delay(START_LOOK_MS, signal);
  }
}

function freePort(): number {
  const listener = Deno.listen({ hostname: LOOPBACK, port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
