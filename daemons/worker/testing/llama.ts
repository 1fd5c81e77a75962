import assert from "node:assert/strict";
import type { WorkerEvent } from "#shared/contracts/events.ts";
import type { LlamaSettings } from "#shared/config/llama.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Engine, EngineOptions } from "../engine/engine.ts";
import { loadLibllama } from "../engine/libllama/load.ts";
import { openGenerator, readEvents, request } from "./generator.ts";

/** A real model in llama.cpp. */
export interface Opened {
  readonly engine: Engine;
  /** Runs a request and returns its events. */
  readonly generate: (fields?: Record<string, unknown>) => Promise<WorkerEvent[]>;
}

/** Options of {@linkcode using}. */
export interface Options {
  readonly slots?: number;
  readonly context?: number;
  readonly threads?: number | "auto";
  readonly settings?: LlamaSettings;
  /** Path of a projector. */
  readonly projector?: string;
  /** Paths of adapters by name. */
  readonly adapters?: Record<string, string>;
  readonly onWarning?: (message: string) => void;
  /** Most bytes of states beside the slots; none by default. */
  readonly cacheBytes?: number;
}

/** Options of an engine: one thread and slot on the first device, if not given. */
export function engineOptions(
  model: string,
  { adapters = {}, settings, ...options }: Options & Partial<EngineCalls>,
): EngineOptions {
  return {
    ...{ model, gpu: undefined, gpuLayers: undefined, context: undefined, slots: 1, threads: 1 },
    memory: () => Promise.resolve({ weight_bytes: 0, kv_bytes_per_token: 0, compute_bytes: 0 }),
    ...{ chatTemplate: undefined, adapters: new Map(Object.entries(adapters)) },
    ...{ projector: undefined, projectorOnGpu: true },
    settings: { batch_size: 64, ...settings },
    onProgress() {},
    onWarning() {},
    onCrash(error) {
      console.error(error.message);
      return 1;
    },
    signal: new AbortController().signal,
    ...options,
  };
}

type EngineCalls = Pick<EngineOptions, "onProgress" | "onWarning" | "signal">;

/** Runs `work` with a real model in llama.cpp. */
export async function using(
  model: string,
  options: Options,
  work: (opened: Opened) => Promise<void>,
): Promise<void> {
  const engine = await loadLibllama(engineOptions(model, options));
  const { generator, fatal } = openGenerator(engine, {
    ...{ batchSize: 64, prefillChunk: 16 },
    cacheBytes: options.cacheBytes ?? 0,
  });
  try {
    await work({
      engine,
      async generate(fields) {
        const run = await generator.execute(request(fields));
        return await readEvents(run.stream.body);
      },
    });
    assert.deepEqual(fatal, []);
  } finally {
    await generator.close();
    await engine.dispose();
  }
}

/** The text ` w{from} … w{to}`. */
export const count = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => ` w${from + index}`).join("");
/** Data of a stream's `end` event. */
export const endOf = (events: readonly WorkerEvent[]) => {
  const end = events.at(-1);
  assert.ok(end?.event === "end", JSON.stringify(end));
  return end.data;
};
/** Whether an error is a refusal of a field. */
export const fieldIs = (field: string) => (error: unknown) =>
  error instanceof LlorchError && error.code === "INVALID_REQUEST" &&
  (error.details?.["errors"] as { field: string }[])[0]?.field.startsWith(field) === true;
/** A chat. */
export const story = [{ role: "user", content: "Tell me a story about a fox named Ada." }];

/** The logprobs of all token events. */
export const logprobsOf = (events: readonly WorkerEvent[]) =>
  events.flatMap((event) => event.event === "token" ? event.data.logprobs ?? [] : []);
