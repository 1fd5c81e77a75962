import { deadline } from "#shared/deadline.ts";
import type { Logger } from "#shared/logging.ts";
import type { Orchestrator } from "../../service.ts";
import type { BatchRow } from "../../store/batch_store.ts";
import { endpointsOf } from "./endpoints.ts";
import { patience } from "../patience.ts";
import { patientReads } from "./patient_reads.ts";
import { Places } from "./places.ts";
import { BatchRun, type RunDeps } from "./run.ts";

/** How long a stop waits for what is being written, in ms: on a full disk that would be for ever. */
const STOP_MS = 1_000;

/** Runs the batches that have not ended. */
export class BatchRunner {
  readonly #deps: RunDeps;
  readonly #stop = new AbortController();
  readonly #runs = new Map<string, { readonly run: BatchRun; readonly ended: Promise<void> }>();

  constructor(orchestrator: Orchestrator, log: Logger) {
    const { clock, config, loop, store } = orchestrator;
    const patiently = patience(clock, this.#stop.signal);
    this.#deps = {
      orchestrator: { ...orchestrator, store: patientReads(store, patiently) },
      patiently,
      log,
      endpoints: endpointsOf(orchestrator),
      places: new Places({
        clock,
        queue: () => ({
          waiting: loop.state.queued.size,
          capacity: loop.state.policy.queueCapacity,
        }),
        mostWaiting: () => config.batches.max_waiting,
      }),
      stop: this.#stop.signal,
    };
  }

  /** Number of batches that run. */
  get size(): number {
    return this.#runs.size;
  }

  /** Runs a batch that is stored. */
  start(batch: BatchRow): void {
    if (this.#stop.signal.aborted || this.#runs.has(batch.id)) return;
    const run = new BatchRun(this.#deps, batch);
    const ended = run.run()
      .catch((error) => this.#deps.log.error("batch_lost", { batch_id: batch.id, error }))
      .finally(() => this.#runs.delete(batch.id));
    this.#runs.set(batch.id, { run, ended });
  }

  /** Goes on with the batches that an earlier process left unfinished. */
  async resume(): Promise<void> {
    for (const batch of await this.#deps.orchestrator.store.batches.unfinished()) this.start(batch);
  }

  /**
   * Cancels a batch.
   *
   * @returns false if its lines have ended already
   */
  async cancel({ id }: BatchRow): Promise<boolean> {
    const { store, clock } = this.#deps.orchestrator;
    const known = this.#runs.get(id);
    if (known) return await known.run.cancel();
    // After a start, before it goes on.
    await store.batches.update(id, { status: "cancelling", cancellingAt: clock.now() });
    return true;
  }

  /** Stops: the next start goes on. */
  async close(): Promise<void> {
    this.#stop.abort();
    await deadline(Promise.all([...this.#runs.values()].map(({ ended }) => ended)), STOP_MS);
  }
}
