import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import {
  type JobEvent,
  jobEvent,
  orchestratorRoutes as routes,
  poolRoutes,
  type PoolState,
  type PoolWorker,
  type TaskRequestInput,
  type WorkerExit,
} from "#shared/contracts/mod.ts";
import { type App, createApp } from "#shared/http/app.ts";
import { bearerAuth } from "#shared/http/auth.ts";
import { type Client, createClient } from "#shared/http/client.ts";
import { listen, type Server } from "#shared/http/serve.ts";
import { createLogger } from "#shared/logging.ts";
import { callbackToken, secretSha256 } from "#shared/secrets.ts";
import { ACCEPTED } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { configSchema, databasePath } from "../config.ts";
import { Orchestratord } from "../daemon.ts";
import { FakeWorker } from "./fake_worker.ts";

/** Fingerprint of the model "counter" of a fake pool, which is its only one by default. */
export const FINGERPRINT = "f".repeat(64);

/** A pool manager without processes: its workers are {@linkcode FakeWorker}s. */
export class FakePool {
  readonly workers = new Map<
    string,
    { worker: FakeWorker; requestId: string; fingerprint: string }
  >();
  /** Its id; to be set before {@linkcode register}. */
  id = "p1";
  devices: PoolState["devices"] = [
    { id: "cpu", kind: "cpu", name: "cpu", total_bytes: 1e10, free_bytes: 1e10 },
  ];
  /** What its files that no worker can load are. */
  unusable: NonNullable<PoolState["unusable"]> = [];
  /** Further names of its models, by their first name. */
  aliases = new Map<string, readonly string[]>();
  /** Lines of its workers' logs, by worker. */
  logs = new Map<string, readonly string[]>();
  /** Bytes of its models' files, and of their workers' memory. */
  modelBytes = 1;
  /** Names and fingerprints of its models. */
  models = new Map([["counter", FINGERPRINT]]);
  /** Fingerprints of models that it fails to load. */
  readonly broken = new Set<string>();
  /** Number of spawn requests. */
  spawns = 0;
  slots = 2;
  /** Whether its models take images; to be set before {@linkcode register}. */
  vision = false;
  /** Whether its models take sound; to be set before {@linkcode register}. */
  audio = false;
  /** What its models' files say; to be set before {@linkcode register}. */
  facts: PoolState["models"][number]["facts"];
  /** Tokens of a slot of a load; undefined: the pool does not say. */
  defaultContext: number | undefined;
  /** Tokens that each new worker may send at first; see {@linkcode FakeWorker.allow}. */
  tokens = Infinity;
  /** Called with each new worker. */
  onSpawn: (id: string, worker: FakeWorker) => void = () => {};
  /** Workers stay `loading` until {@linkcode ready} is called. */
  holdLoads = false;
  #server!: Server;
  #sequence = 0;
  readonly #exits: WorkerExit[] = [];
  #client: Client;
  readonly #token: string | undefined;

  private constructor(orchestratorUrl: string, token?: string) {
    this.#token = token;
    this.#client = createClient({ baseUrl: orchestratorUrl, token });
  }

  /**
   * Opens a pool on a free port.
   *
   * @param token The token for calls to orchestratord; calls to the pool need the token derived from it.
   */
  static async open(orchestratorUrl: string, token?: string): Promise<FakePool> {
    const pool = new FakePool(orchestratorUrl, token);
    pool.#server = await listen({ hostname: "127.0.0.1", port: 0 }, pool.#app(token).fetch);
    return pool;
  }

