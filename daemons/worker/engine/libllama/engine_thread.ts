import { BUILD_INFO } from "#shared/build_info.ts";
import { LlorchError } from "#shared/errors.ts";
import { type Order, type Orders, type Reply, SHARED, SHARED_BYTES } from "./thread/messages.ts";

/** An order failed; `log` has what llama.cpp said meanwhile. */
export class OrderError extends Error {
  readonly log: readonly string[];

  constructor(message: string, log: readonly string[]) {
    super(message);
    this.log = log;
  }
}

/** The thread's module, which a built program has beside its own. */
const THREAD = BUILD_INFO ? "./thread.js" : "./thread/thread.ts";

/** Called with what the thread sends by itself once it opens llama.cpp. */
export interface ThreadEvents {
  readonly onProgress: (fraction: number) => void;
  readonly onWarning: (message: string) => void;
}

/** Threads that had an order and have not ended: each may be inside C. */
const living = new Set<EngineThread>();

/** How many threads of llama.cpp there are in this process. */
export function livingThreads(): number {
  return living.size;
}

/** The main thread's side of llama.cpp's thread. Orders are worked off in the order of their calls. */
export class EngineThread {
  readonly #worker: Worker;
  readonly #shared = new SharedArrayBuffer(SHARED_BYTES);
  readonly #state = new Int32Array(this.#shared);
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #last = 0;
  #events: ThreadEvents | undefined;
  /** Why it takes no orders any more. */
  #ended: Error | undefined;

  constructor() {
    this.#worker = new Worker(new URL(THREAD, import.meta.url), {
      type: "module",
      name: "llama.cpp",
    });
    this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      if ("progress" in data) return this.#events?.onProgress(data.progress);
      if ("id" in data) return this.#settle(data);
      this.#events?.onWarning(data.log[1]);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end(new Error(`The thread of llama.cpp has failed: ${event.message}`));
    };
    this.#worker.postMessage(this.#shared);
  }

  /**
   * Prepares for a load that is not known yet, without llama.cpp: a thread takes as long to start as a
   * configuration to be read.
   */
  prepare(): void {
    this.#send("check", {}).catch(() => {});
  }

  /** Reports what the thread sends by itself from now on. */
  listen(events: ThreadEvents): void {
    this.#events = events;
  }

  /**
   * Sends an order. Rejects with {@linkcode OrderError} if it fails.
   *
   * @param moved Buffers of the order that are the thread's from now on; others are copied.
   */
  call<Name extends keyof Orders>(
    name: Name,
    take: Orders[Name]["take"],
    moved: readonly ArrayBuffer[] = [],
  ): Promise<Orders[Name]["answer"]> {
    if (!this.#ended) living.add(this);
    return this.#send(name, take, moved);
  }

  #send<Name extends keyof Orders>(
    name: Name,
    take: Orders[Name]["take"],
    moved: readonly ArrayBuffer[] = [],
  ): Promise<Orders[Name]["answer"]> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = ++this.#last;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#worker.postMessage({ id, name, take } satisfies Order, [...moved]);
    return waiting.promise as Promise<Orders[Name]["answer"]>;
  }

  /**
   * Makes the running order and all later ones fail: a load and a decode on the CPU as soon as llama.cpp
   * notices, other work once it has ended.
   */
  stop(): void {
    new Uint8Array(this.#shared)[0] = 1;
  }

  /** Frees samplers once no earlier order uses them. */
  free(samplers: readonly number[]): void {
    // It fails only where the process or the thread is about to end.
    this.call("free", { samplers }).catch(() => {});
  }

  /** How many times work began or ended whose time a grammar decides; odd while such work runs. */
  get grammarCount(): number {
    const count = Atomics.load(this.#state, SHARED.count);
    return count;
  }

  /** The sequence for which a token is chosen by a grammar right now; undefined: none. */
  get choosing(): number | undefined {
    const state = Atomics.load(this.#state, SHARED.choosing);
    return state === 0 ? undefined : state - 1;
  }

  /**
   * Stops what runs, frees all that llama.cpp has, and ends the thread. Waits for as long as llama.cpp
   * does not notice: a thread cannot be ended while it is inside C.
   */
  async close(): Promise<void> {
    this.stop();
    // It rejects only if there is no thread any more.
    await this.call("close", {}).catch(() => {});
    this.#end(new Error("The thread of llama.cpp has ended"));
  }

  #settle(reply: Exclude<Reply, { progress: number } | { log: readonly [number, string] }>): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ("answer" in reply) waiting?.resolve(reply.answer);
    else if (reply.code) waiting?.reject(new LlorchError(reply.code, reply.error));
    else waiting?.reject(new OrderError(reply.error, reply.log));
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#worker.terminate();
    living.delete(this);
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
