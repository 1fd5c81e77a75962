import { DEFAULT_CONTEXT, EXIT } from "#shared/defaults.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { defined } from "#shared/json.ts";
import type { Logger } from "#shared/logging.ts";
import { UnusableModelError } from "../../model.ts";
import type { EngineOptions } from "../engine.ts";
import { showNoGpu, showOnlyGpus, usesGpu } from "./backend.ts";
import { builtGpuBackends, cpuBinaries, gpuBinaries, mediaLibrary } from "./c/carried.ts";
import { reportsFreePages } from "./c/huge_pages.ts";
import { type Library, openLibrary } from "./c/library.ts";
import { threadsToTry } from "./calibrate.ts";
import { type ContextPlan, type ContextShape, generates, planContext } from "./context_plan.ts";
import { watchCrashes, withoutBacktraces } from "./crash_watch.ts";
import { driverSentence, systemLibraries } from "./driver.ts";
import { EngineThread, OrderError } from "./engine_thread.ts";
import { type Holders, holdersOf } from "./holders.ts";
import { guesserOf } from "./memory.ts";
import { folderToOpen } from "./libraries.ts";
import { crashReason, isOfTheFile, loadError } from "./load_error.ts";
import type { ContextOrder, DeviceFacts, MediaFacts, ModelFacts } from "./thread/messages.ts";

/** What decides how a model is opened. */
export type OpeningOptions = Pick<
  EngineOptions,
  | "model"
  | "gpu"
  | "gpuLayers"
  | "memory"
  | "context"
  | "slots"
  | "settings"
  | "threads"
  | "projector"
  | "projectorOnGpu"
>;

/** Hears of a load. */
export type OpeningEvents = Pick<EngineOptions, "onProgress" | "onWarning" | "onCrash">;

/** Most lines of llama.cpp's output that are searched for the reason of a failed load. */
const MOST_LINES = 100;
/**
 * Size of a cache up to which huge pages are quicker also where a host must give them back: a cache of 128 MiB
 * was cleared in a third of the time, one of 720 MiB in up to twice the time.
 */
const HUGE_PAGES_TO_BYTES = 256 * 1024 ** 2;

/** llama.cpp's libraries and devices, open in a thread. */
export interface OpenLibraries {
  readonly library: Library;
  /** The GPUs that hold the model; none: the CPU does. */
  readonly gpus: readonly DeviceFacts[];
}

/** Opens the libraries for a load that will use the CPU, in a thread that has had no order. */
export async function openAhead(thread: EngineThread): Promise<void> {
  withoutBacktraces();
  showNoGpu();
  const folder = await folderToOpen(folderForCpu(builtGpuBackends()));
  await thread.call("open", { folder, onlyCpu: true, allocates: true });
  openLibrary(folder);
}

/** A projector, which is open in a thread of its own. */
export interface OpenMedia {
  readonly thread: EngineThread;
  readonly facts: MediaFacts;
}

/** A model's context, which is open. */
export interface OpenContext {
  readonly plan: ContextPlan;
  readonly context: number;
  /** Of the plan's rollback, what the model's architecture can do. */
  readonly rollback: number;
}

/**
 * The first part of a load: libraries, devices, the model's file and its context. It works in a thread from the moment
 * that it is created, so that the rest of the program can be loaded meanwhile.
 */
export class Opening {
  readonly thread: EngineThread;
  readonly libraries: Promise<OpenLibraries>;
  readonly #options: OpeningOptions;
  readonly #allocates: boolean;
  readonly #log: Logger | undefined;
  /** llama.cpp's warnings so far. */
  readonly #lines: string[] = [];
  #events: OpeningEvents | undefined;
  #model: Promise<ModelFacts> | undefined;
  #context: Promise<OpenContext | undefined> | undefined;
  #media: Promise<OpenMedia | undefined> | undefined;
  #mediaThread: EngineThread | undefined;
  #watch: Disposable | undefined;
  /** Path of the draft model, while it is loaded or after that failed. */
  #draft: string | undefined;

