/**
 * One orchestratord and three pool managers, each on its own host, with short intervals.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import {
  orchestratorRoutes as routes,
  type PoolView,
  type WorkerView,
} from "#shared/contracts/mod.ts";
import { type Client, createClient } from "#shared/http/client.ts";
import { Network } from "../support/network.ts";
import { type RunningDaemon, startDaemon } from "../support/service.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { isAlive, until, within } from "../support/stack.ts";

/** How often each host is cut off; `deno task test:hosts` does it more often. */
export const ROUNDS: number = Number(Deno.env.get("LLORCH_HOST_ROUNDS") ?? 2);

/** Time between two reports of a pool, in milliseconds. */
export const HEARTBEAT_MS = 250;

/** Names of the hosts with a pool manager. */
export const POOLS = ["a", "b", "c"] as const;

const TOKEN = "the-token-of-the-hosts";
const FRONT = "front";

const ORCHESTRATORD = `tick_ms = 20
  failover = { stall_ms = 600, backoff_first_ms = 50, backoff_max_ms = 500, max_attempts = 20 }
  streams.disconnect_grace_ms = 5000
  workers.replica_idle_ms = 500
  [pools]
  heartbeat_interval_ms = ${HEARTBEAT_MS}
  missed_heartbeats = 3
  forget_ms = 4000
  state_timeout_ms = 500
  call_timeout_ms = 500
`;

const POOL = `orchestrator.timeout_ms = 500
  orchestrator.backoff_ms = 50
  orchestrator.backoff_max_ms = 200
  heartbeat.coalesce_ms = 10
  worker.poll_interval_ms = 200
  worker.port_base = 0
`;

/** A running cluster. The test's process is not on one of its hosts and is never cut off. */
export class Cluster {
  readonly network: Network;
  readonly client: Client;
  readonly #dir: string;
  readonly #daemons = new Map<string, RunningDaemon>();

  private constructor(network: Network, dir: string) {
    this.network = network;
    this.#dir = dir;
    this.client = createClient({
      baseUrl: `http://${network.address(FRONT)}:8080`,
      token: TOKEN,
      timeoutMs: 10_000,
    });
  }

  /** Runs a test with hosts on which nothing runs yet, and kills everything on them afterwards. */
  static async with(test: (cluster: Cluster) => Promise<void>): Promise<void> {
    const dir = await Deno.makeTempDir({ prefix: "llorch-hosts-" });
    const network = await Network.open([FRONT, ...POOLS]);
    const cluster = new Cluster(network, dir);
    try {
      await test(cluster);
    } catch (error) {
      for (const [name, { log, program }] of cluster.#daemons) {
        const last = log.slice(-25).map((line) => JSON.stringify(line)).join("\n");
        console.error(`${name}:\n${last}\n${program.stderr()}`);
      }
      throw error;
    } finally {
      for (const name of [...POOLS, FRONT]) await network.lose(name, { from: 0, to: 0 });
      for (const name of [...POOLS, FRONT]) await cluster.stop(name);
      await network.close();
      await Deno.remove(dir, { recursive: true });
    }
  }

  /** Starts orchestratord, with the state of an earlier one if there was one. */
  startFront(): Promise<void> {
    return this.#start("orchestratord", FRONT, ORCHESTRATORD, 8080);
  }

  /** Starts a pool manager, with the state of an earlier one if there was one. */
  startPool(name: string): Promise<void> {
    const toml = `pool_id = "${name}"
      models_dirs = ["${dirname(slowCounterModel())}"]
      orchestrator.url = "http://${this.network.address(FRONT)}:8080"
      worker.host = "${this.network.address(name)}"
      ${POOL}`;
    return this.#start("pool-managerd", name, toml, 9200);
  }

  /** Starts all daemons, and waits until orchestratord knows every pool. */
  async start(): Promise<void> {
    await this.startFront();
    await Promise.all(POOLS.map((name) => this.startPool(name)));
    await this.untilStatus([...POOLS], "available");
  }

  daemon(name: string): RunningDaemon {
    const daemon = this.#daemons.get(name);
    assert.ok(daemon, `nothing runs on ${name}`);
    return daemon;
  }

  /** Shuts down the daemon on a host with SIGTERM. */
  async stop(name: string): Promise<void> {
    const { program } = this.#daemons.get(name) ?? {};
    program?.kill("SIGTERM");
    if (program) {
      await within(program.status, `${name} has stopped`).catch(() => program.kill("SIGKILL"));
    }
    this.#daemons.delete(name);
  }

