import assert from "node:assert/strict";
import type { ExecuteRequest } from "#shared/contracts/request.ts";
import { executeRequest } from "#shared/contracts/request.ts";
import { type WorkerEvent, workerEvent } from "#shared/contracts/events.ts";
import { readSse } from "#shared/http/sse.ts";
import { delay } from "#shared/lifecycle.ts";
import { createLogger } from "#shared/logging.ts";
import type { Engine } from "../engine/engine.ts";
import { Generator, type GeneratorOptions } from "../batch/generator.ts";
import type { Outcome } from "../answers/answer.ts";

/** A generator for tests, with the recorded calls of its observer. */
export function openGenerator(engine: Engine, options: Partial<GeneratorOptions> = {}) {
  const outcomes: Outcome[] = [];
  const fatal: unknown[] = [];
  const generator = new Generator({
    engine,
    workerId: "w1",
    modelRef: "fake",
    queueLimit: 4,
    prefillChunk: 8,
    prefillSlowdown: 1.4,
    batchSize: 32,
    cacheBytes: 0,
    cacheExpireMs: 60_000,
    metricsIntervalMs: 60_000,
    streamBuffer: 64,
    slowReaderMs: 60_000,
    observer: { started() {}, token() {}, ended: (_run, outcome) => outcomes.push(outcome) },
    log: createLogger("test"),
    onFatal: (error) => fatal.push(error),
    ...options,
  });
  return { generator, outcomes, fatal };
}

let jobs = 0;

/** A valid request; greedy by default. */
export function request(fields: Record<string, unknown> = {}): ExecuteRequest {
  const prompt = fields["messages"] || fields["prompt_tokens"] ? {} : { prompt: "abc" };
  return executeRequest.parse({
    model: "fake",
    job_id: `job-${++jobs}`,
    attempt: 1,
    temperature: 0,
    ...prompt,
    ...fields,
  });
}

/** Reads a stream to its end; every event is checked against the contract. */
export async function readEvents(body: ReadableStream<Uint8Array>): Promise<WorkerEvent[]> {
  const events: WorkerEvent[] = [];
  for await (const { event, data } of readSse(body)) {
    const sent = { event, data: JSON.parse(data) };
    events.push(workerEvent.parse(sent));
    assert.deepEqual(events.at(-1), sent, "An event has fields that the contract does not have");
  }
  return events;
}

/** The text of all token events. */
export function textOf(events: readonly WorkerEvent[]): string {
  return events.map((event) =>
    event.event === "token" && event.data.channel === undefined ? event.data.t : ""
  ).join("");
}

/** The ids of all token events. */
export function idsOf(events: readonly WorkerEvent[]): number[] {
  return events.flatMap((event) => event.event === "token" ? event.data.ids : []);
}

/**
 * Waits until a condition holds.
 *
 * @throws {Error} if it does not within half a minute
 */
export async function until(condition: () => boolean): Promise<void> {
  for (const giveUp = performance.now() + 30_000; !condition(); await delay(2)) {
    if (performance.now() > giveUp) {
      throw new Error("The condition did not hold within half a minute");
    }
  }
}

/** The kinds of events, without their figures. */
export function outline(events: readonly WorkerEvent[]): string[] {
  return events.filter((event) => event.event !== "metrics").map((event) =>
    event.event === "end"
      ? `end ${event.data.stop_reason}`
      : event.event === "error"
      ? `error ${event.data.code}`
      : event.event
  );
}
