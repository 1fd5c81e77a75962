/**
 * An orchestrator with much to show: hosts, one of them silent, thirty models, hundreds of jobs. Its
 * workers have no engine, so that each of them stays as it is.
 *
 * @module
 */
import { join } from "node:path";
import {
  type CreatedKey,
  orchestratorRoutes as routes,
  type PoolState,
} from "#shared/contracts/mod.ts";
import { type Client, createClient } from "#shared/http/client.ts";
import { createLogger } from "#shared/logging.ts";
import { configSchema } from "../../daemons/orchestratord/config.ts";
import { Orchestratord } from "../../daemons/orchestratord/daemon.ts";
import { FakePool } from "../../daemons/orchestratord/testing/harness.ts";
import { until } from "./stack.ts";

const TOKEN = "the-token-that-the-daemons-share";
const GIB = 2 ** 30;

/** Names of models as people download them. */
const NAMES = [
  ...[
    "llama-3.1-8b-instruct-q4_k_m",
    "llama-3.2-3b-instruct-q8_0",
    "llama-3.3-70b-instruct-q4_k_m",
  ],
  ...["qwen2.5-7b-instruct-q4_k_m", "qwen2.5-coder-14b-q5_k_m", "qwen3-30b-a3b-q4_k_m"],
  ...["qwen3-0.6b-q8_0", "mistral-7b-instruct-v0.3-q4_k_m", "mixtral-8x7b-instruct-v0.1-q4_k_m"],
  ...["gemma-3-270m-it-q4_k_m", "gemma-3-4b-it-q4_k_m", "gemma-3-27b-it-q4_k_m"],
  ...["phi-4-q4_k_m", "phi-4-mini-instruct-q4_k_m", "deepseek-r1-distill-qwen-14b-q4_k_m"],
  ...["nomic-embed-text-v1.5.q8_0", "bge-reranker-v2-m3-q4_k_m", "smollm2-135m-instruct-q4_k_m"],
  ...[
    "smollm2-1.7b-instruct-q4_k_m",
    "granite-3.3-8b-instruct-q4_k_m",
    "olmo-2-7b-instruct-q4_k_m",
  ],
  ...["command-r7b-12-2024-q4_k_m", "yi-1.5-9b-chat-q4_k_m", "falcon3-7b-instruct-q4_k_m"],
  ...["starcoder2-7b-q4_k_m", "codestral-22b-v0.1-q4_k_m", "tinyllama-1.1b-chat-v1.0.q4_k_m"],
  ...["glm-4-9b-chat-q4_k_m", "internlm3-8b-instruct-q4_k_m", "gpt-oss-20b-mxfp4"],
];

/** What its workers have written. */
const LOG = [
  '{"time":"2026-01-04T09:00:01.201Z","level":"info","event":"loading","model":"/models/a.gguf"}',
  '{"time":"2026-01-04T09:00:03.877Z","level":"info","event":"ready","memory_bytes":4831838208}',
];

/** The model that never loads. */
export const BROKEN = "gpt-oss-20b-mxfp4";

const fingerprintOf = (name: string) =>
  NAMES.indexOf(name).toString(16).padStart(4, "0").repeat(16);

/** A stage for {@linkcode withCrowd}. */
export interface Crowd {
  readonly url: string;
  /** A client with the token that allows everything. */
  readonly client: Client;
  readonly token: string;
  /** The pool that serves, and the one that has fallen silent. */
  readonly front: FakePool;
  readonly silent: FakePool;
}

/** Runs a test with the stage, whose one pool is silent and whose queue is long. */
export async function withCrowd(test: (crowd: Crowd) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-crowd-" });
  const tokenFile = join(dir, "token");
  await Deno.writeTextFile(tokenFile, TOKEN, { mode: 0o600 });
  const config = configSchema.parse({
    port: 0,
    tick_ms: 50,
    state_dir: dir,
    token_file: tokenFile,
    queue: { capacity: 500 },
    pools: { heartbeat_interval_ms: 1_000, missed_heartbeats: 3, forget_ms: 3_600_000 },
  });
  const daemon = await Orchestratord.open(config, { log: createLogger("test") });
  const client = createClient({ baseUrl: daemon.url, token: TOKEN });
  const pools = [
    await openPool(daemon.url, "front", NAMES.slice(0, 30), [gpu("cuda0", 80, 21), cpu(256, 190)]),
    await openPool(daemon.url, "attic", NAMES.slice(0, 12), [gpu("cuda0", 24, 9), cpu(64, 40)]),
    await openPool(daemon.url, "cellar", NAMES.slice(6, 20), [cpu(32, 12)]),
  ];
  const [front, silent] = pools as [FakePool, FakePool, FakePool];
  let beats: ReturnType<typeof setInterval> | undefined;
  try {
    for (const pool of pools) await pool.register();
    beats = setInterval(() => {
      for (const pool of pools) if (pool !== silent) void pool.report();
      for (const { worker } of front.workers.values()) worker.allow(front.tokens);
    }, 500);
    await fill(client, daemon.url, front, silent);
    await test({ url: daemon.url, client, token: TOKEN, front, silent });
  } finally {
    clearInterval(beats);
    for (const pool of pools) await pool.close();
    await daemon.close();
    await Deno.remove(dir, { recursive: true });
  }
}

