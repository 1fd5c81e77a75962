/**
 * One pool manager with real workers, and what it says of them held against what the machine says.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { poolRoutes as routes, type PoolState } from "#shared/contracts/mod.ts";
import { createClient } from "#shared/http/client.ts";
import { type RunningDaemon, startDaemon } from "../support/service.ts";
import { isAlive, until, within } from "../support/stack.ts";

/** Workers' own figures are a look old. */
const MEMORY_TOLERANCE = 0.25;

/** A pool manager that is started again and again in one folder. */
export class LonePool {
  readonly dir: string;
  readonly #models: string;
  readonly portBase: number;
  /** Ids of all workers that it promised. */
  readonly promised = new Set<string>();
  #daemon: RunningDaemon | undefined;
  #requests = 0;

  constructor(dir: string, models: string, portBase: number) {
    this.dir = dir;
    this.#models = models;
    this.portBase = portBase;
  }

  /** For temporary files of everything that runs here. */
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
    // Workers that start while it is killed call back where it was.
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

  /** Asks for a worker; undefined where there was no room for it. */
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
   * Waits until nothing is under way, and checks that what it says is so: its workers are the
   * machine's, each holds the memory that it is counted with, and every other one that was promised
   * is an exit, once.
   */
  async check(): Promise<void> {
    let said = await this.state;
    await until("nothing is under way", async () => {
      said = await this.state;
      return said.workers.every(({ state, pid }) => state === "ready" && isAlive(pid)) &&
        said.workers.length + said.exits.length === this.promised.size;
    });
    const pids = said.workers.map(({ pid }) => pid).sort((a, b) => a - b);
    // One that was killed as it forked leaves a child for a moment.
    let alive: number[] = [];
    await until("its workers are those that live", () => {
      alive = this.processes();
      return alive.join() === pids.join();
    }).catch(() => assert.deepEqual(alive, pids, "its workers are those that live"));
    const ids = [...said.workers, ...said.exits].map(({ worker_id }) => worker_id).sort();
    assert.deepEqual(ids, [...this.promised].sort(), "every worker lives, or has ended once");
    const ports = said.workers.map(({ uri }) => Number(new URL(uri!).port));
    assert.equal(new Set(ports).size, ports.length, "no port is used twice");
    let off = "";
    await until("workers hold what they are counted with", async () => {
      off = (await this.state).workers
        .map(({ worker_id, pid, memory_bytes }) => ({ worker_id, memory_bytes, held: held(pid) }))
        .filter(({ memory_bytes: counted, held }) =>
          Math.abs(counted - held) > MEMORY_TOLERANCE * held
        )
        .map((each) => JSON.stringify(each)).join();
      return off === "";
    }).catch((error) => assert.fail(`${error.message}: ${off}`));
  }

  /** Workers of this pool by the machine's word, whoever their parent is now. */
  processes(): number[] {
    return [...Deno.readDirSync("/proc")]
      .map(({ name }) => Number(name))
      .filter((pid) => pid > 0 && pid !== this.#daemon?.program.pid && this.#isOurs(pid))
      .sort((a, b) => a - b);
  }

  /** Descriptors that the pool manager holds. */
  descriptors(): number {
    return [...Deno.readDirSync(`/proc/${this.pid}/fd`)].length;
  }

  #isOurs(pid: number): boolean {
    try {
      const words = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0");
      const environment = Deno.readTextFileSync(`/proc/${pid}/environ`).split("\0");
      return words.includes("--worker-id") || words.some((word) => word.startsWith("--worker-id="))
        ? isAlive(pid) && environment.includes(`TMPDIR=${this.temporary}`)
        : false;
    } catch {
      return false; // It has ended.
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

/** Memory of a process that is in the machine's memory, in bytes. */
function held(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
}