  /**
   * @param allocates Whether models and contexts get memory; see the order `open`.
   * @param thread A thread that has loaded nothing yet.
   * @param log Gets the reason of a crash while nobody listens yet.
   */
  constructor(
    options: OpeningOptions,
    allocates: boolean,
    { thread = new EngineThread(), log }: { thread?: EngineThread; log?: Logger } = {},
  ) {
    this.#options = options;
    this.#allocates = allocates;
    this.#log = log;
    this.thread = thread;
    thread.listen({
      onProgress: (fraction) => this.#events?.onProgress(fraction),
      onWarning: (message) => {
        if (this.#lines.length < MOST_LINES) this.#lines.push(message);
        this.#events?.onWarning(message);
      },
    });
    this.libraries = this.#open(allocates);
    // Its failure is reported to those who wait for it.
    this.libraries.catch(() => {});
  }

  /** Has the events reported from now on, after the warnings so far. */
  listen(events: OpeningEvents): void {
    this.#events = events;
    for (const line of this.#lines) events.onWarning(line);
  }

  /** The model, which is read once. */
  model(): Promise<ModelFacts> {
    this.#model ??= this.#readModel();
    this.#model.catch(() => {});
    return this.#model;
  }

  /** The model's context, made once; undefined if it generates nothing, or a draft model's comes first. */
  context(): Promise<OpenContext | undefined> {
    this.#context ??= this.#openContext();
    this.#context.catch(() => {});
    return this.#context;
  }

  /** The projector, opened once; undefined if none is asked for, or this build has no libmtmd. */
  media(): Promise<OpenMedia | undefined> {
    this.#media ??= this.#openMedia();
    this.#media.catch(() => {});
    return this.#media;
  }

  /** Makes a context of a model, for all slots. */
  async makeContext(
    facts: ModelFacts,
    shape: Pick<ContextShape, "context" | "guesses" | "scores" | "wholeTokens">,
  ): Promise<OpenContext> {
    const { slots, settings, threads } = this.#options;
    const maxThreads = Math.max(...threadsToTry(threads));
    const plan = planContext(facts, { slots, settings, maxThreads, ...shape });
    const smallPages = await this.#needsSmallPages(plan.order);
    return { plan, ...await this.thread.call("context", { ...plan.order, smallPages }) };
  }

  /** Whether the context is so large that a host would take longer to give back huge pages than small ones. */
  async #needsSmallPages(
    { sequences, contextPerSequence }: Pick<ContextOrder, "sequences" | "contextPerSequence">,
  ): Promise<boolean> {
    if (!reportsFreePages()) return false;
    const { kv_bytes_per_token } = await this.#options.memory();
    return kv_bytes_per_token * sequences * contextPerSequence > HUGE_PAGES_TO_BYTES;
  }

  /** Reads a file as a model. */
  async read(path: string, holders: Holders, drafts: boolean): Promise<ModelFacts> {
    const { no_mmap, mlock = false } = this.#options.settings;
    await this.libraries;
    return await this.thread.call("model", {
      ...{ path, ...holders, mapsFile: !no_mmap, locksMemory: mlock, drafts },
    });
  }

  /** Does work for the draft model: a failure or a crash meanwhile is that model's. */
  async forDraft<T>(path: string, work: () => Promise<T>): Promise<T> {
    this.#draft = path;
    const result = await work();
    this.#draft = undefined;
    return result;
  }

  /** llama.cpp is not watched for its end any more: the load is over. */
  settle(): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
  }

  /** Stops and frees everything, and waits for that. */
  async abandon(): Promise<void> {
    await this.#mediaThread?.close();
    await this.thread.close();
    this.settle();
  }

  /** The error of a load that failed, in words. */
  failure(error: unknown): Error {
    if (error instanceof LlorchError) return error;
    const lines = error instanceof OrderError ? error.log : this.#lines;
    const reason = loadError(lines) ?? errorMessage(error);
    return this.#because(reason, [...this.#lines, reason], error);
  }

