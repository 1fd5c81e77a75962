import { LinkedAbort } from "#shared/aborts.ts";
import { systemClock } from "#shared/clock.ts";
import { groupMemory } from "./group_memory.ts";

/** What an {@linkcode ServerWatch} looks at. */
export interface ServerWatchOptions {
  /** Process group of the engine. */
  readonly group: number;
  /** Asks for the engine's health; rejects where there is none. */
  readonly look: (signal: AbortSignal) => Promise<unknown>;
  readonly intervalMs: number;
  readonly unresponsiveMs: number;
  /** The health has been silent for so many milliseconds, which is too long. */
  readonly onSilent: (ms: number) => void;
}

/** Looks at a server's health and memory again and again, so that both are known when asked for. */
export class ServerWatch {
  readonly #options: ServerWatchOptions;
  readonly #closed = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #answeredAt = systemClock.steady();
  #isAnswering = true;
  #memory: Awaited<ReturnType<typeof groupMemory>> = { pids: [], bytes: 0 };

  /** Looks for the first time, then every so often. */
  static async open(options: ServerWatchOptions): Promise<ServerWatch> {
    const watch = new ServerWatch(options);
    watch.#memory = await groupMemory(options.group);
    watch.#arm();
    return watch;
  }

  private constructor(options: ServerWatchOptions) {
    this.#options = options;
  }

  /** Whether the last look was answered. */
  get isAnswering(): boolean {
    return this.#isAnswering;
  }

  get memory(): Awaited<ReturnType<typeof groupMemory>> {
    return this.#memory;
  }

  close(): void {
    this.#closed.abort(new Error("Nobody watches any more"));
    clearTimeout(this.#timer);
  }

  #arm(): void {
    if (this.#closed.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#look(), this.#options.intervalMs);
  }

  async #look(): Promise<void> {
    const { look, group, intervalMs, unresponsiveMs, onSilent } = this.#options;
    const limit = new LinkedAbort(this.#closed.signal);
    limit.abortAfter(intervalMs, () => new Error("No answer"), systemClock);
    try {
      await look(limit.signal);
      this.#isAnswering = true;
      this.#answeredAt = systemClock.steady();
    } catch {
      this.#isAnswering = false;
    } finally {
      limit[Symbol.dispose]();
    }
    if (this.#closed.signal.aborted) return;
    this.#memory = await groupMemory(group).catch(() => this.#memory);
    const silentMs = Math.round(systemClock.steady() - this.#answeredAt);
    if (!this.#isAnswering && silentMs >= unresponsiveMs) onSilent(silentMs);
    this.#arm();
  }
}
