import assert from "node:assert/strict";
import { dirname } from "node:path";
import { usageOf } from "../bench/relay/usage.ts";
import {
  checkSettled,
  checkWhole,
  countTask,
  descriptors,
  followThrough,
  SETTINGS,
} from "../faults/rounds.ts";
import { type RunningDaemon, type Service, withService } from "../support/service.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { range, run } from "../support/stack.ts";

/** Resources that the daemons and the worker use. */
export interface Held {
  readonly orchestratord: HeldByDaemon;
  readonly poolManagerd: HeldByDaemon;
  /** Resident memory of the worker, in MiB. */
  readonly workerMiB: number;
}

/** Resources that one daemon uses. */
export interface HeldByDaemon {
  readonly rssMiB: number;
  readonly descriptors: number;
  /** Number of pending timers. */
  readonly timers: number;
}

/** Resources in use before the load, after a warm-up, and after it. */
export interface Soaked {
  readonly before: Held;
  readonly after: Held;
  /** Number of streams that were read to their end, and of clients that left. */
  readonly streams: number;
  readonly left: number;
}

/** Further file descriptors that a daemon may keep: connections for the next call. */
const DESCRIPTORS_MORE = 10;
/** Further timers that may be pending, as some clean-up may not have ended yet. */
const TIMERS_MORE = 3;
/** Additional memory that a daemon or worker may use, in MiB, and as a share. */
const MIB_MORE = 48;
const SHARE_MORE = 0.25;

/** Loads a service for this many seconds and returns its resources before and after. */
export async function soak(seconds: number): Promise<Soaked> {
  let soaked: Soaked | undefined;
  await withService(dirname(slowCounterModel()), async (service) => {
    await run(service.client, countTask(0, 3));
    // Warms up: code is compiled, pools are filled, and the heap reaches its size.
    await load(service, Math.max(5, seconds / 5));
    const before = await held(service);
    const counts = await load(service, seconds);
    soaked = { before, after: await held(service), ...counts };
  }, SETTINGS);
  return soaked!;
}

/** Checks that the service uses no more resources after the load than it may. */
export function checkSoaked({ before, after }: Soaked): void {
  const most = (mib: number) => mib * (1 + SHARE_MORE) + MIB_MORE;
  for (const daemon of ["orchestratord", "poolManagerd"] as const) {
    const [was, is] = [before[daemon], after[daemon]];
    assert.ok(
      is.descriptors <= was.descriptors + DESCRIPTORS_MORE,
      `${daemon} holds ${is.descriptors} descriptors, ${was.descriptors} before the load`,
    );
    assert.ok(
      is.timers <= was.timers + TIMERS_MORE,
      `${daemon} has ${is.timers} timers, ${was.timers} before the load`,
    );
    assert.ok(is.rssMiB <= most(was.rssMiB), `${daemon}: ${is.rssMiB} MiB, ${was.rssMiB} before`);
  }
  const { workerMiB } = after;
  assert.ok(
    workerMiB <= most(before.workerMiB),
    `the worker: ${workerMiB} MiB, ${before.workerMiB} before`,
  );
}

/** Six clients that read to the end, and two that leave in the middle, again and again. */
async function load(
  service: Service,
  seconds: number,
): Promise<{ streams: number; left: number }> {
  const end = performance.now() + seconds * 1000;
  const counts = { streams: 0, left: 0 };
  await Promise.all([
    ...range(0, 6).map(async (client) => {
      for (let n = 0; performance.now() < end; n++) {
        const from = 1000 * (client + 1) + n % 500;
        checkWhole(await followThrough(service.client, countTask(from, 50)), from, 50);
        counts.streams++;
      }
    }),
    ...range(0, 2).map(async () => {
      for (; performance.now() < end; counts.left++) {
        const { body } = await fetch(`${service.orchestratord.url}/v1/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ ...countTask(7, 5000), stream: true }),
        });
        const reader = body!.getReader();
        await reader.read();
        // An aborted signal has no effect once the `Response` has been garbage-collected.
        await reader.cancel();
      }
    }),
  ]);
  await checkSettled(service);
  return counts;
}

async function held(service: Service): Promise<Held> {
  const of = async (daemon: RunningDaemon): Promise<HeldByDaemon> => ({
    rssMiB: mib(daemon.program.pid),
    descriptors: descriptors(daemon),
    timers: await timers(daemon),
  });
  const [worker] = await service.workers();
  return {
    orchestratord: await of(service.orchestratord),
    poolManagerd: await of(service.poolManagerd),
    workerMiB: mib(worker!.pid),
  };
}

/** Number of pending timers of a daemon, from its metrics. */
async function timers(daemon: RunningDaemon): Promise<number> {
  const metrics = await (await fetch(`${daemon.url}/metrics`)).text();
  const line = /^nodejs_active_resources\{type="Timeout"\} (\d+)$/m.exec(metrics);
  assert.ok(line, "the metrics do not count timers");
  return Number(line[1]);
}

function mib(pid: number): number {
  return Math.round(usageOf(pid).rssBytes / 2 ** 20);
}
