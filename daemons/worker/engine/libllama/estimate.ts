import { createHash } from "node:crypto";
import type { LoadMemory } from "#shared/contracts/worker.ts";
import { readGguf } from "#shared/models/gguf.ts";
import { readGgufHeader } from "#shared/models/gguf_header.ts";
import { DEFAULT_BATCH, type EngineOptions, SCORED_AT_ONCE } from "../engine.ts";
import { openEngine, outputsOf, withOpening } from "./load.ts";
import { memoryOf, mostGuesses } from "./memory.ts";
import { Opening } from "./opening.ts";
import { readMemoryLines, type SaidMemory } from "./memory_lines.ts";
import type { ModelFacts, ModelOrder } from "./thread/messages.ts";
import { type Weights, weightsOf } from "./weights.ts";

/**
 * Finds out what a load would take, by llama.cpp itself: a rehearsal opens the model, its contexts, its
 * tokenizer and its template as a load does, but what is large gets no memory. llama.cpp says how large
 * that would be; the rest is in the memory of this process by then.
 *
 * This process can load nothing afterwards.
 *
 * @throws as `loadLibllama`
 */
export async function estimateLibllama(options: EngineOptions): Promise<LoadMemory> {
  const opening = new Opening(options, false);
  return await withOpening(opening, options, async () => {
    const { thread } = opening;
    const { gpus } = await opening.libraries;
    const { model, settings, slots } = options;
    const batchSize = settings.batch_size ?? DEFAULT_BATCH;
    const paths = settings.draft_model === undefined ? [model] : [model, settings.draft_model];
    const copies = [];
    for (const path of paths) {
      await thread.call("beginModel", { ...IN_MAIN_MEMORY, path });
      copies.push(readMemoryLines(await thread.call("memoryLines", {})).weights);
    }
    const { engine, facts, threads } = await openEngine(opening, {
      ...options,
      adapters: new Map(),
    });
    const generates = engine.sequences.length > 0;
    if (!generates) {
      const { model, ranks } = facts;
      const contextSize = engine.context;
      await thread.call("vectors", { model, inputs: [], contextSize, threads, ranks });
    }
    const said = readMemoryLines(await thread.call("memoryLines", {}));
    const processBytes = Deno.memoryUsage().rss;
    const weights = await Promise.all(
      paths.map((path, index) => weightsOf(path, said.models[index] ?? [])),
    );
    const adapterBytes = await sizesOf(options.adapters.values());
    const info = await readGguf(model);
    await engine.dispose();
    return loadMemory({
      ...{
        devices: gpus.map(({ name }) => name),
        said,
        processBytes,
        weights,
        copies,
        adapterBytes,
        facts,
      },
      mapsFile: !settings.no_mmap,
      batch: batchSize,
      slots,
      guesses: settings.speculative === undefined || settings.speculative === "off"
        ? 0
        : mostGuesses(
          settings,
          memoryOf(facts, { contextPerSlot: engine.context, batchSize }),
          batchSize,
        ),
      vectorTokens: generates ? 0 : engine.context,
      widest: Math.max(info.feedForwardLength ?? 0, info.embeddingLength),
    });
  });
}

/** Nothing on a GPU, all read. */
const IN_MAIN_MEMORY: Omit<ModelOrder, "path"> = {
  devices: [],
  gpuLayers: 0,
  split: "none",
  ratio: [],
  overrides: [],
  mapsFile: false,
  locksMemory: false,
  drafts: false,
};

async function sizesOf(paths: Iterable<string>): Promise<number> {
  let bytes = 0;
  for (const path of paths) {
    bytes += (await readGgufHeader(path, createHash("sha256"))).dataBytes;
  }
  return bytes;
}

