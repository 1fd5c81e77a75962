import { createHash } from "node:crypto";
import {
  MOST_CHECKPOINTS,
  MOST_KEPT,
  mostCheckpointBytes,
  mostKeptBytes,
  overridesOf,
  readRatio,
} from "#shared/config/llama.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { LoadMemory } from "#shared/contracts/worker.ts";
import { readGguf } from "#shared/models/gguf.ts";
import { readGgufHeader } from "#shared/models/gguf_header.ts";
import { DEFAULT_BATCH, type EngineOptions } from "../engine.ts";
import { outputsOf } from "./context_plan.ts";
import { openEngine, withOpening } from "./load.ts";
import { memoryOf, mostGuesses } from "./memory.ts";
import { Opening } from "./opening.ts";
import { readMemoryLines, type SaidMemory } from "./memory_lines.ts";
import type { ModelFacts, ModelOrder } from "./thread/messages.ts";
import { INPUT_DEVICE, type Weights, weightsOf } from "./weights.ts";

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
    const batch = settings.batch_size ?? DEFAULT_BATCH;
    const devices = gpus.map(({ name }) => name);
    const overrides = overridesOf(settings);
    const drafts = settings.speculative === "mtp";
    const inMain = overrides.filter(({ gpu }) => gpu === undefined);
    const paths = [
      { path: model, overrides: inMain, drafts },
      ...settings.draft_model === undefined
        ? []
        : [{ path: settings.draft_model, overrides: [], drafts: false }],
    ];
    const copies = [];
    for (const [index, each] of paths.entries()) {
      const begin = () => thread.call("beginModel", { ...IN_MAIN_MEMORY, ...each });
      await (index === 0 ? begin() : opening.forDraft(each.path, begin));
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
    const patterns = overrides.map(({ pattern, gpu }) => ({
      pattern: new RegExp(pattern),
      device: gpu === undefined ? INPUT_DEVICE : devices[gpu],
    }));
    const overridden = (tensor: string) =>
      patterns.find(({ pattern }) => pattern.test(tensor))?.device;
    const weights = await Promise.all(
      paths.map(({ path }, index) =>
        weightsOf(path, said.models[index] ?? [], index === 0 ? overridden : undefined)
      ),
    );
    const adapterBytes = await sizesOf(options.adapters, facts.architecture);
    const info = await readGguf(model);
    await engine.dispose();
    const memory = memoryOf(facts, { contextPerSlot: engine.context, batchSize: batch });
    const guesses = (settings.speculative ?? "off") !== "off";
    return loadMemory({
      ...{ devices, said, processBytes, weights, copies, adapterBytes, facts, batch, slots },
      ratio: settings.split_ratio === undefined ? [] : readRatio(settings.split_ratio),
      mapsFile: !settings.no_mmap,
      guesses: guesses ? mostGuesses(settings, memory, batch) : 0,
      draftsItself: drafts && generates,
      makesShortlists: settings.backend_sampling === true && generates && !guesses,
      checkpointBytes: generates && memory.kind !== "whole" ? mostCheckpointBytes(settings) : 0,
      keptBytes: generates ? mostKeptBytes(settings) : 0,
      vectorTokens: generates ? 0 : engine.context,
      activationBytes: Math.max(info.feedForwardLength ?? 0, info.embeddingLength) *
        (/^I?Q/.test(info.quantization ?? "") ? QUANTIZED_ACTIVATION_BYTES : ACTIVATION_BYTES),
    });
  });
}

/** Nothing on a GPU, all read. */
const IN_MAIN_MEMORY: Omit<ModelOrder, "path" | "overrides" | "drafts"> = {
  devices: [],
  gpuLayers: 0,
  split: "none",
  ratio: [],
  mapsFile: false,
  locksMemory: false,
};

/**
 * Bytes of adapters, which a rehearsal does not load.
 *
 * @throws {LlorchError} `WORKER_START_FAILED` for a file that a load would refuse
 */
async function sizesOf(
  adapters: ReadonlyMap<string, string>,
  architecture: string,
): Promise<number> {
  let bytes = 0;
  for (const [name, path] of adapters) {
    const failed = (reason: string, cause?: unknown) =>
      new LlorchError(
        "WORKER_START_FAILED",
        `Cannot use ${path} as the adapter "${name}": ${reason}`,
        { cause },
      );
    const { metadata, dataBytes } = await readGgufHeader(path, createHash("sha256"))
      .catch((error) => {
        throw failed(errorMessage(error), error);
      });
    if (metadata.get("general.type") !== "adapter") throw failed("it is no adapter");
    const made = metadata.get("general.architecture");
    if (made !== architecture) throw failed(`it is for ${made}, and the model is ${architecture}`);
    bytes += dataBytes;
  }
  return bytes;
}

