import { createHash } from "node:crypto";
import type { LoadMemory } from "#shared/contracts/worker.ts";
import { readGguf } from "#shared/models/gguf.ts";
import { readGgufHeader } from "#shared/models/gguf_header.ts";
import { DEFAULT_BATCH, type EngineOptions } from "../engine.ts";
import { DRAFT_TOKENS, openEngine, outputsOf, withThread } from "./load.ts";
import { readMemoryLines, type SaidMemory } from "./memory_lines.ts";
import type { ModelFacts } from "./thread/messages.ts";
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
export function estimateLibllama(options: EngineOptions): Promise<LoadMemory> {
  return withThread(options, false, async (thread, library, device) => {
    const { model, gpuLayers, settings, slots } = options;
    const paths = settings.draft_model === undefined ? [model] : [model, settings.draft_model];
    const copies = [];
    for (const path of paths) {
      const file = { path, gpuLayers, mapsFile: false, locksMemory: false };
      await thread.call("beginModel", { ...file, device: undefined });
      copies.push(readMemoryLines(await thread.call("memoryLines", {})).weights);
    }
    const { engine, facts, threads } = await openEngine(thread, library, device, {
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
      ...{ device: device?.name, said, processBytes, weights, copies, adapterBytes, facts },
      mapsFile: !settings.no_mmap,
      batch: settings.batch_size ?? DEFAULT_BATCH,
      slots,
      guesses: settings.speculative === undefined || settings.speculative === "off"
        ? 0
        : settings.draft_tokens ?? DRAFT_TOKENS,
      vectorTokens: generates ? 0 : engine.context,
      activationBytes: Math.max(info.feedForwardLength ?? 0, info.embeddingLength) *
        (/^I?Q/.test(info.quantization ?? "") ? QUANTIZED_ACTIVATION_BYTES : ACTIVATION_BYTES),
    });
  });
}

async function sizesOf(paths: Iterable<string>): Promise<number> {
  let bytes = 0;
  for (const path of paths) {
    bytes += (await readGgufHeader(path, createHash("sha256"))).dataBytes;
  }
  return bytes;
}

/** What is known of a load after its rehearsal. */
export interface Rehearsal {
  /** The GPU; undefined: the CPU. */
  readonly device: string | undefined;
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
  /** Bytes of a token's activations in the widest layer, in the form that weights need. */
  readonly activationBytes: number;
}

/** Bytes of a logit, and of a candidate for a choice. */
const LOGIT_BYTES = 4;
const CANDIDATE_BYTES = 12;
/** Bytes of an activation in the form that weights need: most for those of 16 bits, less for quantized ones. */
const ACTIVATION_BYTES = 2;
const QUANTIZED_ACTIVATION_BYTES = 292 / 256;
/**
 * What a process takes more once it has listened and answered: heaps, compiled code, connections. With a
 * tiny model, whose other memory is next to nothing, it was 21 MiB; the rest is for what differs from run to run.
 */
const SERVING_BYTES = 28 * 2 ** 20;
/** The buffer of main memory in which weights are as in their file. */
const PLAIN = "CPU";

/** Adds up what a load takes at most. */
export function loadMemory(rehearsal: Rehearsal): LoadMemory {
  const { device, said, weights, copies, mapsFile, facts, slots, batch, guesses } = rehearsal;
  const isOn = (name: string) => device !== undefined && name.startsWith(device);
  const sum = (sizes: ReadonlyMap<string, number>, of: (name: string) => boolean) =>
    [...sizes].reduce((total, [name, bytes]) => of(name) ? total + bytes : total, 0);
  const total = (each: (weights: Weights, index: number) => number) =>
    weights.reduce((bytes, one, index) => bytes + each(one, index), 0);
  const isBeside = (name: string) => !isOn(name);
  const rows = outputsOf(batch, slots, guesses);
  const host = {
    process: rehearsal.processBytes,
    serving: SERVING_BYTES,
    weights: device !== undefined
      ? total(({ byDevice }) => sum(byDevice, isBeside))
      : mapsFile
      ? total(({ dataBytes }) => dataBytes)
      : total((_, index) => sum(copies[index]!, (name) => name === PLAIN)),
    // Where a GPU has some layers, the others have their share of the copies.
    copied_weights: total(({ byDevice }, index) => {
      const beside = sum(byDevice, isBeside) / Math.max(1, sum(byDevice, () => true));
      const share = device === undefined ? 1 : beside;
      return share * sum(copies[index]!, (name) => name !== PLAIN);
    }),
    cache: sum(said.caches, isBeside),
    compute: sum(said.compute, isBeside) + batch * rehearsal.activationBytes,
    // Those of one row for each slot are in the process.
    outputs: LOGIT_BYTES * (
      Math.max(0, rows - slots) * facts.vocabularySize +
      rehearsal.vectorTokens * (facts.vocabularySize + facts.vectorLength)
    ),
    choices: (1 + slots) * CANDIDATE_BYTES * facts.vocabularySize,
    adapters: device === undefined ? rehearsal.adapterBytes : 0,
  };
  const onDevice = {
    device_weights: total(({ byDevice }) => sum(byDevice, isOn)),
    device_cache: sum(said.caches, isOn) + sum(said.states, isOn),
    device_compute: sum(said.compute, isOn),
    device_adapters: device === undefined ? 0 : rehearsal.adapterBytes,
  };
  // While the file is mapped and read, all of it is in memory, and nothing else is yet.
  const whole = device === undefined && mapsFile ? total(({ fileBytes }) => fileBytes) : 0;
  const hostBytes = Math.max(added(host), whole + host.copied_weights + host.process);
  const [device_bytes, host_bytes] = device === undefined
    ? [hostBytes, 0]
    : [added(onDevice), hostBytes];
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
