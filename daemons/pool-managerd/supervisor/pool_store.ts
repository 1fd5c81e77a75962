import type { WorkerExit } from "#shared/contracts/pool.ts";
import type { EngineBytes } from "../models/estimates.ts";
import type { Measurement } from "../models/measurement.ts";
import type { WorkerRecord } from "./record.ts";

/** State of the pool manager that must survive its own crash. */
export interface PoolStore {
  /** Every worker without a recorded exit. */
  workers(): WorkerRecord[];
  /**
   * Writes a worker and its request before its process starts; resolves once they are in the file.
   *
   * @throws {LlorchError} `NOT_READY` if the file cannot be written; then nothing is kept
   */
  addWorker(record: WorkerRecord, now: number): Promise<void>;
  /** Updates a worker; does nothing if its exit is recorded. */
  updateWorker(record: WorkerRecord): void;
  /** Removes a worker that was never started. */
  dropWorker(record: WorkerRecord): void;
  /** The worker of a request, living or ended. */
  workerOfRequest(requestId: string): string | undefined;
  /** Replaces a worker with its exit, in one transaction. */
  recordExit(exit: WorkerExit): void;
  exits(): WorkerExit[];
  /** Removes exits that the orchestrator has acknowledged. */
  acknowledge(workerIds: readonly string[]): void;
  /** Measured loads of each model by `measurementKey`, newest first. */
  measurements(): Map<string, Measurement[]>;
  measure(fingerprint: string, measurement: Measurement): void;
  /** What the engine said of a load, by the hash of all that it depends on. */
  estimate(key: string): EngineBytes | undefined;
  keepEstimate(key: string, bytes: EngineBytes): void;
  /** The highest term of a leading orchestrator that was seen; 0: none. */
  term(): number;
  keepTerm(term: number): void;
  /** Commits the waiting writes. */
  close(): Promise<void>;
}
