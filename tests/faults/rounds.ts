/**
 * Shared by all fault tests: rounds, clients that resume broken streams, and checks that must pass
 * after every fault.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  isTerminal,
  orchestratorRoutes as routes,
  type TaskRequestInput,
} from "#shared/contracts/mod.ts";
import type { Client } from "#shared/http/client.ts";
import { TransportError } from "#shared/http/client.ts";
import { LlorchError } from "#shared/errors.ts";
import { delay } from "#shared/lifecycle.ts";
import type { RunningDaemon, Service } from "../support/service.ts";
import { follow, isAlive, numbersOf, range, type Received, until } from "../support/stack.ts";

/** Rounds of each fault; `deno task test:faults` runs more. */
export const ROUNDS: number = Number(Deno.env.get("LLORCH_FAULT_ROUNDS") ?? 2);

/** Rounds of faults that take a quarter of a minute each. */
export const SLOW_ROUNDS: number = Number(Deno.env.get("LLORCH_FAULT_ROUNDS") ?? 1);

/** Runs a fault in {@linkcode ROUNDS} test steps, or in `rounds`. */
export async function inRounds(
  t: Deno.TestContext,
  name: string,
  round: (n: number) => Promise<void>,
  rounds: number = ROUNDS,
): Promise<void> {
  for (let n = 0; n < rounds; n++) await t.step(`${name}, round ${n + 1}`, () => round(n));
}

/** A task that takes about 2 ms per token when it runs alone: long enough to act while it runs. */
export function countTask(from: number, count = 150): TaskRequestInput {
  return { model: "slow-counter", prompt: `w${from}`, max_tokens: count, temperature: 0 };
}

/**
 * Settings that let the daemons notice faults within seconds.
 *
 * @param graceMs Time in which a client that lost its stream must be back.
 */
export const settings = (graceMs: number) => ({
  orchestratord: `tick_ms = 50
    failover = { stall_ms = 1500, backoff_first_ms = 100, backoff_max_ms = 1000, max_attempts = 20 }
    streams.disconnect_grace_ms = ${graceMs}`,
  poolManagerd: `worker.poll_interval_ms = 200
    worker.unresponsive_ms = 1500`,
});

/** Settings for clients that come back, also on a busy machine. */
export const SETTINGS = settings(30_000);

/** Settings for faults that end no worker: one that gets little of a busy machine is not taken for one that hangs. */
export const PATIENT = {
  orchestratord: SETTINGS.orchestratord.replace("stall_ms = 1500", "stall_ms = 15000"),
  poolManagerd: SETTINGS.poolManagerd.replace("unresponsive_ms = 1500", "unresponsive_ms = 15000"),
} as const;

/**
 * Submits a task and returns all its events. Whenever the stream breaks, it resumes with the id of
 * the last event.
 */
export async function followThrough(
  client: Client,
  task: TaskRequestInput,
  onEvent: (event: Received) => void = () => {},
): Promise<Received[]> {
  const received: Received[] = [];
  const { job_id } = await submitThrough(client, task);
  while (!received.some(isTerminal)) {
    const lastEventId = received.findLast(({ id }) => id !== undefined)?.id;
    try {
      const options = lastEventId === undefined ? {} : { lastEventId };
      for await (const event of follow(client, job_id, options)) {
        received.push(event);
        onEvent(event);
      }
    } catch (error) {
      if (!isBreak(error)) throw error;
      await delay(50);
    }
  }
  return received;
}

/** Submits a task with a new idempotency key, and retries until orchestratord replies. */
async function submitThrough(client: Client, task: TaskRequestInput): Promise<{ job_id: string }> {
  const headers = { "idempotency-key": crypto.randomUUID() };
  while (true) {
    try {
      return await client.call(routes.submit, { body: task, headers });
    } catch (error) {
      if (!isBreak(error)) throw error;
      await delay(50);
    }
  }
}

/** Whether an error means that a daemon was unreachable: an expected effect of the fault. */
function isBreak(error: unknown): boolean {
  return error instanceof TransportError || error instanceof TypeError ||
    (error instanceof LlorchError && error.code === "NOT_READY");
}

/** Checks that a stream has every number once and in order, and exactly one end. */
export function checkWhole(received: readonly Received[], from: number, count = 150): void {
  assert.equal(runsOf(numbersOf(received)), runsOf(range(from + 1, count)));
  const ids = received.flatMap(({ id }) => id === undefined ? [] : [id]);
  assert.deepEqual(ids, range(1, ids.length));
  assert.equal(received.filter(isTerminal).length, 1);
  assert.equal(received.at(-1)?.event, "end");
}

/** Formats numbers as ranges, for error messages: `8–20, 30–41`. */
function runsOf(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const each of numbers) {
    const last = runs.at(-1);
    if (last && last[1] + 1 === each) last[1] = each;
    else runs.push([each, each]);
  }
  return runs.map(([first, last]) => `${first}–${last}`).join(", ");
}

/** Checks that no job waits or runs: every accepted job has ended. */
export async function checkSettled({ client, workers }: Service): Promise<void> {
  await until("no slot is in use", async () => {
    return (await workers()).every(({ active }) => active === 0);
  }, 20_000);
  for (const status of ["queued", "dispatched", "running"] as const) {
    const { tasks } = await client.call(routes.listTasks, { query: { status, limit: 10 } });
    assert.deepEqual(tasks, [], `no job is ${status}`);
  }
}

/** Number of file descriptors that a daemon has open. */
export function descriptors({ program }: RunningDaemon): number {
  return [...Deno.readDirSync(`/proc/${program.pid}/fd`)].length;
}

/**
 * Runs `work`, then checks that both daemons have about as many file descriptors open as before,
 * and that all workers that were replaced have ended.
 *
 * @param known Process ids of all workers that the test has seen.
 */
export async function checkNoLeak(
  service: Service,
  known: ReadonlySet<number>,
  work: () => Promise<void>,
): Promise<void> {
  const daemons = [service.orchestratord, service.poolManagerd];
  const before = daemons.map(descriptors);
  await work();
  await checkSettled(service);
  // A connection that is kept open for the next call is not a leak.
  const isBack = () =>
    [service.orchestratord, service.poolManagerd].every((daemon, n) =>
      descriptors(daemon) <= before[n]! + 10
    );
  await until("the file descriptors are released", isBack, 30_000);
  await until("the workers that were replaced are gone", async () => {
    const running = new Set((await service.workers()).map(({ pid }) => pid));
    return [...known].every((pid) => running.has(pid) || !isAlive(pid));
  }, 30_000);
}
