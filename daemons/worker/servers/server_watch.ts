import type { ServerLoad } from "#shared/contracts/pool.ts";
import { LinkedAbort } from "#shared/aborts.ts";
import { systemClock } from "#shared/clock.ts";
import { groupMemory } from "./group_memory.ts";

/** Options of a {@linkcode ServerWatch}. */
export interface ServerWatchOptions {
  /** Process group of the engine; undefined: it runs elsewhere, and has no memory here. */
  readonly group: number | undefined;
  /** Requests the engine's health; rejects if that fails. */
  readonly look: (signal: AbortSignal) => Promise<unknown>;
  /** Asks what the server says of its load; absent: it says nothing. */
  readonly load?: ((signal: AbortSignal) => Promise<ServerLoad | undefined>) | undefined;
  readonly intervalMs: number;
  readonly unresponsiveMs: number;
  /** Called if health checks have failed for too long: that time in milliseconds, and the last error. */
  readonly onSilent: (ms: number, error: unknown) => void;
}

/** Checks a server's health and memory regularly and keeps the last results. */
export class ServerWatch {
  readonly #options: ServerWatchOptions;
  readonly #closed = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #answeredAt = systemClock.steady();
  #isAnswering = true;
  #load: ServerLoad | undefined;
  #memory: Awaited<ReturnType<typeof groupMemory>> = { pids: [], bytes: 0 };

  /** Measures the memory for the first time, and begins the regular checks. */
  static async open(options: ServerWatchOptions): Promise<ServerWatch> {
    const watch = new ServerWatch(options);
    await watch.#measure();
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

  /** What the server said of its load at the last check. */
  get load(): ServerLoad | undefined {
    return this.#load;
  }

  get memory(): Awaited<ReturnType<typeof groupMemory>> {
    return this.#memory;
  }

  close(): void {
    this.#closed.abort(new Error("The watch was closed"));
    clearTimeout(this.#timer);
  }

  async #measure(): Promise<void> {
    const { group } = this.#options;
    if (group === undefined) return;
    this.#memory = await groupMemory(group);
  }

  #arm(): void {
    if (this.#closed.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#look(), this.#options.intervalMs);
  }

  async #look(): Promise<void> {
    const { look, load, intervalMs, unresponsiveMs, onSilent } = this.#options;
    const limit = new LinkedAbort(this.#closed.signal);
    let last: unknown;
    limit.abortAfter(intervalMs, () => new Error("No answer"), systemClock);
    try {
      await look(limit.signal);
      this.#load = await load?.(limit.signal).catch(() => undefined);
      this.#isAnswering = true;
      this.#answeredAt = systemClock.steady();
    } catch (error) {
      last = error;
      this.#isAnswering = false;
    } finally {
      limit[Symbol.dispose]();
    }
    if (this.#closed.signal.aborted) return;
    // The figure before stays if the group cannot be read.
    await this.#measure().catch(() => {});
    const silentMs = Math.round(systemClock.steady() - this.#answeredAt);
    if (!this.#isAnswering && silentMs >= unresponsiveMs) onSilent(silentMs, last);
    this.#arm();
  }
}
