import { join } from "node:path";
import { poolRoutes } from "#shared/contracts/pool_routes.ts";
import type {
  PoolModel,
  PoolWorker,
  SpawnRequest,
  WorkerExit,
  WorkerUpdate,
} from "#shared/contracts/pool.ts";
import { createClient } from "#shared/http/client.ts";
import { type PoolConfig, poolConfig } from "../config.ts";
import type { DeviceSource } from "../devices/device_source.ts";
import { openPoolManager, type PoolManager } from "../pool_manager.ts";
import { FAKE_COMMAND } from "./fake_command.ts";
import { device, fakeSource } from "./fake_source.ts";
import { fakeOrchestrator } from "./fake_orchestrator.ts";
import { recordingLogger } from "./log.ts";
import { killIfAlive } from "./processes.ts";
import { FINGERPRINT, poolModel, spawnRequest } from "./records.ts";

/** Memory of the only device of a test pool. */
const DEVICE_BYTES = 1_000_000_000;

type DeepPartial<T> = T extends object ? { [K in keyof T]?: DeepPartial<T[K]> } : T;

/** Workers that are reported with all fields. */
const whole = (workers: readonly (PoolWorker | WorkerUpdate)[]) =>
  workers.filter((worker) => "pid" in worker);

/** A pool manager with fake workers and a fake orchestrator that records its calls. */
export async function openTestPool(
  mode = "",
  config: DeepPartial<Omit<PoolConfig, "limits">> = {},
  sources: readonly DeviceSource[] = [fakeSource([device("cpu", "cpu", DEVICE_BYTES)])],
  model: PoolModel = poolModel(),
) {
  const dir = await Deno.makeTempDir({ prefix: "pool-test-" });
  const orchestrator = await fakeOrchestrator();
  orchestrator.answers.intervalMs = 50;
  const log = recordingLogger();
  const open = (changes: typeof config = {}): Promise<PoolManager> =>
    openPoolManager(
      poolConfig.parse({
        pool_id: "p",
        port: 0,
        state_dir: join(dir, "state"),
        ...config,
        ...changes,
        orchestrator: { url: orchestrator.url },
        heartbeat: { coalesce_ms: 1 },
        // Most tests need no figures of an engine.
        models: { estimate_deadline_ms: 0, ...config.models, ...changes.models },
        worker: { port_base: 0, poll_interval_ms: 50, ...config.worker, ...changes.worker },
      }),
      {
        log,
        env: { ...Deno.env.toObject(), FAKE_WORKER: mode, FAKE_FINGERPRINT: FINGERPRINT },
        deviceSources: sources,
        scan: () => Promise.resolve({ models: [model], problems: [] }),
        findWorker: () => FAKE_COMMAND,
      },
    );
  let manager = await open();
  const pids = new Set<number>();

  const pool = {
    log,
    orchestrator,
    get url() {
      return manager.url;
    },
    get client() {
      return createClient({ baseUrl: manager.url, timeoutMs: 10_000 });
    },
    async spawn(changes: Partial<SpawnRequest> = {}): Promise<string> {
      const call = { params: { id: "p" }, body: spawnRequest(changes) };
      const { worker_id } = await pool.client.call(poolRoutes.spawn, call);
      return worker_id;
    },
    /** Waits until a worker that matches is reported to the orchestrator. */
    async worker(matches: (worker: PoolWorker) => boolean): Promise<PoolWorker> {
      const find = (workers: readonly PoolWorker[]) => {
        workers.forEach((worker) => pids.add(worker.pid));
        return workers.find(matches);
      };
      const call = await orchestrator.next((each) =>
        "workers" in each.body && find(whole(each.body.workers)) !== undefined
      );
      return find("workers" in call.body ? whole(call.body.workers) : [])!;
    },
    /** Spawns a worker and waits until it is ready. */
    async ready(): Promise<PoolWorker> {
      const id = await pool.spawn();
      return await pool.worker((each) => each.worker_id === id && each.state === "ready");
    },
    /** Waits until a worker's exit is reported to the orchestrator. */
    async exit(workerId: string): Promise<WorkerExit> {
      const find = (exits: readonly WorkerExit[]) =>
        exits.find((each) => each.worker_id === workerId);
      const call = await orchestrator.next((each) =>
        "exits" in each.body && find(each.body.exits) !== undefined
      );
      return find("exits" in call.body ? call.body.exits : [])!;
    },
    /** Files in the folder of the workers' logs. */
    logFiles: () => Array.fromAsync(Deno.readDir(join(dir, "state", "logs"))),
    close: () => manager.close(),
    /** Opens a pool manager with the same state folder; the earlier one must be closed. */
    async reopen(changes: typeof config = {}): Promise<void> {
      manager = await open(changes);
    },
    async dispose(): Promise<void> {
      await manager.close();
      for (const pid of pids) killIfAlive(pid);
      await orchestrator.close();
      await Deno.remove(dir, { recursive: true });
    },
  };
  return pool;
}

/** Runs a test with a pool. */
export function withPool(
  test: (pool: Awaited<ReturnType<typeof openTestPool>>) => Promise<void>,
  ...options: Parameters<typeof openTestPool>
): () => Promise<void> {
  return async () => {
    const pool = await openTestPool(...options);
    try {
      await test(pool);
    } finally {
      await pool.dispose();
    }
  };
}
