import type { Clock } from "#shared/clock.ts";
import { workerRoutes } from "#shared/contracts/worker.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { createClient } from "#shared/http/client.ts";
import type { Logger } from "#shared/logging.ts";
import type { PoolConfig } from "../config.ts";
import { toErase } from "./keep_plan.ts";
import { SlotFolder } from "./slot_folder.ts";

/** A worker whose slots are saved or restored. */
export interface SlotHolder {
  readonly worker_id: string;
  readonly uri: string;
  readonly token: string;
  readonly slots: number;
}

/** Dependencies of {@linkcode SavedSlots}. */
export interface SavedSlotsOptions {
  readonly dir: string;
  readonly config: PoolConfig["saved_slots"];
  readonly clock: Clock;
  readonly log: Logger;
}

/** Longest time between two sweeps, in milliseconds, since the clock may be set. */
const MOST_BETWEEN_SWEEPS_MS = 60_000;

/** Opens the saved slots; if they are off, removes earlier ones and returns undefined. */
export function openSavedSlots(options: SavedSlotsOptions): SavedSlots | undefined {
  if (options.config.max_bytes > 0) return new SavedSlots(options);
  try {
    Deno.removeSync(options.dir, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return undefined;
}

/**
 * Saves the content of stopped workers' idle slots for the next worker of the same model and
 * settings. A file is restored only once, since the worker that restored it continues with the
 * content.
 */
export class SavedSlots {
  readonly #options: SavedSlotsOptions;
  readonly #folder: SlotFolder;
  /** Paths of files that workers are writing or reading, or that are being synced. */
  readonly #inWork = new Set<string>();
  /** Running work, with the key of the file that it will complete, if any. */
  readonly #running = new Map<Promise<unknown>, string | undefined>();
  readonly #restores = new Map<string, Promise<readonly string[]>>();
  #expireMs: number;
  #cancelTimer = () => {};
  #isClosed = false;

  constructor(options: SavedSlotsOptions) {
    this.#options = options;
    this.#expireMs = options.config.expire_ms;
    this.#folder = new SlotFolder(options.dir);
    this.#sweep();
  }

  /** The folder of the files. */
  get dir(): string {
    return this.#folder.dir;
  }

  /** Bytes of all files. */
  get bytes(): number {
    return this.#folder.list().reduce((total, { bytes }) => total + bytes, 0);
  }

  /** Limits how long files are kept, also if the configuration allows more, in milliseconds. */
  limit(expireMs: number): void {
    const next = Math.min(this.#options.config.expire_ms, expireMs);
    if (next === this.#expireMs) return;
    this.#expireMs = next;
    this.#sweep();
  }

  /**
   * Saves the idle slots of a worker. Never rejects: a prompt that was not saved is evaluated
   * again.
   *
   * @param limitMs Deadline in milliseconds, if it is shorter than the configured one.
   */
  save(holder: SlotHolder, limitMs: number): Promise<void> {
    return this.#track(this.#save(holder, this.#deadline(limitMs)));
  }

  /**
   * Restores slots with a worker's key, most recently used first. Never rejects. Concurrent calls
   * for the same worker share one result.
   *
   * @returns ids of the workers whose slots these were
   */
  restore(holder: SlotHolder, key: string): Promise<readonly string[]> {
    const { worker_id } = holder;
    const running = this.#restores.get(worker_id);
    if (running) return running;
    const restore = this.#restore(holder, key).finally(() => this.#restores.delete(worker_id));
    this.#restores.set(worker_id, restore);
    return this.#track(restore);
  }

  async close(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running.keys());
    this.#isClosed = true;
    this.#cancelTimer();
  }

  async #save(holder: SlotHolder, deadline: number): Promise<void> {
    const { clock, log } = this.#options;
    const { worker_id } = holder;
    const began = clock.steady();
    const counts = { slots: 0, tokens: 0, bytes: 0 };
    for (let slot = 0; slot < holder.slots; slot++) {
      const part = this.#folder.part(worker_id, slot);
      this.#inWork.add(part);
      try {
        const { tokens, bytes, key } = await this.#client(holder, deadline)
          .call(workerRoutes.saveSlot, { params: { n: slot }, body: { path: part } });
        if (tokens === 0) {
          this.#inWork.delete(part);
          continue;
        }
        counts.slots++;
        counts.tokens += tokens;
        counts.bytes += bytes;
        // The worker does not wait for the sync.
        void this.#track(this.#keep(part, key, worker_id, slot), key);
      } catch (error) {
        this.#letGo(part);
        const code = error instanceof LlorchError ? error.code : undefined;
        // The slot is in use; its stream continues, here or on another worker.
        if (code === "CONFLICT") continue;
        // The engine has no slots.
        if (code === "NOT_FOUND") break;
        log.warn("slots_not_saved", { worker_id, slot, reason: errorMessage(error) });
        break;
      }
    }
    if (counts.slots === 0) return;
    log.info("slots_saved", { worker_id, ...counts, ms: clock.steady() - began });
  }

  async #keep(part: string, key: string, workerId: string, slot: number): Promise<void> {
    try {
      await this.#folder.keep(part, key, workerId, slot);
    } catch (error) {
      const reason = errorMessage(error);
      this.#options.log.warn("slots_not_saved", { worker_id: workerId, slot, reason });
    } finally {
      this.#letGo(part);
      this.#sweep();
    }
  }

  async #restore(holder: SlotHolder, key: string): Promise<readonly string[]> {
    const { clock, log } = this.#options;
    const { worker_id } = holder;
    const began = clock.steady();
    const deadline = this.#deadline(Infinity);
    // Files that another worker has just written are not complete yet.
    const coming = [...this.#running].filter(([, of]) => of === key).map(([keep]) => keep);
    await Promise.allSettled(coming);
    this.#sweep();
    const files = this.#take(key, holder.slots);
    const restored: string[] = [];
    let tokens = 0;
    for (const [slot, { part, workerId }] of files.entries()) {
      try {
        const call = { params: { n: slot }, body: { path: part } };
        tokens +=
          (await this.#client(holder, deadline).call(workerRoutes.restoreSlot, call)).tokens;
        restored.push(workerId);
      } catch (error) {
        log.warn("slots_not_restored", { worker_id, slot, reason: errorMessage(error) });
        if (clock.steady() >= deadline) break;
      }
    }
    files.forEach(({ part }) => this.#letGo(part));
    if (restored.length > 0) {
      const ms = clock.steady() - began;
      log.info("slots_restored", { worker_id, slots: restored.length, tokens, ms });
    }
    return [...new Set(restored)];
  }

  /** Takes the last used files of a key, all at once, so that no other worker gets them. */
  #take(key: string, most: number): { readonly part: string; readonly workerId: string }[] {
    const files = this.#folder.list().filter((file) => file.key === key)
      .sort((a, b) => b.usedAt - a.usedAt).slice(0, most);
    return files.flatMap((file) => {
      try {
        const part = this.#folder.take(file);
        this.#inWork.add(part);
        return [{ part, workerId: file.workerId }];
      } catch (error) {
        // It was erased just now.
        if (error instanceof Deno.errors.NotFound) return [];
        throw error;
      }
    });
  }

  /** Erases expired files, and schedules the next sweep. */
  #sweep(): void {
    if (this.#isClosed) return;
    const { config, clock, log } = this.#options;
    this.#cancelTimer();
    try {
      this.#folder.removeParts(this.#inWork);
      const now = clock.now();
      const bounds = { maxBytes: config.max_bytes, expireMs: this.#expireMs, now };
      for (const { path, bytes, workerId } of toErase(this.#folder.list(), bounds)) {
        this.#folder.remove(path);
        log.info("slot_erased", { worker_id: workerId, bytes });
      }
      const dues = this.#folder.list().map(({ usedAt }) => usedAt + this.#expireMs - now);
      if (dues.length === 0) return;
      const wait = Math.max(1, Math.min(...dues, MOST_BETWEEN_SWEEPS_MS));
      this.#cancelTimer = clock.after(wait, () => this.#sweep());
    } catch (error) {
      log.error("slots_not_erased", { dir: this.dir, reason: errorMessage(error) });
      this.#cancelTimer = clock.after(MOST_BETWEEN_SWEEPS_MS, () => this.#sweep());
    }
  }

  #letGo(part: string): void {
    this.#inWork.delete(part);
    this.#folder.removeParts(this.#inWork);
  }

  #deadline(limitMs: number): number {
    return this.#options.clock.steady() + Math.min(limitMs, this.#options.config.timeout_ms);
  }

  #client({ uri, token }: SlotHolder, deadline: number) {
    const timeoutMs = Math.max(1, deadline - this.#options.clock.steady());
    return createClient({ baseUrl: uri, token, timeoutMs });
  }

  #track<T>(work: Promise<T>, key?: string): Promise<T> {
    this.#running.set(work, key);
    const done = () => void this.#running.delete(work);
    work.then(done, done);
    return work;
  }
}