  #app(token: string | undefined): App {
    const app = createApp({
      title: "fake",
      log: createLogger("fake"),
      authorize: bearerAuth(token && callbackToken(secretSha256(token))),
    });
    app.mount(poolRoutes.spawn, async ({ body }) => {
      if (this.broken.has(body.fingerprint)) {
        throw new LlorchError("WORKER_START_FAILED", "The model is broken");
      }
      const id = `${this.id === "p1" ? "" : `${this.id}-`}worker-${++this.spawns}`;
      const worker = await FakeWorker.open();
      worker.allow(this.tokens);
      this.workers.set(id, {
        worker,
        requestId: body.request_id,
        fingerprint: body.fingerprint,
      });
      this.onSpawn(id, worker);
      queueMicrotask(() => void this.report());
      return { worker_id: id };
    });
    app.mount(poolRoutes.stopWorker, ({ params }) => {
      void this.kill(params.id);
      return ACCEPTED;
    });
    app.mount(poolRoutes.workerLogs, ({ params }) => {
      if (!this.logs.has(params.id)) throw new LlorchError("NOT_FOUND", "There is no such worker");
      return { lines: [...this.logs.get(params.id)!] };
    });
    app.mount(poolRoutes.state, () => this.state());
    return app;
  }

  /** Points the pool to a restarted orchestrator. */
  follow(orchestratorUrl: string): void {
    this.#client = createClient({ baseUrl: orchestratorUrl, token: this.#token });
  }

  async register(): Promise<void> {
    await this.#client.call(routes.registerPool, { body: this.state() });
  }

  async report(): Promise<void> {
    const { models: _, ...state } = this.state();
    await this.#client.call(routes.heartbeat, {
      params: { id: this.id },
      body: { ...state, sequence: ++this.#sequence },
    }).catch(() => {});
  }

  async ready(): Promise<void> {
    this.holdLoads = false;
    await this.report();
  }

  /** Ends a worker's process: its streams break and it is no longer reported. */
  async kill(id: string): Promise<void> {
    const found = this.workers.get(id);
    this.workers.delete(id);
    await found?.worker.close();
    await this.report();
  }

  /** Like {@linkcode kill}, and the pool reports a crash. */
  async crash(id: string): Promise<void> {
    const at = new Date().toISOString();
    const how = { exit_code: null, signal: "SIGSEGV", category: "crash" as const };
    this.#exits.push({ worker_id: id, at, ...how });
    await this.kill(id);
  }

  only(): FakeWorker {
    const [first] = this.workers.values();
    if (!first) throw new Error("There is no worker");
    return first.worker;
  }

  state(): PoolState {
    const nameOf = (wanted: string) =>
      [...this.models].find(([, fingerprint]) => fingerprint === wanted)?.[0];
    const workers = [...this.workers].map((
      [id, { worker, requestId, fingerprint }],
    ): PoolWorker => ({
      worker_id: id,
      request_id: requestId,
      pid: 1,
      model_ref: `file:/models/${nameOf(fingerprint)}.gguf`,
      fingerprint,
      device: this.devices[0]!.id,
      uri: worker.url,
      token: worker.token,
      backend: "fake",
      capabilities: ["generate"],
      state: this.holdLoads ? "loading" : "ready",
      context: 1000,
      slots: this.slots,
      active: 0,
      memory_bytes: this.modelBytes,
    }));
    return {
      pool_id: this.id,
      instance_id: "i1",
      endpoint: this.#server.url,
      version: "0",
      models_revision: 1,
      devices: this.devices,
      unusable: this.unusable,
      models: [...this.models].map(([name, fingerprint]) => ({
        model_ref: `file:/models/${name}.gguf`,
        aliases: [name, ...this.aliases.get(name) ?? []],
        fingerprint,
        path: `/models/${name}.gguf`,
        size_bytes: this.modelBytes,
        architecture: "llama",
        context_length: 1000,
        weight_bytes: this.modelBytes,
        kv_bytes_per_token: 1,
        compute_bytes: 1,
        ...(this.defaultContext === undefined ? {} : {
          default_load: {
            ...{ context: this.defaultContext, slots: this.slots },
            ...{ device_bytes: { cpu: 1 }, host_bytes: 0 },
          },
        }),
        ...(this.vision ? { vision: true as const } : {}),
        ...(this.audio ? { audio: true as const } : {}),
        ...(this.facts ? { facts: this.facts } : {}),
        staged: false,
      })),
      workers,
      exits: this.#exits,
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.workers.values()].map(({ worker }) => worker.close()));
    await this.#server.close(0);
  }
}

/** An orchestrator with a pool, and a client for both. */
export interface Harness {
  readonly pool: FakePool;
  client: Client;
  url: string;
  /**
   * Closes the orchestrator and opens another on the same state.
   *
   * @param between Called with the database between the two.
   */
  restart(between?: (db: DatabaseSync) => void): Promise<void>;
  /** Reads settings again, as after a SIGHUP; those of {@linkcode withHarness} that are not given stay. */
  reload(settings: Record<string, unknown>): void;
  /** All events of a job or of a new task. */
  events(task: TaskRequestInput | string, lastEventId?: number): Promise<Received[]>;
}

/** An event with its SSE id. */
export type Received = JobEvent & { readonly id: number | undefined };

/** Starts everything, runs a test, and stops everything afterwards. */
export async function withHarness(
  settings: Record<string, unknown>,
  test: (harness: Harness) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  const parse = (given: Record<string, unknown>) =>
    configSchema.parse({ port: 0, tick_ms: 20, state_dir: dir, ...given });
  const config = parse(settings);
  const open = () => Orchestratord.open(config, { log: createLogger("test") });
  let daemon = await open();
  const pool = await FakePool.open(daemon.url);
  const harness: Harness = {
    pool,
    client: createClient({ baseUrl: daemon.url }),
    url: daemon.url,
    async restart(between) {
      await daemon.close();
      if (between) {
        using db = new DatabaseSync(databasePath(config.state_dir ?? dir));
        between(db);
      }
      daemon = await open();
      harness.url = daemon.url;
      harness.client = createClient({ baseUrl: daemon.url });
      pool.follow(daemon.url);
    },
    reload(changed) {
      daemon.reload(parse({ ...settings, ...changed }));
    },
    async events(task, lastEventId) {
      const received: Received[] = [];
      for await (const event of follow(harness.client, task, lastEventId)) received.push(event);
      return received;
    },
  };
  try {
    await pool.register();
    await test(harness);
  } finally {
    await pool.close();
    await daemon.close();
    await Deno.remove(dir, { recursive: true });
  }
}

/** Follows the events of a job (by id) or of a new task, each checked against the contract. */
export async function* follow(
  client: Client,
  task: TaskRequestInput | string,
  lastEventId?: number,
  signal?: AbortSignal,
): AsyncGenerator<Received> {
  const headers = lastEventId === undefined ? {} : { "last-event-id": String(lastEventId) };
  const { events } = typeof task === "string"
    ? await client.stream(routes.taskEvents, { params: { id: task }, headers }, { signal })
    : await client.stream(routes.submit, { body: task }, { signal });
  for await (const { event, data, id } of events) {
    const sent = { event, data: JSON.parse(data) };
    const parsed = jobEvent.parse(sent);
    assert.deepEqual(parsed, sent, "An event has fields that the contract does not have");
    yield { ...parsed, id: id === undefined ? undefined : Number(id) };
  }
}

/** The numbers in a job's tokens. */
export function numbers(events: readonly JobEvent[]): number[] {
  return events.flatMap((each) =>
    each.event === "token" ? [Number(each.data.t.replace(/^ w/, ""))] : []
  );
}

/** `length` numbers: from, from + 1, … */
export function range(from: number, length: number): number[] {
  return Array.from({ length }, (_, index) => from + index);
}
