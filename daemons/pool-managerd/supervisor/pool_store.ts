import type { WorkerExit } from "#shared/contracts/pool.ts";
import type { Measurement } from "../models/measurement.ts";
import type { WorkerRecord } from "./record.ts";

/** What the pool manager must know after a crash of its own. */
export interface PoolStore {
  /** Every worker whose end was not seen. */
  workers(): WorkerRecord[];
  /**
   * Writes a worker before its process starts, and the request that it answers; resolves once they
   * are in the file.
   *
   * @throws {LlorchError} `NOT_READY` when the file cannot be written; nothing is remembered then
   */
  addWorker(record: WorkerRecord, now: number): Promise<void>;
  /** Writes what changed of a worker; nothing for one whose end is recorded. */
  updateWorker(record: WorkerRecord): void;
  /** Forgets a worker that was never started. */
  dropWorker(record: WorkerRecord): void;
  /** The worker that answered this request, alive or not. */
  workerOfRequest(requestId: string): string | undefined;
  /** Turns a worker into an exit, in one transaction. */
  recordExit(exit: WorkerExit): void;
  exits(): WorkerExit[];
  /** Forgets exits that the orchestrator knows. */
  acknowledge(workerIds: readonly string[]): void;
  /** What loads of each model took, by fingerprint, newest first. */
  measurements(): Map<string, Measurement[]>;
  measure(fingerprint: string, measurement: Measurement): void;
  /** Writes what waits. */
  close(): Promise<void>;
}
