/**
 * Syncs SQLite's write-ahead log to disk without blocking the event loop. With
 * `synchronous=NORMAL` a commit survives a killed process; once its log is synced it survives a
 * power cut as well. Callers that wait at the same time share one sync.
 */
export class WalSync {
  readonly #path: string;
  #file: Deno.FsFile | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Resolves when everything that was committed before the call is on disk. */
  sync(): Promise<void> {
    // A running sync may have begun before the caller's commit: wait for the next one.
    if (!this.#running) return this.#start();
    return this.#next ??= this.#running.catch(() => {}).then(() => {
      this.#next = undefined;
      return this.#start();
    });
  }

  async close(): Promise<void> {
    await (this.#next ?? this.#running)?.catch(() => {});
    this.#file?.close();
    this.#file = undefined;
  }

  #start(): Promise<void> {
    return this.#running = this.#sync().finally(() => this.#running = undefined);
  }

  async #sync(): Promise<void> {
    // The log stays the same file while the connection is open: a checkpoint only truncates it.
    this.#file ??= await Deno.open(this.#path, { read: true, write: true });
    await this.#file.syncData();
  }
}
