/**
 * One pool manager with real workers; its reports are compared with the machine's processes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { poolRoutes as routes, type PoolState } from "#shared/contracts/mod.ts";
import { createClient } from "#shared/http/client.ts";
import { type RunningDaemon, startDaemon } from "../support/service.ts";
import { isAlive, until, within } from "../support/stack.ts";

/** Relative tolerance: the memory that a pool manager reports is as old as its last measurement. */
const MEMORY_TOLERANCE = 0.25;

/** A pool manager that can be restarted in the same folder. */
export class LonePool {
  readonly dir: string;
  readonly #models: string;
  readonly portBase: number;
  /** Ids of all workers whose spawn it accepted. */
  readonly promised = new Set<string>();
  #daemon: RunningDaemon | undefined;
  #requests = 0;

  constructor(dir: string, models: string, portBase: number) {
    this.dir = dir;
    this.#models = models;
    this.portBase = portBase;
  }

  /** Folder for the temporary files of the pool manager and its workers. */
  get temporary(): string {
    return join(this.dir, "tmp");
  }

  get state(): Promise<PoolState> {
    return this.#client.call(routes.state, {});
  }

  get pid(): number {
    return this.#running.program.pid;
  }

  async start(): Promise<void> {
    await Deno.mkdir(this.temporary, { recursive: true });
    // Workers that are starting when it is killed still call its previous address.
    const port = this.#daemon ? new URL(this.#daemon.url).port : "0";
    this.#daemon = await startDaemon("pool-managerd", [
      `--port=${port}`,
      "--pool-id=alone",
      `--state-dir=${join(this.dir, "state")}`,
      `--models-dirs=${this.#models}`,
      `--worker-port-base=${this.portBase}`,
      "--worker-poll-interval-ms=100",
    ], { TMPDIR: this.temporary });
  }

  /** Spawns a worker and returns its id. */
  async spawn(model: string): Promise<string> {
    const { models } = await this.state;
    const found = models.find(({ aliases }) => aliases.includes(model));
    assert.ok(found, `no model ${model}`);
    const { model_ref, fingerprint } = found;
    const { worker_id } = await this.#client.call(routes.spawn, {
      params: { id: "alone" },
      body: { request_id: `r-${++this.#requests}`, model_ref, fingerprint },
    });
    this.promised.add(worker_id);
    return worker_id;
  }

  async stop(workerId: string, deadline_ms: number): Promise<void> {
    await this.#client.call(routes.stopWorker, { params: { id: workerId }, body: { deadline_ms } });
  }

  async kill(): Promise<void> {
    const { program } = this.#running;
    program.kill("SIGKILL");
    await program.status;
  }

  async close(): Promise<void> {
    const { program } = this.#running;
    program.kill("SIGTERM");
    await within(program.status, "the pool manager has stopped");
  }

  /**
   * Waits until no worker starts or stops, then checks the pool manager's report: its workers are
   * the processes of the machine, each uses the memory that is reported for it, and every other
   * accepted worker is listed once as an exit.
   */
  async check(): Promise<void> {
    let report = await this.state;
    await until("no worker starts or stops", async () => {
      report = await this.state;
      return report.workers.every(({ state, pid }) => state === "ready" && isAlive(pid)) &&
        report.workers.length + report.exits.length === this.promised.size;
    });
    const pids = report.workers.map(({ pid }) => pid).sort((a, b) => a - b);
    // A process that was killed while it forked leaves a child for a moment.
    let alive: number[] = [];
    await until("the reported workers are the running ones", () => {
      alive = this.processes();
      return alive.join() === pids.join();
    }).catch(() => assert.deepEqual(alive, pids, "the reported workers are the running ones"));
    const ids = [...report.workers, ...report.exits].map(({ worker_id }) => worker_id).sort();
    assert.deepEqual(ids, [...this.promised].sort(), "every worker runs or has ended, once");
    const ports = report.workers.map(({ uri }) => Number(new URL(uri!).port));
    assert.equal(new Set(ports).size, ports.length, "no port is used twice");
    let off = "";
    await until("workers use the memory that is reported for them", async () => {
      off = (await this.state).workers
        .map(({ worker_id, pid, memory_bytes }) => ({ worker_id, memory_bytes, held: held(pid) }))
        .filter(({ memory_bytes: counted, held }) =>
          Math.abs(counted - held) > MEMORY_TOLERANCE * held
        )
        .map((each) => JSON.stringify(each)).join();
      return off === "";
    }).catch((error) => assert.fail(`${error.message}: ${off}`));
  }

  /** Process ids of this pool's workers from `/proc`, whatever their parent is now. */
  processes(): number[] {
    return [...Deno.readDirSync("/proc")]
      .map(({ name }) => Number(name))
      .filter((pid) => pid > 0 && pid !== this.#daemon?.program.pid && this.#isOurs(pid))
      .sort((a, b) => a - b);
  }

  /** Number of file descriptors that the pool manager has open. */
  descriptors(): number {
    return [...Deno.readDirSync(`/proc/${this.pid}/fd`)].length;
  }

  #isOurs(pid: number): boolean {
    try {
      const args = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0");
      const environment = Deno.readTextFileSync(`/proc/${pid}/environ`).split("\0");
      return args.includes("--worker-id") || args.some((arg) => arg.startsWith("--worker-id="))
        ? isAlive(pid) && environment.includes(`TMPDIR=${this.temporary}`)
        : false;
    } catch {
      return false; // The process has ended.
    }
  }

  get #running(): RunningDaemon {
    assert.ok(this.#daemon, "the pool manager runs");
    return this.#daemon;
  }

  get #client() {
    return createClient({ baseUrl: this.#running.url, timeoutMs: 20_000 });
  }
}

/** Resident memory of a process, in bytes. */
function held(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
}