  /** Kills the daemon on a host with SIGKILL. */
  async kill(name: string): Promise<void> {
    const { program } = this.daemon(name);
    program.kill("SIGKILL");
    await program.status;
    this.#daemons.delete(name);
  }

  async pools(): Promise<PoolView[]> {
    return (await this.client.call(routes.pools, {})).pools;
  }

  async workers(): Promise<WorkerView[]> {
    return (await this.client.call(routes.workers, {})).workers;
  }

  async statusOf(name: string): Promise<PoolView["status"] | undefined> {
    return (await this.pools()).find(({ pool_id }) => pool_id === name)?.status;
  }

  async untilStatus(names: string[], status: PoolView["status"] | undefined): Promise<void> {
    await until(`${names} ${status ?? "forgotten"}`, async () => {
      const all = await Promise.all(names.map((name) => this.statusOf(name)));
      return all.every((each) => each === status);
    }, 20_000);
  }

  /** Cuts a host off from all others, in both directions. */
  cutOff(name: string): Promise<void> {
    return this.network.lose(name, { from: 100, to: 100 });
  }

  heal(name: string): Promise<void> {
    return this.network.lose(name, { from: 0, to: 0 });
  }

  /** The worker of a job's last attempt, and its host. */
  async workerOf(jobId: string): Promise<WorkerView> {
    let found: WorkerView | undefined;
    await until("the job's worker is known", async () => {
      const { attempts } = await this.client.call(routes.getTask, { params: { id: jobId } });
      const last = attempts.at(-1)?.worker_id;
      found = (await this.workers()).find(({ worker_id }) => worker_id === last);
      return found !== undefined;
    });
    return found!;
  }

  /**
   * Waits until only one worker is left of all that this test has seen, according to every pool and
   * to the machine's processes.
   */
  async untilOneWorker(known: ReadonlySet<number>): Promise<void> {
    let found = "";
    await until("one worker is left", async () => {
      const workers = await this.workers();
      const alive = [...new Set([...known, ...workers.map(({ pid }) => pid)])].filter(isAlive);
      found = JSON.stringify({ workers, alive });
      return workers.length === 1 && alive.length === 1 && workers[0]?.state === "ready";
    }).catch((error) => {
      const logs = this.#daemons.entries().map(([name, { log }]) =>
        `${name}:\n${log.slice(-40).map((line) => JSON.stringify(line)).join("\n")}`
      );
      throw new Error(`${error.message}: ${found}\n${[...logs].join("\n")}`);
    });
  }

  /**
   * Waits until a pool is marked unavailable; returns how long after its last report that was, in
   * ms of orchestratord's clock.
   */
  async silenceOf(name: string): Promise<number> {
    await this.untilStatus([name], "unavailable");
    const { last_seen_at } = (await this.pools()).find(({ pool_id }) => pool_id === name)!;
    let lost: Record<string, unknown> | undefined;
    // A line takes its own time from the daemon to this process.
    await until("orchestratord has logged it", () => {
      lost = this.daemon(FRONT).log.findLast(({ event, pool_id, ts }) =>
        event === "pool_lost" && pool_id === name &&
        Date.parse(String(ts)) > Date.parse(last_seen_at)
      );
      return lost !== undefined;
    });
    return Date.parse(String(lost!["ts"])) - Date.parse(last_seen_at);
  }

  async #start(
    executable: "orchestratord" | "pool-managerd",
    name: string,
    toml: string,
    port: number,
  ): Promise<void> {
    const file = join(this.#dir, `${name}.toml`);
    await Deno.writeTextFile(
      file,
      `host = "${this.network.address(name)}"
       port = ${port}
       state_dir = "${join(this.#dir, name)}"
       ${toml}`,
    );
    const env = {
      HOME: this.#dir,
      LLORCH_API_TOKEN: TOKEN,
      DENO_DIR: Deno.env.get("DENO_DIR") ?? join(Deno.env.get("HOME") ?? "/root", ".cache/deno"),
    };
    const daemon = await startDaemon(
      executable,
      [`--config=${file}`],
      env,
      this.network.on(name),
    );
    this.#daemons.set(name, daemon);
  }
}

/** The host with orchestratord. */
export { FRONT };