const gpu = (id: string, total: number, free: number): PoolState["devices"][number] => ({
  ...{ id, kind: "cuda", name: "NVIDIA H100 80GB HBM3" },
  ...{ total_bytes: total * GIB, free_bytes: free * GIB },
});

const cpu = (total: number, free: number): PoolState["devices"][number] => ({
  ...{ id: "cpu", kind: "cpu", name: "AMD EPYC 9354 32-Core Processor", asked_only: true },
  ...{ total_bytes: total * GIB, free_bytes: free * GIB },
});

async function openPool(
  url: string,
  id: string,
  names: readonly string[],
  devices: PoolState["devices"],
): Promise<FakePool> {
  const pool = await FakePool.open(url, TOKEN);
  pool.id = id;
  pool.models = new Map(names.map((name) => [name, fingerprintOf(name)]));
  pool.modelBytes = 4.5 * GIB;
  pool.devices = devices;
  pool.slots = 4;
  pool.onSpawn = (id) => pool.logs.set(id, LOG);
  // One file that lies in 28 places.
  pool.aliases.set(
    NAMES[17]!,
    Array.from({ length: 28 }, (_, index) => `file:/data/users/u${index}/models/smollm2.gguf`),
  );
  pool.broken.add(fingerprintOf(BROKEN));
  pool.unusable = [
    {
      name: "llama-3.1-405b-00001-of-00009",
      path: "/models/llama-3.1-405b-00001-of-00009.gguf",
      reason: "Its other 8 parts are not in the folder",
    },
  ];
  return pool;
}

/** Two keys' jobs: 160 that have ended, some that run, and many that wait. */
async function fill(
  client: Client,
  url: string,
  front: FakePool,
  silent: FakePool,
): Promise<void> {
  const key = (name: string): Promise<CreatedKey> =>
    client.call(routes.createKey, {
      body: { name, role: "client", limits: { requests_per_minute: 6_000 } },
    });
  const [site, nightly] = await Promise.all([key("web site"), key("nightly reports")]);
  const as = (secret: string) => createClient({ baseUrl: url, token: secret });
  const submit = (by: Client, model: string, max_tokens: number) =>
    by.call(routes.submit, { body: { model, prompt: "w1", max_tokens, detached: true } });
  const loaded = [NAMES[0]!, NAMES[3]!, NAMES[10]!];
  for (const model of loaded) {
    await client.call(routes.loadModel, { params: { ref: model }, body: { pool_id: "front" } });
  }
  await client.call(routes.loadModel, {
    params: { ref: NAMES[7]! },
    body: { pool_id: "attic" },
  });
  await silent.report();
  await until("the models are loaded", async () => {
    const { workers } = await client.call(routes.workers, {});
    return workers.filter(({ state }) => state === "ready").length >= 4;
  });
  const clients = [as(site.secret), as(nightly.secret), client];
  const ended = [];
  for (let index = 0; index < 160; index++) {
    ended.push((await submit(clients[index % 3]!, loaded[index % 3]!, 3)).job_id);
  }
  await until("the short jobs have ended", async () => {
    const { depth, running } = await client.call(routes.queue, {});
    return depth + running.length === 0;
  });
  // From here on its workers are slow, so that jobs run for minutes.
  front.tokens = 20;
  for (const { worker } of front.workers.values()) worker.allow(front.tokens);
  for (let index = 0; index < 40; index++) {
    await submit(clients[index % 3]!, loaded[index % 2]!, 900);
  }
  await client.call(routes.loadModel, { params: { ref: BROKEN }, body: { pool_id: "front" } })
    .catch(() => {});
  await submit(client, BROKEN, 10).catch(() => {});
  await until("the silent pool is known to be silent", async () => {
    const { pools } = await client.call(routes.pools, {});
    return pools.some(({ pool_id, status }) => pool_id === "attic" && status === "unavailable");
  }, 60_000);
}