/** What is known of a load after its rehearsal. */
export interface Rehearsal {
  /** The GPUs; none: the CPU. */
  readonly devices: readonly string[];
  readonly said: SaidMemory;
  /** Memory of the process that rehearsed. */
  readonly processBytes: number;
  /** Of the model, and of a draft model. */
  readonly weights: readonly Weights[];
  /** Weights as they are in main memory, by buffer, of each model. */
  readonly copies: readonly ReadonlyMap<string, number>[];
  readonly adapterBytes: number;
  readonly facts: Pick<ModelFacts, "vocabularySize" | "vectorLength">;
  readonly mapsFile: boolean;
  readonly batch: number;
  readonly slots: number;
  /** Most tokens that are guessed at once. */
  readonly guesses: number;
  /** Tokens of the context for vectors; 0: the load opens none. */
  readonly vectorTokens: number;
  /** Numbers of a token in the widest layer. */
  readonly widest: number;
}

/** Bytes of a logit, of a candidate for a choice, and of an activation in the form that weights need. */
const LOGIT_BYTES = 4;
const CANDIDATE_BYTES = 12;
const ACTIVATION_BYTES = 2;
/** What a process takes more once it has served requests of every kind: heaps, code, connections. */
const SERVING_BYTES = 0;
/** The buffer of main memory in which weights are as in their file. */
const PLAIN = "CPU";

/** Adds up what a load takes at most. */
export function loadMemory(rehearsal: Rehearsal): LoadMemory {
  const { devices, said, weights, copies, mapsFile, facts, slots, batch, guesses } = rehearsal;
  const isOn = (name: string) => devices.some((device) => name.startsWith(device));
  const hasGpu = devices.length > 0;
  const sum = (sizes: ReadonlyMap<string, number>, of: (name: string) => boolean) =>
    [...sizes].reduce((total, [name, bytes]) => of(name) ? total + bytes : total, 0);
  const total = (each: (weights: Weights, index: number) => number) =>
    weights.reduce((bytes, one, index) => bytes + each(one, index), 0);
  const isBeside = (name: string) => !isOn(name);
  const rows = Math.min(
    outputsOf(batch, slots, guesses),
    slots * Math.max(SCORED_AT_ONCE, 1 + guesses),
  );
  const host = {
    process: rehearsal.processBytes,
    serving: SERVING_BYTES,
    weights: hasGpu
      ? total(({ byDevice }) => sum(byDevice, isBeside))
      : mapsFile
      ? total(({ dataBytes }) => dataBytes)
      : total((_, index) => sum(copies[index]!, (name) => name === PLAIN)),
    copied_weights: hasGpu ? 0 : total((_, index) => sum(copies[index]!, (name) => name !== PLAIN)),
    cache: sum(said.caches, isBeside),
    compute: sum(said.compute, isBeside) + batch * rehearsal.widest * ACTIVATION_BYTES,
    // Those of one row for each slot are in the process.
    outputs: LOGIT_BYTES * (
      Math.max(0, rows - slots) * facts.vocabularySize +
      rehearsal.vectorTokens * (facts.vocabularySize + facts.vectorLength)
    ),
    choices: (1 + slots) * CANDIDATE_BYTES * facts.vocabularySize,
    adapters: hasGpu ? 0 : rehearsal.adapterBytes,
  };
  const onDevice = {
    device_weights: total(({ byDevice }) => sum(byDevice, isOn)),
    device_cache: sum(said.caches, isOn) + sum(said.states, isOn),
    device_compute: sum(said.compute, isOn),
    device_adapters: hasGpu ? rehearsal.adapterBytes : 0,
  };
  // While the file is mapped and read, all of it is in memory, and nothing else is yet.
  const whole = !hasGpu && mapsFile ? total(({ fileBytes }) => fileBytes) : 0;
  const hostBytes = Math.max(added(host), whole + host.copied_weights + host.process);
  const [device_bytes, host_bytes] = !hasGpu ? [hostBytes, 0] : [added(onDevice), hostBytes];
  const parts = Object.entries({ ...host, ...onDevice }).filter(([, bytes]) => bytes > 0);
  return {
    device_bytes: Math.ceil(device_bytes),
    host_bytes: Math.ceil(host_bytes),
    parts: Object.fromEntries(parts.map(([name, bytes]) => [name, Math.ceil(bytes)])),
  };
}

function added(parts: Readonly<Record<string, number>>): number {
  return Object.values(parts).reduce((total, bytes) => total + bytes, 0);
}