  /** @throws {LlorchError} `WORKER_START_FAILED`, also if this build has no libraries for what is asked */
  async #open(allocates: boolean): Promise<OpenLibraries> {
    const { gpu } = this.#options;
    const built = builtGpuBackends();
    const onlyCpu = !usesGpu(gpu, built);
    const carried = onlyCpu ? folderForCpu(built) : gpuBinaries()!;
    withoutBacktraces();
    if (onlyCpu) showNoGpu();
    else if (gpu !== undefined) showOnlyGpus(gpu);
    const folder = await folderToOpen(carried);
    // This thread has other work meanwhile: it opens what the other one has checked.
    const { devices } = await this.thread.call("open", { folder, onlyCpu, allocates });
    const library = openLibrary(folder);
    this.#watch = watchCrashes(library.ggml, (reason) => this.#crashed(reason));
    return { library, gpus: onlyCpu ? [] : chosenGpus(devices, built[0]!, gpu) };
  }

  async #readModel(): Promise<ModelFacts> {
    const { model, gpuLayers, settings, slots, context = DEFAULT_CONTEXT } = this.#options;
    const { gpus } = await this.libraries;
    const memory = gpuLayers === "fit" ? await this.#options.memory() : undefined;
    const holders = holdersOf({ gpus, gpuLayers, settings, memory, load: { context, slots } });
    return await this.read(model, holders, settings.speculative === "mtp");
  }

  async #openContext(): Promise<OpenContext | undefined> {
    const facts = await this.model();
    const { model, settings, context } = this.#options;
    if (!generates(facts)) return undefined;
    const how = guesserOf(settings);
    if (how === "draft") return undefined;
    if (how === "mtp" && facts.draftLayers === 0) throw failed(noDraftLayers(model));
    const wholeTokens = (await this.media())?.facts.wholeTokens;
    const shape = { context, guesses: how !== undefined, scores: true };
    return await this.makeContext(facts, { ...shape, ...defined({ wholeTokens }) });
  }

  async #openMedia(): Promise<OpenMedia | undefined> {
    const { projector, projectorOnGpu, threads } = this.#options;
    if (projector === undefined) return undefined;
    const { model } = await this.model();
    const { library: { folder }, gpus } = await this.libraries;
    const carried = mediaLibrary(folder);
    if (carried === undefined) {
      this.#warn(`it sees and hears nothing: ${NO_LIBRARY}`);
      return undefined;
    }
    const media = await folderToOpen(carried);
    const thread = new EngineThread();
    this.#mediaThread = thread;
    thread.listen({ onProgress: () => {}, onWarning: (message) => this.#warn(message) });
    try {
      const facts = await thread.call("openMedia", {
        ...{ folder, media, model, path: projector },
        // The steps of others go on beside it.
        threads: Math.ceil(Math.max(...threadsToTry(threads)) / 2),
        // libmtmd cannot load without memory: a rehearsal takes it of the process.
        usesGpu: gpus.length > 0 && projectorOnGpu && this.#allocates,
      });
      return { thread, facts };
    } catch (error) {
      if (error instanceof LlorchError) throw error;
      const lines = error instanceof OrderError ? error.log : [];
      const reason = lines.at(-1) ?? errorMessage(error);
      throw failed(`Cannot load the projector "${projector}" (--mmproj): ${reason}`);
    }
  }

  #warn(message: string): void {
    if (this.#lines.length < MOST_LINES) this.#lines.push(message);
    this.#events?.onWarning(message);
  }

  /** @returns the exit code */
  #crashed(reason: string): number {
    const error = this.#because(crashReason(reason), [reason]);
    if (this.#events) return this.#events.onCrash(error);
    this.#log?.error("start_failed", { reason: error.message });
    console.error(`llorch-candled: ${error.message}`);
    return error instanceof UnusableModelError ? EXIT.unusableModel : EXIT.failed;
  }

  /** @param lines What llama.cpp has said; it tells whether the file is the cause. */
  #because(reason: string, lines: readonly string[], cause?: unknown): Error {
    if (this.#draft !== undefined) {
      // The model itself is usable, without it.
      const message = `Cannot load the draft model "${this.#draft}" (--draft-model): ${reason}`;
      return new LlorchError("WORKER_START_FAILED", message, { cause });
    }
    const message = `Cannot load model "${this.#options.model}": ${reason}`;
    return isOfTheFile(lines)
      ? new UnusableModelError(message, { cause })
      : new LlorchError("WORKER_START_FAILED", message, { cause });
  }
}

/** Why a worker reads only text. */
export const NO_LIBRARY =
  "this build of llorch-candled has no libmtmd (build it on Linux, where a C++ " +
  "compiler is)";

function noDraftLayers(model: string): string {
  return `Cannot load model "${model}" with speculative = "mtp": its file has no layers for ` +
    'multi-token prediction; use "lookup", "draft" or "off"';
}

/** Folder of libraries that can use the CPU. */
function folderForCpu([backend]: readonly string[]): string {
  const folder = cpuBinaries();
  if (folder !== undefined) return folder;
  throw failed(
    backend === undefined
      ? "Cannot start llama.cpp: this build of llorch-candled has no libraries of this platform"
      : driverSentence({ backend, asked: "none", libraries: [] }),
  );
}

/** The first GPUs that llama.cpp sees, which are the requested ones: the others are hidden. */
function chosenGpus(
  devices: readonly DeviceFacts[],
  backend: string,
  asked: string | undefined,
): DeviceFacts[] {
  const count = asked?.split(",").length ?? 1;
  const gpus = devices.filter(({ isGpu }) => isGpu).slice(0, count);
  if (gpus.length === count) return gpus;
  if (gpus.length === 0) {
    throw failed(driverSentence({ backend, asked, libraries: systemLibraries() }));
  }
  throw failed(`Cannot use the GPUs ${asked}: only ${gpus.length} of them answer`);
}

function failed(message: string): LlorchError {
  return new LlorchError("WORKER_START_FAILED", message);
}