/** What is known of a load after its rehearsal. */
export interface Rehearsal {
  /** The GPUs; none: the CPU. */
  readonly devices: readonly string[];
  /** Parts of the model on them; none: the same on each. */
  readonly ratio: readonly number[];
  readonly said: SaidMemory;
  /** Memory of the process that rehearsed. */
  readonly processBytes: number;
  /** Of the model, and of a draft model. */
  readonly weights: readonly Weights[];
  /** Weights as they are in main memory, by buffer, of each model. */
  readonly copies: readonly ReadonlyMap<string, number>[];
  readonly adapterBytes: number;
  readonly facts: Pick<ModelFacts, "vocabularySize" | "vectorLength" | "window">;
  readonly mapsFile: boolean;
  readonly batch: number;
  readonly slots: number;
  /** Most tokens that are guessed at once. */
  readonly guesses: number;
  /** Whether layers of the model draft, in a context of their own. */
  readonly draftsItself: boolean;
  /** Whether devices find the most probable tokens, which a rehearsal does not try. */
  readonly makesShortlists: boolean;
  /** Most bytes of checkpoints; 0: none are kept. */
  readonly checkpointBytes: number;
  /** Most bytes of copies of what slots held; 0: none are kept. */
  readonly keptBytes: number;
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
/** Bytes of a number in a hidden state, of which a batch has three copies where the model's layers draft. */
const STATE_BYTES = 4;
const STATE_COPIES = 3;
/** Bytes of a token that may be on a shortlist: its id, logit and probability. */
const LISTED_BYTES = 12;
const QUANTIZED_ACTIVATION_BYTES = 292 / 256;
/**
 * What a process takes more once it has listened and answered, as `deno task bench memory` has measured it:
 * heaps, compiled code, connections. V8's young generation is bounded where workers start (`forLlama`). Between
 * two runs the same model differs by up to 10 MiB, one of 16 slots by 40.
 */
const SERVING_BYTES = 16 * 2 ** 20;
/** The same for each slot. */
const SERVING_SLOT_BYTES = 0.75 * 2 ** 20;
/** Size up to which glibc keeps what was allocated and freed; the system gets back what is larger. */
const MOST_KEPT_BYTES = 32 * 2 ** 20;
/** The buffer of main memory in which weights are as in their file. */
const PLAIN = "CPU";

/** How the name begins of what several devices hold together, each a part of every tensor. */
const SHARED_BY_ALL = "Meta(";

/** Adds up what a load takes at most. */
export function loadMemory(rehearsal: Rehearsal): LoadMemory {
  const { devices, said, weights, copies, mapsFile, facts, slots, batch, guesses } = rehearsal;
  const hasGpu = devices.length > 0;
  const isBeside = (name: string) =>
    !name.startsWith(SHARED_BY_ALL) && !devices.some((device) => isOn(name, device));
  const total = (each: (weights: Weights, index: number) => number) =>
    weights.reduce((bytes, one, index) => bytes + each(one, index), 0);
  const rows = outputsOf(batch, slots, guesses);
  const listed = rehearsal.makesShortlists ? LISTED_BYTES * facts.vocabularySize : 0;
  const host = {
    process: rehearsal.processBytes,
    serving: SERVING_BYTES + slots * SERVING_SLOT_BYTES,
    weights: hasGpu
      ? total(({ byDevice }) => sum(byDevice, isBeside))
      : mapsFile
      ? total(({ dataBytes }) => dataBytes)
      : total((_, index) => sum(copies[index]!, (name) => name === PLAIN)),
    // Where GPUs have some layers, the others have their share of the copies.
    copied_weights: total(({ byDevice }, index) => {
      const beside = sum(byDevice, isBeside) / Math.max(1, sum(byDevice, () => true));
      const share = hasGpu ? beside : 1;
      return share * sum(copies[index]!, (name) => name !== PLAIN);
    }),
    read_buffer: hasGpu || mapsFile ? 0 : Math.max(
      ...weights.map(({ tensors }, index) => readBufferOf(tensors, copies[index]!)),
    ),
    cache: sum(said.caches, isBeside),
    compute: sum(said.compute, isBeside) + batch * rehearsal.activationBytes,
    // Those of one row for each slot are in the process.
    outputs: LOGIT_BYTES * (
      Math.max(0, rows - slots) * facts.vocabularySize +
      rehearsal.vectorTokens * (facts.vocabularySize + facts.vectorLength)
    ),
    shortlists: listed * (rows + (hasGpu ? 0 : slots)),
    draft_states: rehearsal.draftsItself
      ? STATE_COPIES * batch * facts.vectorLength * STATE_BYTES
      : 0,
    checkpoints: checkpointsOf(rehearsal),
    kept: Math.min(
      rehearsal.keptBytes,
      MOST_KEPT * (sum(said.caches, () => true) + sum(said.states, () => true)),
    ),
    choices: (1 + slots) * CANDIDATE_BYTES * facts.vocabularySize,
    adapters: hasGpu ? 0 : rehearsal.adapterBytes,
  };
  const held = devices.map((_, index) => onDevice(rehearsal, index, listed * slots));
  const shares = held.map((parts) => Math.ceil(added(parts)));
  const ofDevices = Object.fromEntries(
    Object.keys(held[0] ?? {}).map((part) =>
      [part, held.reduce((bytes, parts) => bytes + parts[part]!, 0)] as const
    ),
  );
  // While the file is mapped and read, all of it is in memory, and nothing else is yet.
  const whole = !hasGpu && mapsFile ? total(({ fileBytes }) => fileBytes) : 0;
  const hostBytes = Math.ceil(
    Math.max(added(host), whole + host.copied_weights + host.process),
  );
  const deviceBytes = shares.reduce((bytes, share) => bytes + share, 0);
  const [device_bytes, host_bytes] = hasGpu ? [deviceBytes, hostBytes] : [hostBytes, 0];
  const parts = Object.entries({ ...host, ...ofDevices }).filter(([, bytes]) => bytes > 0);
  return {
    device_bytes,
    ...(devices.length > 1 ? { device_shares: shares } : {}),
    host_bytes,
    parts: Object.fromEntries(parts.map(([name, bytes]) => [name, Math.ceil(bytes)])),
  };
}

/**
 * Tensors that are read instead of mapped, and get another layout, come in through a buffer of the largest
 * one's size, which the heap keeps. One that is larger than all copies was none of them.
 */
function readBufferOf(tensors: readonly number[], copies: ReadonlyMap<string, number>): number {
  const most = Math.min(MOST_KEPT_BYTES, sum(copies, (name) => name !== PLAIN));
  return tensors.reduce((largest, bytes) => bytes <= most ? Math.max(largest, bytes) : largest, 0);
}

/** What one of the GPUs holds. With `split = row`, weights count where their layers are. */
function onDevice(
  { devices, ratio, said, weights, adapterBytes }: Rehearsal,
  index: number,
  shortlistBytes: number,
): Record<string, number> {
  const part = ratio.length === 0
    ? 1 / devices.length
    : ratio[index]! / ratio.reduce((whole, each) => whole + each, 0);
  const isOwn = (name: string) => isOn(name, devices[index]!);
  const isShared = (name: string) => name.startsWith(SHARED_BY_ALL);
  const bytesOf = (sizes: ReadonlyMap<string, number>) =>
    sum(sizes, isOwn) + sum(sizes, isShared) * part;
  return {
    device_weights: weights.reduce((bytes, { byDevice }) => bytes + bytesOf(byDevice), 0),
    device_cache: bytesOf(said.caches) + bytesOf(said.states),
    // Each computes with buffers of its own.
    device_compute: sum(said.compute, (name) => isOwn(name) || isShared(name)),
    device_shortlists: shortlistBytes,
    device_adapters: adapterBytes * part,
  };
}

/** Whether a buffer is of a device: `CUDA1` has `CUDA1` and its like, but not `CUDA10`. */
function isOn(name: string, device: string): boolean {
  return name.startsWith(device) && !/^\d/.test(name.slice(device.length));
}

/** Checkpoints are copies of recurrent states, and of caches of windows. */
function checkpointsOf({ checkpointBytes, said, facts }: Rehearsal): number {
  const all = () => true;
  const copied = sum(said.states, all) + (facts.window > 0 ? sum(said.caches, all) : 0);
  return Math.min(checkpointBytes, MOST_CHECKPOINTS * copied);
}

function sum(sizes: ReadonlyMap<string, number>, of: (name: string) => boolean): number {
  return [...sizes].reduce((total, [name, bytes]) => of(name) ? total + bytes : total, 0);
}

function added(parts: Readonly<Record<string, number>>): number {
  return Object.values(parts).reduce((total, bytes) => total + bytes, 0);
}
