import { LinkedAbort } from "#shared/aborts.ts";
import { systemClock } from "#shared/clock.ts";
import { groupMemory } from "./group_memory.ts";

/** Options of a {@linkcode ServerWatch}. */
export interface ServerWatchOptions {
  /** Process group of the engine. */
  readonly group: number;
  /** Requests the engine's health; rejects if that fails. */
  readonly look: (signal: AbortSignal) => Promise<unknown>;
  readonly intervalMs: number;
  readonly unresponsiveMs: number;
  /** Called if health checks have failed for too long, with that time in milliseconds. */
  readonly onSilent: (ms: number) => void;
}

/** Checks a server's health and memory regularly and keeps the last results. */
export class ServerWatch {
  readonly #options: ServerWatchOptions;
  readonly #closed = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #answeredAt = systemClock.steady();
  #isAnswering = true;
  #memory: Awaited<ReturnType<typeof groupMemory>> = { pids: [], bytes: 0 };

  /** Measures the memory for the first time, and begins the regular checks. */
  static async open(options: ServerWatchOptions): Promise<ServerWatch> {
    const watch = new ServerWatch(options);
    watch.#memory = await groupMemory(options.group);
    watch.#arm();
    return watch;
  }

  private constructor(options: ServerWatchOptions) {
    this.#options = options;
  }

  /** Whether the last health check succeeded. */
  get isAnswering(): boolean {
    return this.#isAnswering;
  }

  get memory(): Awaited<ReturnType<typeof groupMemory>> {
    return this.#memory;
  }

  close(): void {
    this.#closed.abort(new Error("The watch was closed"));
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
